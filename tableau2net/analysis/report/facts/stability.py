"""What a report says of linear stability and strong stability."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sympy import Expr, Rational, oo

from tableau2net.analysis.region.regions import Region, region_text
from tableau2net.analysis.report.facts.pieces import Fact, Piece, decimal, number, yes
from tableau2net.analysis.stability.verdicts import Stability
from tableau2net.scheme import Scheme

if TYPE_CHECKING:
    from tableau2net.analysis.report.findings import Report

REAL = ("[−{}, 0]", "(−∞, 0]")  # an interval that ends, and one that does not


def stability_facts(report: Report) -> Iterator[Fact]:
    """The stability function, the verdicts, the intervals; with several fields, of each alone too."""
    found, scheme = report.stability, report.scheme
    if found.kind == "declared values":
        yield Fact("decided at", tuple(_defaults(scheme)))
    if found.zero_stable is not None and getattr(scheme, "steps", None):
        yield Fact("zero-stable", (yes(found.zero_stable), *_where(report.zero_stable_region)))
    yield from _function(found)
    for name, holds in _verdicts(found):
        yield Fact(name, (yes(holds),))
    if found.alpha_degrees and not found.a_stable:
        yield Fact("A(α)-stable", (f"α ≈ {found.alpha_degrees:.4g}°",))
    if found.real_interval is not None:
        yield _interval("real interval", found.real_interval, REAL)
    if found.imaginary_interval is not None:
        yield _interval("imaginary interval", found.imaginary_interval, ("[−{0}i, {0}i]", "all"))
    for i, part in enumerate(found.parts, 1):
        holding = [name for name, holds in _verdicts(part) if holds]
        pieces: list[Piece] = [", ".join(holding) or "not A-stable"]
        if part.real_interval is not None:
            pieces += [", real interval ", *_interval("", part.real_interval, REAL).value]
        yield Fact(f"field {i} alone", tuple(pieces))


def _where(region: Region | None) -> tuple[str, ...]:
    """; exactly where −1 < k ≤ 1."""
    if region is None:
        return ()
    return ("; " + region_text(region).removeprefix(f"{region.fact} ").replace("<=", "≤").replace(">=", "≥"),)


def _function(found: Stability) -> Iterator[Fact]:
    if found.numerator is not None and found.denominator is not None:
        polynomial = found.denominator == 1
        pieces: tuple[Piece, ...] = (found.numerator,)
        if not polynomial:
            pieces = ("(", found.numerator, ") / (", found.denominator, ")")
        yield Fact("stability function", ("R(z) = ", *pieces), detail=True)
    elif found.characteristic is not None:
        yield Fact("characteristic", ("Φ(ζ, z) = ", found.characteristic), detail=True)
    if found.e_polynomial is not None:
        yield Fact("E-polynomial", ("E(y) = ", found.e_polynomial), detail=True)


def _verdicts(found: Stability) -> list[tuple[str, bool]]:
    asked = (("A-stable", found.a_stable), ("L-stable", found.l_stable), ("I-stable", found.i_stable))
    return [(name, holds) for name, holds in asked if holds is not None]


def _interval(name: str, end: Expr, forms: tuple[str, str]) -> Fact:
    """An interval up to an exact number; where that is long, its name in the interval and then what it is."""
    form, whole = forms
    if end == oo:
        return Fact(name, (whole,))
    if end.is_zero:
        return Fact(name, ("none",))
    if isinstance(end, Rational) and len(str(end)) <= 12:
        return Fact(name, (form.format(end),))
    known, brief = number(end), form.format(decimal(end))
    value = (f"{form.format('x')}, x {known}",) if known.startswith("≈") else (f"{form.format('x')}, x = ", end)
    return Fact(name, value, brief=brief)


def _defaults(scheme: Scheme) -> Iterator[Piece]:
    """The declared parameter values, at which the verdicts are made."""
    for i, p in enumerate(scheme.parameters):
        yield from (", " if i else "", f"{p.name} = ", p.value)


def ssp_facts(report: Report) -> Iterator[Fact]:
    """The step-size coefficients of strong stability preservation."""
    for name, value in (("SSP coefficient", report.ssp.coefficient), ("linear threshold", report.ssp.linear)):
        if value is not None:
            yield Fact(name, (value if isinstance(value, Expr) else str(value),))
