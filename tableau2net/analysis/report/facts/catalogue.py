"""Which facts a report holds, in the order in which a person asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tableau2net.analysis.budget import ask, budget, left_out
from tableau2net.analysis.report.facts.modified_equation import modified
from tableau2net.analysis.report.facts.orders import error_facts, orders
from tableau2net.analysis.report.facts.pieces import Fact, Piece
from tableau2net.analysis.report.facts.stability import ssp_facts, stability_facts
from tableau2net.analysis.report.facts.structural import structural
from tableau2net.scheme import Parameter

if TYPE_CHECKING:
    from tableau2net.analysis.report.findings import Report


LEFT_OUT = "left out"


def facts(report: Report) -> tuple[Fact, ...]:
    """Every fact that applies to the report's scheme, flat and in order; last what was left out, and why."""
    with budget():
        found = [fact for name in SECTIONS for fact in ask(f"{name} in words", partial(_section, name, report)) or ()]
        missing = dict.fromkeys([*report.left_out, *left_out()])
    return (*found, *(Fact(LEFT_OUT, (str(what),), detail=True, section=LEFT_OUT) for what in missing))


def _section(name: str, report: Report) -> list[Fact]:
    found = [replace(fact, section=name) for fact in SECTIONS[name](report)]
    return [fact for fact in found if fact.text]  # written now, within the budget


def _family(report: Report) -> Iterator[Fact]:
    scheme = report.scheme
    counts = [(n, what) for what in ("stages", "steps") if (n := getattr(scheme, what, None)) is not None]
    sizes = [f"{n} {what if n != 1 else what[:-1]}" for n, what in counts]
    how = [] if (explicit := getattr(scheme, "explicit", None)) is None else ["explicit" if explicit else "implicit"]
    yield Fact("family", (", ".join([scheme.family, *sizes, *how]),))
    for p in scheme.parameters:
        yield Fact("parameter", tuple(_parameter(p)), detail=True)


def _parameter(p: Parameter) -> Iterator[Piece]:
    yield from (f"{p.name} = ", p.value)
    if p.range is not None:
        yield from (" in [", p.range[0], ", ", p.range[1], "]")
    if p.init is not None:
        yield from (f", learnt from {p.init.kind}(", p.init.first, ", ", p.init.second, ")")


SECTIONS = {
    "scheme": _family,
    "order": orders,
    "error": error_facts,
    "stability": stability_facts,
    "ssp": ssp_facts,
    "structure": structural,
    "modified": modified,
}
