"""LaTeX and HTML: well formed, and what they say is what the scheme is, read back by a small reader of our own."""

import math
import re
import shutil
import subprocess
from html.parser import HTMLParser

import matplotlib.mathtext
import pytest
from hypothesis import given, settings

from tableau2net.analysis.report.notebook import html as report_html
from tableau2net.analysis.report.notebook import latex as report_latex
from tableau2net.analysis.report.report import report
from tableau2net.exact.text import float_of
from tableau2net.scheme import (
    Multistep,
    Parameter,
    RungeKutta,
    load,
)
from tableau2net.scheme.typeset import html, latex
from tableau2net.step import lower
from tableau2net.step.typeset_step import document
from tableau2net.step.typeset_step import latex as step_latex
from tests.schemes import CNAB, IMEX, SCHEMES, STORMER, TWO_STEP, VERLET, named
from tests.strategies import explicit_runge_kutta, multistep

# ------------------------------------------------------------------ a reader of the LaTeX that we write


def balanced(text):
    """Whether braces and environments nest."""
    stack = []
    for token in re.findall(r"\\(?:begin|end)\{[a-z*]+\}|\\left|\\right|\\[{}]|[{}]", text):
        if token in (r"\{", r"\}"):
            continue
        if token.startswith(r"\end") or token in ("}", r"\right"):
            opened = {"}": "{", r"\right": r"\left"}.get(token, token.replace("end", "begin"))
            if not stack or stack.pop() != opened:
                return False
        else:
            stack.append(token)
    return not stack


def arrays(text):
    """The cells of each array, row by row, with the number of columns declared."""
    for columns, body in re.findall(r"\\begin\{array\}\{([c|]+)\}\n(.*?)\n\\end\{array\}", text, re.DOTALL):
        rows = [row.replace(r"\hline", "").strip("\n ") for row in body.split(r"\\")]
        yield columns.count("c"), [[cell.strip() for cell in row.split("&")] for row in rows]


def value(tex, names=None):
    """What an expression of ours is worth: fractions, roots, juxtaposed factors, the names given."""
    names = names or {}
    order = sorted(names, key=len, reverse=True)
    known = {f"v{i}_": names[name] for i, name in enumerate(order)}
    text = tex.replace(r"\left", "").replace(r"\right", "")
    if order:
        pattern = "|".join(re.escape(name) for name in order)
        text = re.sub(rf"(?<![a-z\\])(?:{pattern})", lambda found: f" v{order.index(found[0])}_ ", text)
    while (shorter := re.sub(r"\\sqrt\{([^{}]*)\}", r"(sqrt(\1))", text)) != text or (
        shorter := re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)
    ) != text:
        text = shorter
    text = re.sub(r"(?<=[\w)])\s+(?=[\w(])", "*", text.strip())
    text = re.sub(r"\)(?=\()", ")*", text)
    return eval(text, {"sqrt": math.sqrt, "__builtins__": {}}, known)


def test_the_reader_reads():
    assert balanced(r"\begin{array}{c} {a} \left( b \right) \end{array}")
    assert not balanced(r"\begin{array}{c} {a \end{array}")
    assert not balanced(r"\left( {b")
    assert value(r"\frac{2 h}{3} \left(4 f_{n+1} - \sqrt{4}\right)", {"h": 3.0, "f_{n+1}": 5.0}) == 36


# ------------------------------------------------------------------ tests


@pytest.mark.parametrize("scheme", SCHEMES, ids=named)
def test_latex_is_well_formed(scheme):
    for text in (latex(scheme), step_latex(lower(scheme)), document(scheme), report_latex(report(scheme))):
        assert balanced(text)
        assert text.isascii() or text.startswith("%")  # a title may be anything
    for width, rows in arrays(latex(scheme)):
        assert all(len(row) == width for row in rows)
        parser = matplotlib.mathtext.MathTextParser("path")
        for cell in {cell for row in rows for cell in row if cell}:
            parser.parse(f"${cell}$")


@pytest.mark.parametrize("scheme", [s for s in SCHEMES if isinstance(s, RungeKutta)], ids=named)
def test_a_tableau_read_back_is_the_tableau(scheme):
    ((_, rows),) = arrays(latex(scheme))
    below = [scheme.b] if scheme.b_hat is None else [scheme.b, scheme.b_hat]
    assert len(rows) == scheme.stages + len(below)
    for row, c, numbers in zip(rows, [*scheme.c, *[None] * len(below)], [*scheme.A, *below], strict=True):
        assert row[0] == "" if c is None else value(row[0]) == pytest.approx(float_of(c))
        assert [value(x or "0") for x in row[1:]] == pytest.approx([float_of(x) for x in numbers], abs=1e-15)


@given(multistep(explicit=False))
@settings(max_examples=40)
def test_a_formula_read_back_is_the_method(scheme):
    k = scheme.steps
    at = ["n", *(f"{{n+{j}}}" for j in range(1, k + 1))]
    states = {f"y_{index}": 0.3 + 1.7 * j for j, index in enumerate(at)}
    fields = {f"f_{index}": 1.1 - 0.6 * j * j for j, index in enumerate(at)}
    left, right = latex(scheme).split(" = ")
    assert left == f"y_{at[k]}"
    expected = sum(-float_of(a) * y for a, y in zip(scheme.alpha[:k], states.values(), strict=False))
    expected += 0.25 * sum(float_of(b) * f for b, f in zip(scheme.beta, fields.values(), strict=True))
    assert value(right, states | fields | {"h": 0.25}) == pytest.approx(expected, abs=1e-9)


@given(explicit_runge_kutta())
@settings(max_examples=40)
def test_a_step_read_back_line_by_line_is_the_step(scheme):
    """Each line is evaluated as it is written, for y' = t − y² from (1/3, 2)."""
    h, t, y = 0.125, 1 / 3, 2.0
    known = {"h": h, "t_n": t, "t_{n+1}": t + h, "y_n": y}
    for line in step_latex(lower(scheme)).split("\n")[1:-1]:
        name, text = line.removesuffix(r" \\").split(" &= ")
        if called := re.fullmatch(r"f\\left\((.*), ([^,]*)\\right\)", text):
            known[name] = value(called[1], known) - value(called[2], known) ** 2
        else:
            known[name] = value(text, known)
    ks = []
    for row, c in zip(scheme.A, scheme.c, strict=True):
        stage = y + h * sum(float_of(a) * k for a, k in zip(row, ks, strict=False))
        ks.append(t + h * float_of(c) - stage**2)
    expected = y + h * sum(float_of(b) * k for b, k in zip(scheme.b, ks, strict=True))
    assert known["y_{n+1}"] == pytest.approx(expected, rel=1e-9)


def test_formulas_as_a_person_writes_them():
    assert latex(load("bdf-2")) == r"y_{n+2} = \frac{4}{3} y_{n+1} - \frac{1}{3} y_n + \frac{2 h}{3} f_{n+2}"
    assert latex(load("adams-bashforth-2")).endswith(r"\frac{h}{2} \left(3 f_{n+1} - f_n\right)")
    assert latex(load("lm")) == r"y_{n+2} = \left(1 - k\right) y_{n+1} + k y_n + h f_{n+1}"
    assert latex(STORMER) == r"y_{n+2} = 2 y_{n+1} - y_n + h^2 f_{n+1}"
    assert latex(CNAB).count("f^{[2]}") == 2
    assert latex(IMEX).count(r"\begin{array}") == 2
    assert r"\begin{array}{c|cc|cc}" in latex(TWO_STEP)
    negative = Multistep(alpha=["-1", "1"], beta=["-1", "0"])
    assert latex(negative) == r"y_{n+1} = y_n + h \left(-f_n\right)"
    nothing = Multistep(alpha=["0", "1"], beta=["0", "0"])
    assert latex(nothing) == "y_{n+1} = 0"
    family = RungeKutta(A=[[], ["1/(2*w)"]], b=["1 - w", "w"], parameters=(Parameter("w", load("euler").b[0]),))
    assert "1 - w" in latex(family)
    assert r"\frac{1}{2 w}" in latex(family)


def test_a_step_that_is_solved_and_one_with_several_fields():
    assert step_latex(lower(load("gauss-2"))).count(r"\text{solve (1)}") == 4
    assert r"k^{[2]}_{1} &= f^{[2]}\left(t_n + \frac{1}{2} h, Y_{1}\right)" in step_latex(lower(IMEX))
    assert r"y^{[2]}_{n+1} &= y^{[2]}_n" in step_latex(lower(VERLET))
    assert r"k^{(n-1)}_{2}" in step_latex(lower(TWO_STEP))


class Reader(HTMLParser):
    """The tables of a page as rows of cells; refuses what does not nest."""

    def __init__(self):
        super().__init__()
        self.open, self.tables, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        if tag == "br":
            return
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag == "td":
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if "td" in self.open:
            self.tables[-1][-1][-1] += data


@pytest.mark.parametrize("scheme", SCHEMES, ids=named)
def test_html_is_well_formed(scheme):
    for text in (html(scheme), report_html(report(scheme))):
        page = Reader()
        page.feed(text)
        assert not page.open
        assert scheme.name in page.text
        assert "<script" not in text
        assert all(len({len(row) for row in table}) == 1 for table in page.tables)


def test_html_of_a_tableau():
    page = Reader()
    page.feed(html(load("gauss-2")))
    (table,) = page.tables
    assert table == [["1/2 − √3/6", "1/4", "1/4 − √3/6"], ["1/2 + √3/6", "1/4 + √3/6", "1/4"], ["b", "1/2", "1/2"]]
    hostile = RungeKutta(A=[[]], b=["1"], name="b", title="<script>alert(1)</script>", reference="a & b")
    assert "<script" not in html(hostile)
    assert "a &amp; b" in html(hostile)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.slow
def test_latex_compiles(tmp_path):
    body = "\n\n".join(document(s) for s in SCHEMES) + "\n".join(report_latex(report(s)) for s in SCHEMES)
    preamble = "\\documentclass{article}\\usepackage[utf8]{inputenc}\\usepackage{amsmath}\\begin{document}\n"
    (tmp_path / "all.tex").write_text(f"{preamble}{body}\n\\end{{document}}\n", encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stdout[-2000:]
