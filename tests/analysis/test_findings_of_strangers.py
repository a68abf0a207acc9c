"""Another's package adds findings in one file, and they stand wherever ours do; what is wrong with them is said."""

import json
import os
import subprocess
import sys

import pytest

MODULE = """
import sympy
from sympy import Expr

import tableau2net as t2n


@t2n.register_finding("positive_weights", "weights positive", claim=bool, after="structure.symmetric")
def positive(scheme):
    b = getattr(scheme, "b", None)
    return None if b is None else all(x > 0 for x in b)


@t2n.register_finding("theirs.largest_weight", "largest weight", words=lambda x: (x, " h"), claim=Expr)
def largest(scheme):
    return max(scheme.b)


@t2n.register_finding("theirs.raising", "what raises", claim=bool)
def raising(scheme):
    raise ValueError("no\\nidea\\x1b[2J")


@t2n.register_finding("theirs.unwritten", "what cannot be written", words=lambda x: 1 / 0)
def unwritten(scheme):
    return object()


for kind, value in {"nothing": sympy.nan, "whole": sympy.Integer(10) ** 5000, "complex": sympy.I, "set": {1}}.items():
    t2n.register_finding(f"odd.{kind}", f"odd {kind}")(lambda scheme, value=value: value)


@t2n.register_finding("theirs.another_kind", "another kind", claim=bool)
def another(scheme):
    return "yes"


@t2n.register_finding("theirs.reach", "reach", claim=int, reads=t2n.Stencil, after="stability.kind")
def reach(stencil):
    return max(abs(j) for offset in stencil.points for j in offset)


@t2n.register_finding("theirs.coefficients", "how many coefficients", reads=t2n.scheme.CoefficientTable)
def coefficients(table):
    return len(table.coefficients)
"""
RUN = """
import contextlib, io, json, sys
from tableau2net.cli import main

def run(*arguments):
    sys.argv, out, err, code = ["tableau2net", *arguments], io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return code, out.getvalue(), err.getvalue()

found = {
    "check": run("check", "true.toml", "false.toml", "--json"),
    "undecided": run("check", "undecided.toml"),
    "unsound": run("check", "unsound.toml"),
    "json": run("show", "rk4", "--json"),
    "text": run("show", "rk4"),
    "stencil": run("show", "central-1-4", "--json"),
    "compare": run("compare", "rk4", "bdf-2", "--markdown"),
}
import tableau2net as t2n
from tableau2net.analysis.budget import budget
report = t2n.report(t2n.load("rk4"))
found |= {"html": report._repr_html_(), "latex": report._repr_latex_(), "value": report.positive_weights}
found["alone"] = [(c.claim, c.undecided) for c in t2n.check(t2n.load("undecided.toml")).claims]

@t2n.register_finding("theirs.endless", "what never ends")
def endless(scheme):
    while True:
        pass

with budget(0.5):
    found["endless"] = t2n.report(t2n.load("euler")).to_dict()
print(json.dumps(found))
"""
EULER = 'format = 1\nfamily = "runge-kutta"\nA = [[]]\nb = ["1"]\n[claims]\norder = 1\n'
FILES = {
    "true": 'positive_weights = true\nlargest_weight = "2/2"\n',
    "false": "positive_weights = false\n",
    "undecided": "raising = true\nanother_kind = true\n",
    "unsound": "positive_weights = 1\n",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What the commands say where the package is installed."""
    site, here = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("here")
    (site / "theirs.py").write_text(MODULE)
    info = site / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tableau2net.findings]\ntheirs = theirs\n")
    for name, claims in FILES.items():
        (here / f"{name}.toml").write_text(EULER + claims)
    path = os.pathsep.join([str(site), *(x for x in sys.path if x)])
    environment = os.environ | {"PYTHONPATH": path, "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=here, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_they_stand_in_the_json(said):
    code, out, err = said["json"]
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert record["positive_weights"] is said["value"] is True
    assert record["theirs"]["largest_weight"] == {"exact": "1/3", "value": 1 / 3}
    assert [*record][-4:] == ["positive_weights", "theirs", "odd", "left_out"]
    assert record["odd"] == {
        "nothing": {"exact": "nan", "value": None},
        "whole": {"exact": None, "value": None, "digits": 5001},
        "complex": None,
        "set": None,
    }


def test_they_are_told_wherever_a_scheme_is(said):
    _, text, _ = said["text"]
    lines = [line.split("  ")[0].strip() for line in text.splitlines()]
    assert lines[lines.index("symmetric") + 1] == "weights positive"
    for told in (text, said["html"], said["latex"]):
        assert "largest weight" in told
        assert "weights positive" in told
    assert "reach" not in text
    assert "how many coefficients" in text
    _, table, _ = said["compare"]
    assert "| largest weight | 1/3 h | – |" in table


def test_those_of_stencils_stand_in_the_report_of_a_stencil(said):
    """Also one that is to be told after a line that only schemes have."""
    code, out, err = said["stencil"]
    assert (code, err) == (0, "")
    assert json.loads(out)["theirs"] == {"reach": 2, "coefficients": 5}


def test_what_is_wrong_with_one_is_said_in_a_line_and_ends_nothing(said):
    left_out = {x["part"]: x["why"] for x in json.loads(said["json"][1])["left_out"]}
    assert left_out == {
        "what raises": "ValueError: no idea\\x1b[2J",
        "another kind": "found a str, true or false is expected",
        "what cannot be written as JSON": "TypeError: Object of type object is not JSON serializable",
        "odd complex as JSON": "TypeError: Cannot convert complex to float",
        "odd set as JSON": "TypeError: Object of type set is not JSON serializable",
    }
    (line,) = (x for x in said["text"][1].splitlines() if "what cannot be written" in x)
    assert "ZeroDivisionError" in line
    assert "\x1b" not in said["text"][1]


def test_files_claim_them(said):
    code, out, err = said["check"]
    assert (code, err) == (1, "")
    true, false = json.loads(out)
    assert {c["claim"]: c["ok"] for c in true["claims"]} == {
        "order": True,
        "positive_weights": True,
        "largest_weight": True,
    }
    assert [c["ok"] for c in false["claims"]] == [True, False]
    code, _, err = said["undecided"]
    assert (code, "claims.raising, claims.another_kind: not decided, ValueError: no idea" in err) == (2, True)
    assert said["alone"][1:] == [
        ["raising", "ValueError: no idea\\x1b[2J"],
        ["another_kind", "found a str, true or false is expected"],
    ]


def test_what_a_file_claims_of_them_is_read_as_strictly(said):
    code, out, err = said["unsound"]
    assert (code, out) == (2, "")
    assert err == "tableau2net: unsound.toml: claims.positive_weights = 1: true or false is expected\n"


def test_one_that_never_ends_is_left_out(said):
    assert {"part": "what never ends", "why": "took too long"} in said["endless"]["left_out"]
    assert said["endless"]["theirs"]["endless"] is None
    assert said["endless"]["positive_weights"] is True
