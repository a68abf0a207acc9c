"""Which facts a report holds, in the order in which a person asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tableau2net.analysis.facts.modified import modified
from tableau2net.analysis.facts.orders import error_facts, orders
from tableau2net.analysis.facts.pieces import Fact, Piece
from tableau2net.analysis.facts.stable import ssp_facts, stability_facts
from tableau2net.analysis.facts.structural import structural
from tableau2net.scheme import Parameter

if TYPE_CHECKING:
    from tableau2net.analysis.report import Report


def facts(report: Report) -> tuple[Fact, ...]:
    """Every fact that applies to the report's scheme, flat and in order."""
    return tuple(replace(fact, section=name) for name, found in SECTIONS.items() for fact in found(report))


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
