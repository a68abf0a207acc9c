"""By how much a scheme leaves the unit circle on a symbol, as a polynomial: positive where an odd number of roots is
outside.

Of a one-step scheme |P|² − |Q|², which is positive exactly where |P/Q| > 1. Of one with a history −Π_{i,j} (1 − ζ_i
ζ̄_j) times a positive number, by Schur and Cohn's matrix: it cannot change its sign without a root on the circle, and
so one point decides for all that are connected with it. With z = a + ib it is real in a and b², and with z = ν ŝ(θ)
in ν and y = 1 − cos θ ∈ [0, 2].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import comb, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import Poly, Rational
from sympy.polys.matrices import DomainMatrix

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.reading.linear import Curve, snapped
from tableau2net.exact.balls import Ball
from tableau2net.exact.bernstein import Grid
from tableau2net.exact.polynomials import sign_in

MAX_HISTORY = 8  # steps of a history, beyond which determinants swell
MAX_TERMS = 6000  # of the polynomial in ν and y
DIGITS_KEPT = 220  # binary digits of irrational coefficients

Squares = Mapping[tuple[int, int], Any]  # by powers of z and z̄; symmetric


@dataclass(frozen=True)
class Wave:
    """The symbol along one angle: (real + i sin θ · imaginary)/below, polynomials in x = cos θ; below > 0."""

    real: Poly
    imaginary: Poly
    below: Poly

    @property
    def width(self) -> int:
        """The degree of |ŝ|², and so about what each power of z costs."""
        degrees = ((self.real, 0), (self.imaginary, 1), (self.below, 0))
        return max((int(p.degree()) + more for p, more in degrees if not p.is_zero), default=0)

    def sampled(self, angles: int) -> NDArray[np.complex128]:
        """ŝ in floats, at so many angles from 0 to π."""
        theta = np.linspace(0, np.pi, angles)
        p, q, d = (
            np.polyval([float(c) for c in w.all_coeffs()], np.cos(theta))
            for w in (self.real, self.imaginary, self.below)
        )
        return np.asarray((p + 1j * np.sin(theta) * q) / d, dtype=np.complex128)


@dataclass(frozen=True)
class Excess:
    """A polynomial by powers of ν and y on ν ≥ 0, 0 ≤ y ≤ 2: whole numbers, below and above it where coefficients are
    irrational (the same ones where they are not), times a positive number. What is positive everywhere is divided
    out."""

    lower: Grid
    upper: Grid


def excess(curve: Curve, wave: Wave) -> Excess | None:
    """The polynomial of one factor of Φ on a symbol; None where it vanishes identically. Raises TooMuch."""
    domain = reduce(
        lambda d, p: d.unify(p.domain), (wave.real, wave.imaginary, wave.below), curve.coefficients[-1].domain
    )
    terms = in_parts(squares(curve), domain.zero)
    if curve.rough is not None and curve.steps == 1:
        rough = in_parts(_one_step(*curve.rough), Ball(0, 0.0))
        terms = {k: snapped([c], [rough.get(k, Ball(0, 0.0))])[0] for k, c in terms.items()}
    terms = {k: domain.convert(c) for k, c in terms.items() if c}
    if not terms:
        return None
    top = max(i + 2 * k for i, k in terms)
    if (top + 1) * (top * wave.width + 1) > MAX_TERMS:
        raise TooMuch(
            f"a polynomial of {(top + 1) * (top * wave.width + 1):,} terms in ν and cos θ, at most {MAX_TERMS:,}"
        )
    rows = _rows(terms, wave, domain, top)
    return of_rows(rows, domain)


def of_rows(rows: Grid, domain: Any) -> Excess:
    """The polynomial by powers of ν and y, whole numbers where the domain is ℚ."""
    return _bounded(_reduced(rows), domain)


def squares(curve: Curve) -> Squares:
    """By powers of z and z̄: positive where an odd number of roots ζ is outside the circle."""
    if curve.steps == 1:
        return _one_step(*(list(reversed(p.rep.to_list())) for p in curve.coefficients))
    if curve.steps > MAX_HISTORY:
        raise TooMuch(f"a history of {curve.steps} steps, at most {MAX_HISTORY}")
    return _schur_cohn(curve)


def _one_step(P: Sequence[Any], Q: Sequence[Any]) -> Squares:
    found: dict[tuple[int, int], Any] = {}
    for sign, p in ((1, P), (-1, Q)):
        for j, a in enumerate(p):
            for k, b in enumerate(p):
                term = a * b * sign
                found[j, k] = found[j, k] + term if (j, k) in found else term
    return found


def _schur_cohn(curve: Curve) -> Squares:
    """−det of the matrix Σ_m (a_{k−i+m} ā_{k−j+m} − ā_{i−m} a_{j−m}), positive definite where all roots are inside
    (Henrici 1974, §6.8)."""
    k, field = curve.steps, curve.coefficients[-1].domain
    ring = field["z", "w"]
    z, w = ring.gens
    a, c = (
        [
            sum((ring.convert_from(x, field) * v**n for n, x in enumerate(reversed(p.rep.to_list()))), ring.zero)
            for p in curve.coefficients
        ]
        for v in (z, w)
    )
    matrix = [
        [
            sum((a[k - i + m] * c[k - j + m] - c[i - m] * a[j - m] for m in range(min(i, j) + 1)), ring.zero)
            for j in range(k)
        ]
        for i in range(k)
    ]
    found = DomainMatrix(matrix, (k, k), ring).det()
    return {powers: -x for powers, x in dict(found).items()}


def in_parts(terms: Squares, zero: Any) -> dict[tuple[int, int], Any]:
    """Σ c z^j z̄^k by powers of a = Re z and of w = (Im z)²."""
    found: dict[tuple[int, int], Any] = {}
    for (j, k), c in terms.items():
        low, rest = min(j, k), abs(j - k)
        for u in range(low + 1):  # (a² + w)^low
            for v in range(rest // 2 + 1):  # Re z^rest
                at = (2 * (low - u) + rest - 2 * v, u + v)
                factor = comb(low, u) * comb(rest, 2 * v) * (-1) ** v
                found[at] = found.get(at, zero) + c * factor
    return found


def _rows(terms: Mapping[tuple[int, int], Any], wave: Wave, domain: Any, top: int) -> Grid:
    """By powers of ν and y, with the denominator's power `top` multiplied on. Whole numbers where the domain is ℚ."""
    real, imaginary, below = _in_y(wave, domain)
    square = _times(np.array([0, 2, -1], dtype=object), _times(imaginary, imaginary))  # sin²θ = y(2 − y)
    if domain.is_QQ:
        scale = lcm(*(int(c.denominator) for c in terms.values()))
        terms = {k: int(c * scale) for k, c in terms.items()}
    a = _powers(real, max(i for i, _ in terms))
    w = _powers(square, max(k for _, k in terms))
    d = _powers(below, top)
    rows: list[Any] = []
    for n in range(top + 1):
        row = np.zeros(1, dtype=object)
        for (i, k), c in terms.items():
            if i + 2 * k == n:
                row = _plus(row, _times(a[i], w[k]) * c)
        rows.append(_times(row, d[top - n]))
    width = max(map(len, rows))
    return np.array([[*row, *[0] * (width - len(row))] for row in rows], dtype=object)


def _in_y(wave: Wave, domain: Any) -> list[Any]:
    """The three polynomials in y = 1 − x, lowest power first, times one number; whole where the domain is ℚ."""
    polys = [
        p.set_domain(domain).compose(Poly(1 - p.gen, p.gen, domain=domain))
        for p in (wave.real, wave.imaginary, wave.below)
    ]
    rows = [list(reversed(p.rep.to_list())) or [domain.zero] for p in polys]
    if domain.is_QQ:
        scale = lcm(*(int(c.denominator) for row in rows for c in row))
        rows = [[int(c * scale) for c in row] for row in rows]
    else:
        rows = [[domain.convert(c) for c in row] for row in rows]
    return [np.array(row, dtype=object) for row in rows]


def _powers(p: Any, top: int) -> list[Any]:
    found = [np.array([1], dtype=object)]
    for _ in range(top):
        found.append(_times(found[-1], p))
    return found


def _times(p: Any, q: Any) -> Any:
    if len(p) < len(q):
        p, q = q, p
    product = np.zeros(len(p) + len(q) - 1, dtype=object)
    for k, c in enumerate(q):
        if c:
            product[k : k + len(p)] = product[k : k + len(p)] + p * c
    return product


def _plus(p: Any, q: Any) -> Any:
    if len(p) < len(q):
        p, q = q, p
    total = p.copy()
    total[: len(q)] = total[: len(q)] + q
    return total


def _reduced(rows: Grid) -> Grid:
    """Without powers of ν, y and 2 − y, of which no sign depends."""
    rows = rows[next(n for n, row in enumerate(rows) if any(row)) :]
    rows = rows[:, next(n for n in range(rows.shape[1]) if any(rows[:, n])) :]
    while rows.shape[1] > 1:
        divided, rest = _without_two(rows)
        if any(rest):
            break
        rows = divided
    while rows.shape[0] > 1 and not any(rows[-1]):
        rows = rows[:-1]
    while rows.shape[1] > 1 and not any(rows[:, -1]):
        rows = rows[:, :-1]
    return rows


def _without_two(rows: Grid) -> tuple[Grid, Any]:
    """Each row divided by 2 − y, and what is left of it."""
    quotient = np.zeros((rows.shape[0], rows.shape[1] - 1), dtype=object)
    carry = rows[:, -1] * 0
    for n in range(rows.shape[1] - 1, 0, -1):
        carry = rows[:, n] + carry * 2
        quotient[:, n - 1] = -carry
    return quotient, rows[:, 0] + carry * 2


def _bounded(rows: Grid, domain: Any) -> Excess:
    """Whole numbers around what lies in a number field, the signs kept."""
    if domain.is_QQ:
        return Excess(rows, rows)
    sign, powers = sign_in(domain), [Fraction(1)]
    root = Fraction(*map(int, Rational(domain.ext.as_expr().evalf(DIGITS_KEPT)).as_numer_denom()))
    while len(powers) < domain.mod.degree():
        powers.append(powers[-1] * root)
    bound = (1 + abs(root)) ** len(powers)
    lower, upper = np.zeros_like(rows), np.zeros_like(rows)
    values = {(i, j): domain.convert(x).to_list() for (i, j), x in np.ndenumerate(rows) if x}
    unit = Fraction(2) ** DIGITS_KEPT
    for at, parts in values.items():
        exact = [Fraction(int(c.numerator), int(c.denominator)) for c in reversed(parts)]
        middle = sum((c * p for c, p in zip(exact, powers, strict=False)), Fraction(0))
        slack = sum(map(abs, exact), Fraction(0)) * bound / unit
        low, high = _floor((middle - slack) * unit), -_floor(-(middle + slack) * unit)
        if low <= 0 <= high:  # so small that its digits do not show its sign
            low, high = (max(low, 0), high) if sign(domain.convert(rows[at])) > 0 else (low, min(high, 0))
        lower[at], upper[at] = low, high
    return Excess(lower, upper)


def _floor(x: Fraction) -> int:
    return x.numerator // x.denominator
