"""What a scheme says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sympy import Expr

from tableau2net.analysis.report.finding import Finding, Findings, Json, json_of
from tableau2net.analysis.report.pieces import Fact, Piece
from tableau2net.exact.text import exact_json
from tableau2net.scheme import Parameter, Scheme
from tableau2net.step import lower


def itself(scheme: Scheme) -> Scheme:
    """The scheme, as evidence of what it says."""
    return scheme


def _said(key: str, **row: Any) -> Finding:
    """A row that is an attribute of the scheme, where its family has it."""
    return Finding(key, "", lambda scheme: getattr(scheme, key, None), of=itself, **row)


def _family(family: str, found: Findings) -> Iterator[Fact]:
    counts = [(n, what) for what in ("stages", "steps") if (n := found[what]) is not None]
    sizes = [f"{n} {what if n != 1 else what[:-1]}" for n, what in counts]
    how = [] if found["explicit"] is None else ["explicit" if found["explicit"] else "implicit"]
    yield Fact("family", (", ".join([family, *sizes, *how]),))


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


def _whatever_the_parameters(scheme: Scheme, declared: bool) -> str:
    return "exact" if scheme.digits is None else "decimal"


ABOUT = (
    *map(_said, ("name", "title")),
    _said("family", tell=_family),
    *map(_said, ("reference", "stages", "steps")),
    Finding("parts", "", _fields, of=itself),
    Finding("explicit", "", lambda scheme: lower(scheme).explicit, of=itself, reach=_whatever_the_parameters),
    _said("digits"),
    _said("parameters", tell=_parameters, json=lambda parameters: [_parameter_json(p) for p in parameters]),
    _said("coefficients", json=_coefficients_json),
    _said("claims", json=lambda claims: {key: json_of(value) for key, value in claims.items()}),
)
