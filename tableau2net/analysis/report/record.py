"""The report as JSON: what other programs rely on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from tableau2net.analysis.budget import ask, budget, left_out
from tableau2net.analysis.report.catalogue import LEFT_OUT, wings
from tableau2net.analysis.report.finding import ABSENT, Finding, Findings, Json


def record(found: Findings) -> Json:
    """The object that ``show --json`` prints. Exact numbers are ``{"exact", "value"}``, a tree is its level sequence,
    and what does not apply is null. left_out: what is null because it is more work than a report may be, and why."""
    made: Json = {}
    with budget():
        for name, rows in wings(0, type(found.table)).items():
            for key, value in ask(f"{name} as JSON", partial(_values, rows, found)) or ():
                _put(made, key, value)
        missing = dict.fromkeys([*found.left_out, *left_out()])
    return made | {LEFT_OUT: [{"part": what.part, "why": what.why} for what in missing]}


def _values(rows: Sequence[Finding], found: Findings) -> list[tuple[str, Any]]:
    return [(row.key, row.json(found[row.key])) for row in rows]


def _put(made: Json, key: str, value: Any) -> None:
    """Under a key, in the object that it names before a dot."""
    inside, _, last = key.rpartition(".")
    if value is not ABSENT:
        (made.setdefault(inside, {}) if inside else made)[last] = value
