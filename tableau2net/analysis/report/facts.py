"""The report as a flat list of facts, each a name and a value that text, HTML and LaTeX can write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tableau2net.analysis.budget import ask, budget, left_out
from tableau2net.analysis.report.catalogue import sections
from tableau2net.analysis.report.finding import Finding, Findings
from tableau2net.analysis.report.pieces import Fact

LEFT_OUT = "left out"


def facts(found: Findings) -> tuple[Fact, ...]:
    """Every fact that applies to a report's table, flat and in order; last what was left out, and why."""
    with budget():
        told = sections(type(found.table)).items()
        every = [x for name, rows in told for x in ask(f"{name} in words", partial(_section, name, rows, found)) or ()]
        missing = dict.fromkeys([*found.left_out, *left_out()])
    return (*every, *(Fact(LEFT_OUT, (str(what),), detail=True, section=LEFT_OUT) for what in missing))


def _section(name: str, rows: Sequence[Finding], found: Findings) -> list[Fact]:
    facts = [replace(fact, section=name) for row in rows for fact in row.facts(found)]
    return [fact for fact in facts if fact.text]  # written now, within the budget
