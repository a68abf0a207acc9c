"""The rows that everything about a scheme is told from: one for each finding, and the same words and JSON as ever."""

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console
from sympy import Expr

import tableau2net as t2n
from tableau2net.analysis.report.catalogue import claimed, sections, wings
from tableau2net.analysis.report.facts import facts
from tableau2net.analysis.report.register import register_finding
from tableau2net.cli.scheme_display import scheme_view
from tableau2net.errors import InputError
from tableau2net.scheme.claimable import CLAIMS
from tableau2net.scheme.registered import families

ROOT = Path(__file__).parents[2]
KEPT = json.loads(Path(__file__).with_name("reports.json").read_text(encoding="utf-8"))
ROWS = [row for rows in wings().values() for row in rows]


@pytest.mark.parametrize("name", KEPT)
def test_a_report_is_what_it_was(name):
    """Letter by letter: other programs read the JSON, and people the lines."""
    found = t2n.report(t2n.load(name))
    assert json.dumps(found.to_dict()) == json.dumps(KEPT[name]["json"])
    console = Console(file=io.StringIO(), width=110, color_system=None)
    console.print(scheme_view(found))
    assert console.file.getvalue().splitlines() == KEPT[name]["text"]


def test_each_finding_stands_once_and_is_told_once():
    keys = [row.key for row in ROWS]
    assert len(set(keys)) == len(keys)
    told = [row.key for rows in sections().values() for row in rows]
    assert sorted(told) == sorted(keys)


def test_what_a_file_may_claim_is_a_finding_and_in_the_page_about_files():
    rows = {
        row.claim or row.short
        for kind in (t2n.Scheme, *families().values())
        for rows in wings(0, kind).values()
        for row in rows
    }
    assert set(CLAIMS) <= rows
    for name in ("order", "explicit", "symmetric"):  # of both
        assert claimed(name, t2n.Stencil) is not claimed(name)
    (line,) = (x for x in (ROOT / "docs/scheme-files.md").read_text().splitlines() if x.startswith("| `[claims]`"))
    kinds = dict(zip((int, bool, Expr, Mapping), line.split(":", 1)[1].split(";")[:4], strict=True))
    written = {name: kind for kind, names in kinds.items() for name in re.findall(r"`(\w+)`", names)}
    assert written == CLAIMS


def test_each_line_of_a_report_is_in_the_page_about_reports():
    page = (ROOT / "docs/analysis.md").read_text(encoding="utf-8")
    lines = {fact.name for name in KEPT for fact in facts(t2n.report(t2n.load(name), 2)) if fact.section != "scheme"}
    of_a_number = re.compile(r"(control )?order \d+ (misses by|needs)|field \d+ alone")
    assert {name for name in lines if not of_a_number.match(name) and f"`{name}`" not in page} <= {"error estimate"}


def test_a_report_has_its_findings_by_name():
    found = t2n.report(t2n.load("rk4"))
    assert (found.order.order, found.stage_order, found["ssp.linear"]) == (4, 1, 1)
    assert found.stability.a_stable is found["stability.a_stable"] is False
    with pytest.raises(AttributeError, match="colour"):
        _ = found.colour


@pytest.mark.parametrize(
    ("key", "changes", "says"),
    [
        ("Order", {}, "small letters"),
        ("a.b.c", {}, "one dot"),
        ("order", {}, "one of this key"),
        ("order.more", {}, "one of this key"),
        ("stability", {}, "one of this key"),
        ("modified_equation", {}, "one of this key"),
        ("left_out", {}, "one of this key"),
        ("mine", {"name": "two\nlines"}, "one line"),
        ("mine", {"name": "x" * 50}, "at most 40"),
        ("mine", {"claim": float}, "bool, int or sympy.Expr"),
        ("mine.symmetric", {"claim": bool}, "claims.symmetric means something else"),
        ("mine", {"after": "nothing"}, "the key of no finding"),
    ],
)
def test_what_cannot_be_added_is_said_in_a_line(key, changes, says):
    with pytest.raises(InputError, match=says) as caught:
        register_finding(key, **{"name": "mine"} | changes)
    assert "\n" not in str(caught.value)


def test_a_claim_that_nothing_decides_is_said():
    with pytest.raises(InputError, match=r"claims\.colour: nothing is claimed"):
        t2n.check(t2n.RungeKutta(A=[[]], b=["1"], claims={"colour": True}))
