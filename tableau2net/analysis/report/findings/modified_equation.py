"""The equations that a step really follows, and the modifying integrator: ``f + h (−1/2 [τ]) + h² (…)``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from tableau2net.analysis.backward.differential import DifferentialForm, differential_form
from tableau2net.analysis.backward.modified import Term, modified_equation, modifying_integrator
from tableau2net.analysis.order.conditions import order
from tableau2net.analysis.reading.trees import bracket
from tableau2net.analysis.report.finding import Finding, Json
from tableau2net.analysis.report.pieces import SUPERSCRIPTS, Piece
from tableau2net.exact.text import exact_json
from tableau2net.scheme import Scheme


def equations(terms: int) -> tuple[Finding, ...]:
    """Up to an order; for 0, only the equation of a linear multistep method's smooth solution, a term beyond its own.

    A term's number is its coefficient over its symmetry, what stands before h^(|t|−1) F(t)."""

    def smooth(scheme: Scheme) -> DifferentialForm | None:
        return differential_form(scheme, terms or max(2, min(order(scheme) + 1, 20)))

    return (
        Finding(
            "differential_form", "smooth solution", smooth, words=str, detail=True, json=lambda form: form and str(form)
        ),
        _by_trees("modified_equation", "modified equation", modified_equation, terms),
        _by_trees("modifying_integrator", "modifying integrator", modifying_integrator, terms),
    )


def _by_trees(key: str, name: str, find: Callable[[Scheme, int], tuple[Term, ...] | None], terms: int) -> Finding:
    def asked(scheme: Scheme) -> tuple[Term, ...] | None:
        return find(scheme, terms) if terms else None

    return Finding(key, name, asked, words=lambda found: tuple(_field(found)), detail=True, json=_terms_json)


def _field(found: Sequence[Term]) -> Iterator[Piece]:
    """Term by term, the powers of h drawn out."""
    yield "f̃ = "
    for i, (nodes, terms) in enumerate(groupby(found, key=lambda term: len(term.tree))):
        power = "" if nodes == 1 else "h" if nodes == 2 else "h" + str(nodes - 1).translate(SUPERSCRIPTS)
        yield (" + " if i else "") + (f"{power} (" if power else "")
        for j, term in enumerate(terms):
            minus = not term.factor.is_Add and term.factor.could_extract_minus_sign()
            size = -term.factor if minus else term.factor
            yield (" − " if minus else " + ") if j else ("−" if minus else "")
            yield from () if size == 1 else ("(", size, ") ") if size.is_Add else (size, " ")
            yield bracket(term.tree, term.colours)
        yield ")" if power else ""
    yield " + …" if found else "0 + …"


def _terms_json(terms: tuple[Term, ...] | None) -> list[Json] | None:
    if terms is None:
        return None
    return [
        {"tree": list(t.tree), "coefficient": exact_json(t.coefficient), "symmetry": t.symmetry}
        | ({"colours": list(t.colours)} if t.colours else {})
        for t in terms
    ]
