"""What is found of linear stability and strong stability."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from sympy import Expr, Rational, oo

from tableau2net.analysis.region.regions import Region, region_text, zero_stable_region
from tableau2net.analysis.report.finding import ABSENT, Finding, Findings, Json, silent, where_there
from tableau2net.analysis.report.pieces import Fact, Piece, decimal, number
from tableau2net.analysis.ssp.additive import additive_ssp
from tableau2net.analysis.ssp.coefficient import ssp, ssp_coefficient
from tableau2net.analysis.stability.discovery import discovery_stable
from tableau2net.analysis.stability.periodicity import periodicity
from tableau2net.analysis.stability.phase import Phase, phase
from tableau2net.analysis.stability.verdicts import Stability, stability, zero_stable
from tableau2net.analysis.structure.algebraic import algebraically_stable, circle_contractivity
from tableau2net.scheme import CoefficientTable, Scheme

MEETING = ("(−{}, 0]", "(−∞, 0]")  # an interval whose end is not of it
REAL = ("[−{}, 0]", "(−∞, 0]")  # an interval that ends, and one that does not
IMAGINARY = ("[−{0}i, {0}i]", "all")


def _decided(key: str, name: str = "", **row: Any) -> Finding:
    """A row that is an attribute of the `Stability` of a scheme, of its name."""
    return Finding(f"stability.{key}", name, attrgetter(key), of=stability, **row)


def _decided_at(kind: str, found: Findings) -> Iterator[Fact]:
    """The declared parameter values, at which the verdicts are made."""
    if kind == "declared values":
        yield Fact("decided at", _at_values(found.table)[1:])


def _at_values(table: CoefficientTable) -> tuple[Piece, ...]:
    """``, at k = 0``: the declared values; nothing where there are none."""
    values = tuple(x for p in table.parameters for x in (", ", f"{p.name} = ", p.value))
    return (", at ", *values[1:]) if values else ()


def _function(_: Expr | None, found: Findings) -> Iterator[Fact]:
    known: Stability = found.evidence[stability]
    if known.numerator is not None and known.denominator is not None:
        pieces: tuple[Piece, ...] = (known.numerator,)
        if known.denominator != 1:
            pieces = ("(", known.numerator, ") / (", known.denominator, ")")
        yield Fact("stability function", ("R(z) = ", *pieces), detail=True)
    elif known.characteristic is not None:
        yield Fact("characteristic", ("Φ(ζ, z) = ", known.characteristic), detail=True)


def _angle(degrees: float | None, found: Findings) -> Iterator[Fact]:
    if degrees and not found["stability.a_stable"]:
        yield Fact("A(α)-stable", (f"α ≈ {degrees:.4g}°",))


def _real(end: Expr | None, found: Findings) -> Iterator[Fact]:
    """Open where factors of y'' = f that stay on the circle meet: the step is a Jordan block there."""
    return _interval("real interval", end, MEETING if found["phase.periodicity"] else REAL)


def _imaginary(end: Expr | None, _: Findings) -> Iterator[Fact]:
    return _interval("imaginary interval", end, IMAGINARY)


def _interval(name: str, end: Expr | None, forms: tuple[str, str]) -> Iterator[Fact]:
    """An interval up to an exact number; where that is long, its name in the interval and then what it is."""
    form, whole = forms
    if end is None:
        return
    if end == oo:
        yield Fact(name, (whole,))
    elif end.is_zero:
        yield Fact(name, ("none",))
    elif isinstance(end, Rational) and len(str(end)) <= 12:
        yield Fact(name, (form.format(end),))
    else:
        known, brief = number(end), form.format(decimal(end))
        value = (f"{form.format('x')}, x {known}",) if known.startswith("≈") else (f"{form.format('x')}, x = ", end)
        yield Fact(name, value, brief=brief)


def _zero_stable(holds: bool | None, found: Findings) -> Iterator[Fact]:
    """; exactly where −1 < k ≤ 1."""
    if holds is not None and getattr(found.table, "steps", None):
        region: Region | None = found["stability.zero_stable_region"]
        where = "" if region is None else f"; {region_text(region).removeprefix(f'{region.fact} ')}"
        yield Fact("zero-stable", ("yes" if holds else "no", where.replace("<=", "≤").replace(">=", "≥")))


def _zero_stable_region(scheme: Scheme) -> Region | None:
    return zero_stable_region(scheme) if scheme.parameters else None


def _where_zero_stable(scheme: Scheme, declared: bool) -> str:
    region = _zero_stable_region(scheme)
    return "" if region is None else region_text(region)


def _parts(parts: tuple[Stability, ...], _: Findings) -> Iterator[Fact]:
    for i, part in enumerate(parts, 1):
        if part.function is None:  # no rational function, as that of a flow is none
            continue
        holding = [row.name for row in VERDICTS if row.find(part)]
        pieces: list[Piece] = [", ".join(holding) or "not A-stable"]
        for fact in _interval("", part.real_interval, REAL):
            pieces += [", real interval ", *fact.value]
        yield Fact(f"field {i} alone", tuple(pieces))


def _parts_json(parts: tuple[Stability, ...]) -> Any:
    return [_part_json(part) for part in parts] or ABSENT


def _part_json(part: Stability) -> Json:
    found = {row.short: row.json(row.find(part)) for row in STABILITY if row.of is stability}
    return {key: value for key, value in found.items() if value is not ABSENT}


def _lag(_: Expr | None, found: Findings) -> Iterator[Fact]:
    known: Phase = found.evidence[phase]
    if known.lag_term is not None:
        told = (known.lag_term, f" + …, dispersion of order {known.dispersion_order}")
        yield Fact("phase lag", (*told, *_at_values(found.table)))


def _damping(order: int | Expr | None, found: Findings) -> Iterator[Fact]:
    known: Phase = found.evidence[phase]
    if known.damping_term is not None:
        yield Fact("dissipation", (known.damping_term, f" + …, of order {order}", *_at_values(found.table)))
    elif order is not None:
        yield Fact("dissipation", ("none", *_at_values(found.table)))


def _phase(key: str, **row: Any) -> Finding:
    """A row that is an attribute of the `Phase` of a scheme."""
    return Finding(f"phase.{key}", "", attrgetter(key), of=phase, **row)


def _periodicity(end: Expr | None, _: Findings) -> Iterator[Fact]:
    if end == oo:
        yield Fact("periodicity", ("all ν, P-stable",))
    elif end is not None and end != 0:
        yield Fact("periodicity", ("ν² < ", end))


PHASE = (
    _phase("dispersion_order"),
    _phase("lag", tell=_lag),
    _phase("dissipation_order", tell=_damping),
    _phase("damping"),
    Finding(
        "phase.periodicity",
        "periodicity",
        periodicity,
        tell=_periodicity,
        json=where_there(),
    ),
    Finding(
        "phase.p_stable",
        "P-stable",
        lambda scheme: None if (end := periodicity(scheme)) is None else bool(end == oo),
        tell=silent,
        json=where_there(),
    ),
)
VERDICTS = (_decided("a_stable", "A-stable"), _decided("l_stable", "L-stable"), _decided("i_stable", "I-stable"))
STABILITY = (
    _decided("kind", tell=_decided_at),
    _decided("function", tell=_function),
    _decided("e_polynomial", "E-polynomial", words=lambda square: ("E(y) = ", square), detail=True),
    *VERDICTS,
    _decided("alpha_degrees", tell=_angle),
    _decided("real_interval", tell=_real),
    _decided("imaginary_interval", tell=_imaginary),
    _decided(
        "zero_stable",
        tell=_zero_stable,
        after="stability.kind",
        claimed=lambda scheme, _: zero_stable(scheme),
        reach=_where_zero_stable,
    ),
    Finding("stability.discovery_stable", "discovery-stable", discovery_stable, after="stability.zero_stable"),
    _decided("parts", tell=_parts, json=_parts_json),
    Finding(
        "stability.algebraically_stable", "algebraically stable", algebraically_stable, after="structure.symmetric"
    ),
    Finding(
        "stability.zero_stable_region",
        "zero-stable region",
        _zero_stable_region,
        tell=silent,
        json=lambda region: region and region_text(region),
    ),
)


def _circle(radius: Expr | None, _: Findings) -> Iterator[Fact]:
    """What is algebraically stable has its own line."""
    if radius is not None and radius != oo:
        yield Fact("circle contractivity", (radius,))


STRONG_STABILITY = (
    Finding("ssp.coefficient", "SSP coefficient", lambda value: value, of=ssp_coefficient, claim="ssp"),
    Finding("ssp.additive", "SSP coefficient of the pair", additive_ssp, claim="additive_ssp"),
    Finding("ssp.linear", "linear threshold", attrgetter("linear"), of=ssp),
    Finding("ssp.circle_contractivity", "circle contractivity", circle_contractivity, tell=_circle),
)
