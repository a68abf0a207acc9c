"""What a scheme, or a stencil, says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sympy import Expr

from tableau2net.analysis.report.finding import Finding, Findings, Json, json_of
from tableau2net.analysis.report.pieces import Fact, Piece
from tableau2net.analysis.space.moments import derivative_text
from tableau2net.exact.text import exact_json
from tableau2net.scheme import CoefficientTable, Equation, Parameter, Scheme, Stencil, StochasticRungeKutta
from tableau2net.step import lower


def itself(table: CoefficientTable) -> CoefficientTable:
    """The table, as evidence of what it says."""
    return table


def _said(key: str, reads: type[CoefficientTable] = CoefficientTable, **row: Any) -> Finding:
    """A row that is an attribute of the table, where its family has it."""
    return Finding(key, "", lambda table: getattr(table, key, None), reads=reads, of=itself, **row)


def _family(family: str, found: Findings) -> Iterator[Fact]:
    if isinstance(found.table, Stencil):
        yield Fact("family", (", ".join([family, *_shape(found.table)]),))
        return
    if isinstance(found.table, Equation):
        states, d = ", ".join(found.table.states), found.table.dimension
        yield Fact("family", (f"{family}, {states} in {d} dimension{'s' * (d > 1)}",))
        return
    if isinstance(found.table, StochasticRungeKutta):
        of = found.table
        kind = f"{of.calculus.title()}, {of.noise} noise, {'explicit' if of.explicit else 'implicit'}"
        yield Fact("family", (f"{family}, {kind}",))
        return
    counts = [(n, what) for what in ("stages", "steps") if (n := found[what]) is not None]
    sizes = [f"{n} {what if n != 1 else what[:-1]}" for n, what in counts]
    how = [] if found["explicit"] is None else ["explicit" if found["explicit"] else "implicit"]
    yield Fact("family", (", ".join([family, *sizes, *how]),))


def _shape(stencil: Stencil) -> Iterator[str]:
    """∂², 5 points, compact."""
    yield " + ".join(map(derivative_text, stencil.terms))
    yield f"{len(stencil.points)} points"
    yield "explicit" if stencil.left is None else f"compact with {len(stencil.left_points)} on the left"
    if stencil.boundary:
        yield f"{len(stencil.boundary)} row{'s' * (len(stencil.boundary) != 1)} at each end"


def _fields(scheme: Scheme) -> int | None:
    parts = lower(scheme).parts
    return parts if parts > 1 else None


def _parameters(parameters: tuple[Parameter, ...], found: Findings) -> Iterator[Fact]:
    return (Fact("parameter", tuple(_parameter(p)), detail=True) for p in parameters)


def _parameter(p: Parameter) -> Iterator[Piece]:
    yield from (f"{p.name} = ", p.value)
    if p.range is not None:
        yield from (" in [", p.range[0], ", ", p.range[1], "]")
    if p.init is not None:
        yield from (f", learnt from {p.init.kind}(", p.init.first, ", ", p.init.second, ")")


def _parameter_json(p: Parameter) -> Json:
    return {
        "name": p.name,
        "value": exact_json(p.value),
        "range": None if p.range is None else [exact_json(x) for x in p.range],
        "init": None if p.init is None else {p.init.kind: [exact_json(p.init.first), exact_json(p.init.second)]},
    }


def _coefficients_json(coefficients: Mapping[str, Expr]) -> Json:
    return {name: exact_json(c) for name, c in coefficients.items() if not c.is_zero}


def _claims_json(claims: Mapping[str, Any]) -> Json:
    return {key: _claims_json(x) if isinstance(x, Mapping) else json_of(x) for key, x in claims.items()}


def _whatever_the_parameters(table: CoefficientTable, declared: bool) -> str:
    return "exact" if table.digits is None else "decimal"


ABOUT = (
    *map(_said, ("name", "title")),
    _said("family", tell=_family),
    _said("reference"),
    _said("stages", Scheme),
    _said("steps", Scheme),
    Finding("parts", "", _fields, of=itself),
    Finding("explicit", "", lambda scheme: lower(scheme).explicit, of=itself, reach=_whatever_the_parameters),
    _said("derivative", Stencil),
    Finding(
        "explicit", "", lambda stencil: stencil.left is None, reads=Stencil, of=itself, reach=_whatever_the_parameters
    ),
    _said("digits"),
    _said("parameters", tell=_parameters, json=lambda parameters: [_parameter_json(p) for p in parameters]),
    _said("coefficients", json=_coefficients_json),
    _said("claims", json=_claims_json),
)
