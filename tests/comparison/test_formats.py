"""What is written is read back by other means: the csv module, a small reader of LaTeX."""

import csv
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tableau2net.comparison import Finished, Published, Table
from tableau2net.comparison.formats import FORMATS, latex, markdown, markdown_text, safe, tex
from tableau2net.comparison.rows import plain
from tableau2net.comparison.sheet import pivot, sheet
from tableau2net.training import Result

RESULT = Result(
    model="resnet20", scheme="euler", order=1, depth=20, parameters=272_378, options={"coefficients": "fixed"},
    seed=0, recipe={"epochs": 160}, data={"source": "cifar10", "train": 45_000, "validation": 5000, "test": 1000},
    epochs=160, train_loss=0.01, train_error=0.1, validation_error=8.0, test_error=9.0, images_per_second=1000.0,
    seconds=10.0, coefficients={}, versions={}, device={"name": "H100"}, commit=None, date="2026-01-01",
    flops=81_600_000, evaluations=9,
)  # fmt: skip
YAN = Published("Yan 2019, Table 1", epochs=160, train=50_000, test=10_000)
SIGNS = "αβγδεζηθικλμνξπρςστυφχψωΓΔΘΛΞΠΣΦΨΩ−±×≥≤→∞·–—…éüß"
words = st.text(st.one_of(st.characters(min_codepoint=32, max_codepoint=126), st.sampled_from(SIGNS)), max_size=40)


def run(label: str, depth: int, error: float, seed: int = 0, **changes: object) -> Finished:
    published = 8.75 if depth == 20 else 7.51
    result = replace(RESULT, depth=depth, model=f"resnet{depth}", test_error=error, seed=seed, **changes)
    return Finished(result, Path(), label, published, depth)


@pytest.fixture
def table() -> Table:
    runs = [run("ResNet", d, 9 - d / 20 + s / 10, s) for d in (20, 32) for s in (0, 1, 2)]
    runs += [run("LM_k & 5%", d, 8 - d / 20 + s**2 / 10, s) for d in (20, 32) for s in (0, 1, 2)]
    return Table.of(runs, YAN, "ResNet")


READ = {
    "textbackslash{}": "\\", "textasciitilde{}": "~", "textasciicircum{}": "^", "dots{}": "…",
    **{c: c for c in "&%$#_{}"},
}  # fmt: skip
MATH = {
    "<": "<", ">": ">", "|": "|", "-": "−", r"\pm": "±", r"\times": "×", r"\ge": "≥", r"\le": "≤", r"\to": "→",
    r"\infty": "∞", r"\cdot": "·",
}  # fmt: skip
GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "zeta": "ζ",
    "eta": "η",
    "theta": "θ",
    "iota": "ι",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "xi": "ξ",
    "pi": "π",
    "rho": "ρ",
    "varsigma": "ς",
    "sigma": "σ",
    "tau": "τ",
    "upsilon": "υ",
    "varphi": "φ",
    "chi": "χ",
    "psi": "ψ",
    "omega": "ω",
    "Gamma": "Γ",
    "Delta": "Δ",
    "Theta": "Θ",
    "Lambda": "Λ",
    "Xi": "Ξ",
    "Pi": "Π",
    "Sigma": "Σ",
    "Phi": "Φ",
    "Psi": "Ψ",
    "Omega": "Ω",
}


def read_tex(text: str) -> str:
    """What LaTeX sets: of groups their inside, of commands their sign; what is a command by itself is refused."""
    found, i = "", 0
    while i < len(text):
        rest = text[i:]
        if rest[0] == "\\":
            command = next(c for c in sorted(READ, key=len, reverse=True) if rest[1:].startswith(c))
            found, i = found + READ[command], i + 1 + len(command)
        elif rest[0] == "$":
            inside = rest[1 : rest.index("$", 1)]
            found += GREEK.get(inside[1:]) or MATH[inside]
            i += len(inside) + 2
        elif rest[0] == "{":
            inside = rest[1 : rest.index("}")]
            found += {"--": "–", "---": "—", "''": '"'}.get(inside, inside)
            i += len(inside) + 2
        else:
            assert rest[0] not in "&%#_}^~<>|[]*\"'`", rest
            assert not rest.startswith("--")
            found, i = found + rest[0], i + 1
    return found


@given(words)
def test_latex_sets_the_text(text: str) -> None:
    assert read_tex(tex(text)) == text


def test_latex_tells_what_it_cannot_set() -> None:
    assert tex("中") == "U+4E2D"
    assert all(ord(c) < 256 for c in tex("中文 🙂 β"))


def test_a_latex_table_has_a_cell_for_each_column(table: Table) -> None:
    for found in (sheet(table), pivot(table)):
        text = latex(found)
        body = text.partition("\\toprule\n")[2].partition("\\bottomrule")[0]
        lines = [line for line in body.splitlines() if line != "\\midrule"]
        shape = re.search(r"tabular}{@{}([lr]+)@{}}", text)
        assert shape
        assert len(lines) == len(found.rows) + 1
        for line in lines:
            assert len(re.findall(r"(?<!\\)&", line)) + 1 == len(shape[1]) == len(found.headings)
            assert line.endswith(" \\\\")
        first = [read_tex(cell) for cell in re.split(r" (?<!\\)& ", lines[1].removesuffix(" \\\\"))]
        assert tuple(first) == found.rows[0]
        assert text.count("\\begin") == text.count("\\end") == 2


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex")
def test_latex_compiles(table: Table, tmp_path: Path) -> None:
    whole = (
        f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{latex(sheet(table))}\\end{{document}}"
    )
    (tmp_path / "t.tex").write_text(whole)
    subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True)


@given(words)
def test_markdown_keeps_to_its_cell(text: str) -> None:
    marked = markdown_text(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*<\[\]]", marked.replace("\\\\", "")) or not text
    assert re.sub(r"\\([\\`|<\[\]*~&$_])", r"\1", marked) == text


def test_markdown_says_the_caption(table: Table) -> None:
    text = markdown(pivot(table))
    heading, rule, *lines = text.splitlines()
    assert heading == "| network | depth 20 | depth 32 |"
    assert rule == "| --- | ---: | ---: |"
    assert lines[0] == "| ResNet | 8.10 ± 0.10 \\[8.75\\] | 7.50 ± 0.10 \\[7.51\\] |"
    assert lines[1].startswith("| LM_k \\& 5% | **7.17 ± 0.21")
    assert "Not the same protocol (images to train, to test): no reproduction." in lines[-1]


def test_csv_reads_back(table: Table) -> None:
    text = FORMATS[".csv"](table, False)
    assert text.count("\r\n") == text.count("\n") == 5
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert [row["network"] for row in rows] == ["ResNet", "ResNet", "LM_k & 5%", "LM_k & 5%"]
    for row, own, against in zip(rows, table.rows, table.against, strict=True):
        assert float(row["test_error_mean"]) == own.test_error.mean
        assert float(row["test_error_std"]) == own.test_error.std
        assert row["against_p"] == ("" if against.p is None else repr(against.p))
        assert row["against_p_holm"] == ("" if against.p_holm is None else repr(against.p_holm))
        assert (int(row["parameters"]), int(row["flops"]), row["seeds"]) == (272_378, 81_600_000, "0 1 2")
        assert "no reproduction" in row["note"]
    assert float(rows[2]["against_difference"]) < 0  # a number stays one


@given(st.text(max_size=30))
def test_no_cell_of_a_spreadsheet_is_a_formula(text: str) -> None:
    written = safe(text)
    assert written in (text, f"'{text}")
    assert not written.lstrip().startswith(tuple("=+-@"))
    assert written[:1] not in ("\t", "\r", "\n")


def test_names_of_strangers(tmp_path: Path) -> None:
    names = ["=HYPERLINK(1)", "@a", 'a,"b', "[bold]x[/bold]", "a|b", "x\x1b[31m\ny", "\u202eabc", "z" * 300]
    table = Table.of([run(name, 20, 9.0) for name in names])
    assert all(row.network.isprintable() and len(row.network) <= 100 for row in table.rows)
    rows = list(csv.DictReader(io.StringIO(FORMATS[".csv"](table, False), newline=""), strict=True))
    assert [row["network"].removeprefix("'") for row in rows] == [plain(name) for name in names]
    assert rows[0]["network"][0] == rows[1]["network"][0] == "'"
    assert len(json.loads(FORMATS[".json"](table, False))["rows"]) == len(names)
    for ending in (".md", ".tex"):
        assert "\x1b" not in FORMATS[ending](table, False)


def test_json_says_it_all(table: Table) -> None:
    found = json.loads(FORMATS[".json"](table, True))
    assert found["published"]["source"] == "Yan 2019, Table 1"
    assert any("no reproduction" in sentence for sentence in found["caption"])
    assert [row["against"]["test"] for row in found["rows"]] == [None, None, "paired t", "paired t"]
    assert found["rows"][0]["published"] == 8.75


def test_what_is_the_same_is_told_once(table: Table) -> None:
    found = sheet(table)
    assert found.same == {
        "scheme": "euler", "order": "1", "coefficients": "fixed", "parameters": "272,378", "FLOPs": "81.6 M",
        "evaluations": "9", "precision": "float32", "seeds": "3", "seconds/run": "10", "images/s": "1,000",
        "device": "H100",
    }  # fmt: skip
    assert found.headings == (
        "network", "depth", "validation error, %", "test error, %", "published, %", "difference", "p",
    )  # fmt: skip
    assert {found.rows[r][c] for r, c in found.strong} == {"7.17 ± 0.21", "6.57 ± 0.21"}
