"""The modified equation and the modifying integrator as facts: ``f + h (−1/2 [τ]) + h² (…)``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from tableau2net.analysis.backward.modified import Term
from tableau2net.analysis.reading.trees import bracket
from tableau2net.analysis.report.facts.pieces import SUPERSCRIPTS, Fact, Piece

if TYPE_CHECKING:
    from tableau2net.analysis.report.findings import Report


def modified(report: Report) -> Iterator[Fact]:
    """Both, where they were asked for, and for a linear multistep method the equation of its smooth solution.

    A term's number is its coefficient over its symmetry, what stands before h^(|t|−1) F(t)."""
    if report.differential_form is not None:
        yield Fact("smooth solution", (str(report.differential_form),), detail=True)
    for name, found in (
        ("modified equation", report.modified_equation),
        ("modifying integrator", report.modifying_integrator),
    ):
        if found is not None:
            yield Fact(name, tuple(_field(found)), detail=True)


def _field(found: Sequence[Term]) -> Iterator[Piece]:
    """Term by term, the powers of h drawn out."""
    yield "f̃ = "
    for i, (order, terms) in enumerate(groupby(found, key=lambda term: len(term.tree))):
        power = "" if order == 1 else "h" if order == 2 else "h" + str(order - 1).translate(SUPERSCRIPTS)
        yield (" + " if i else "") + (f"{power} (" if power else "")
        for j, term in enumerate(terms):
            minus = not term.factor.is_Add and term.factor.could_extract_minus_sign()
            size = -term.factor if minus else term.factor
            yield (" − " if minus else " + ") if j else ("−" if minus else "")
            yield from () if size == 1 else ("(", size, ") ") if size.is_Add else (size, " ")
            yield bracket(term.tree, term.colours)
        yield ")" if power else ""
    yield " + …" if found else "0 + …"
