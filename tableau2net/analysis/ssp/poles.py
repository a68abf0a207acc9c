"""The poles of a rational function and its partial fractions, exactly where a pole lies in the coefficients' field,
else in proven enclosures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mpmath
from mpmath import iv
from sympy import Expr, Poly

from tableau2net.exact.enclosure import Enclosure, enclose

BITS = 320  # of the enclosures


@dataclass(frozen=True)
class Pole:
    """A pole p with the coefficients κ_l of Σ_l κ_l/(p − z)^l, l = 1..m, each a complex interval.

    exact: the signs of the κ_l where p is real and lies in the field of the coefficients."""

    place: Any
    parts: tuple[Any, ...]
    real: bool
    exact: tuple[int, ...] | None = None


def poles(N: Poly, D: Poly, sign: Any) -> list[Pole] | None:
    """The poles of N/D in lowest terms; None where roots of D lie too close to tell them apart."""
    found: list[Pole] = []
    for factor, m in D.sqf_list()[1]:
        for part, own in _linear_parts(factor):
            if part.degree() == 1:
                found.append(_exact(N, D, part, m * own, sign))
                continue
            roots = _separated(part)
            if roots is None:
                return None
            found += [Pole(p, _parts(_shifted(N, p), _shifted(D, p), m), real) for p, real in roots]
    return found


def _linear_parts(factor: Poly) -> list[tuple[Poly, int]]:
    """A square-free polynomial split into irreducible ones where that is cheap, as it is over ℚ."""
    if factor.degree() < 2 or not factor.domain.is_QQ:
        return [(factor, 1)]
    return list(factor.factor_list()[1])


def _exact(N: Poly, D: Poly, linear: Poly, m: int, sign: Any) -> Pole:
    a, b = linear.rep.to_list()
    place = -b / a
    n, d = (taylor(p.rep.to_list(), place) for p in (N, D))
    parts = _quotient(n, d, m, D.domain.zero)
    to_interval = D.domain.to_sympy
    return Pole(
        iv.mpc(enclose(to_interval(place)), 0),
        tuple(iv.mpc(enclose(to_interval(x)), 0) for x in parts),
        True,
        tuple(map(sign, parts)),
    )


def taylor(coefficients: list[Any], at: Any) -> list[Any]:
    """The coefficients about `at`, lowest first, of a polynomial given highest first: by repeated Horner."""
    left, found = list(coefficients), []
    while left:
        for i in range(1, len(left)):
            left[i] = left[i] + left[i - 1] * at
        found.append(left.pop())
    return found


def _shifted(p: Poly, at: Any) -> list[Any]:
    return taylor([iv.mpc(x, 0) for x in _intervals(p)], at)


def _intervals(p: Poly) -> list[Enclosure]:
    values: list[Expr] = p.all_coeffs()
    return [enclose(c) for c in values]


def _parts(n: list[Any], d: list[Any], m: int) -> tuple[Any, ...]:
    return tuple(_quotient(n, d, m, iv.mpc(0, 0)))


def _quotient(n: list[Any], d: list[Any], m: int, zero: Any) -> list[Any]:
    """κ_l = (−1)^l g_{m−l} where N/E = Σ g_t (z − p)^t and D = (z − p)^m E."""
    e = d[m:]
    g: list[Any] = []
    for t in range(m):
        known = sum((e[i] * g[t - i] for i in range(1, min(t, len(e) - 1) + 1)), zero)
        g.append(((n[t] if t < len(n) else zero) - known) / e[0])
    return [g[m - k] * (-1) ** k for k in range(1, m + 1)]


def _separated(part: Poly) -> list[tuple[Any, bool]] | None:
    """A box around each root of a square-free polynomial, and whether the root is real.

    Within n|p(a)/p'(a)| of any point a lies a root; n disjoint disks hold one root each, and one that meets its own
    mirror image holds a real one."""
    n = part.degree()
    with mpmath.workprec(BITS):
        try:
            guesses = mpmath.polyroots(
                [mpmath.mpf(c.evalf(BITS // 3)) for c in part.all_coeffs()], maxsteps=200, extraprec=BITS
            )
        except mpmath.libmp.libhyper.NoConvergence:
            return None
        disks = []
        coefficients = [iv.mpc(x, 0) for x in _intervals(part)]
        for a in guesses:
            value, slope = iv.mpc(0, 0), iv.mpc(0, 0)
            at = iv.mpc(a.real, a.imag)
            for c in coefficients:
                slope = slope * at + value
                value = value * at + c
            low = iv.sqrt(slope.real**2 + slope.imag**2).a
            if not low > 0:
                return None
            disks.append((a, mpmath.mpf((n * iv.sqrt(value.real**2 + value.imag**2) / low).b)))
        for i, (a, r) in enumerate(disks):
            if any(abs(a - b) <= 2 * (r + s) for b, s in disks[:i]):
                return None
        boxes = []
        for a, r in disks:
            real = bool(abs(a.imag) <= r)
            side = iv.mpf([-r, r])
            boxes.append((iv.mpc(iv.mpf(a.real) + side, 0 if real else iv.mpf(a.imag) + side), real))
        return boxes
