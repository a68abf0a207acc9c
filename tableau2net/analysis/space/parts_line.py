"""An additive scheme on symbols along one angle, one for each field: z_p = ν ŝ_p(θ).

The coefficients of ζ^j in Φ(ζ; z_1, z_2, …) are polynomials in ν, y = 1 − cos θ and t = i sin θ, whose square is
−y(2 − y); their conjugates are those at −t. The excess is −det of Schur and Cohn's matrix of them, which without a
history is |P|² − |Q|².
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property, reduce
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import QQ, ZZ, Poly
from sympy.polys.matrices import DomainMatrix

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.reading.linear import Curve, Z
from tableau2net.analysis.space.excess import MAX_HISTORY, MAX_TERMS, Excess, Wave, of_rows
from tableau2net.analysis.space.symbol_line import SymbolLine, largest_root
from tableau2net.analysis.stability.unit_disk import in_closed_disk

Powers = tuple[int, ...]
NAMES = ("nu", "y", "t")


class PartsLine(SymbolLine):
    """A factor of Φ with open weights (`weighted_curve`) on a symbol for each field."""

    def __init__(self, curve: Curve, waves: Sequence[Wave]) -> None:
        self.curve, self.waves, self.steps = curve, waves, curve.steps
        self.terms = [_by_field(p, len(waves)) for p in curve.coefficients]
        self.own = curve.coefficients[-1].domain.domain
        self.field: Any = reduce(lambda d, p: d.unify(p.domain), (p for w in waves for p in _three(w)), self.own)
        self.polynomials = self._polynomials()
        self.excess = self._excess()

    def inside(self, nu: Fraction, x: Fraction) -> bool:
        """Whether no root is outside at one angle; exact."""
        field = self.field
        square = field.convert(QQ(*(1 - x * x).as_integer_ratio()))
        rows: tuple[list[Any], list[Any]] = [], []
        for p in self.polynomials:
            parts = [field.zero, field.zero]
            for (i, j, k), c in p.terms():
                number = QQ(*(nu**i * (1 - x) ** j).as_integer_ratio())
                parts[k] += field.convert_from(c, p.ring.domain) * field.convert(number)
            for row, part in zip(rows, parts, strict=True):
                row.insert(0, part)
        u, v = (Poly(row, Z, domain=field) for row in rows)
        return in_closed_disk(u * u + v * v * Poly([square], Z, domain=field))

    def radius(self, nu: NDArray[np.float64], angles: int) -> NDArray[np.float64]:
        """The largest |ζ| for each ν, at so many angles from 0 to π, in floats."""
        z = [nu[:, None] * wave.sampled(angles) for wave in self.waves]
        with np.errstate(all="ignore"):
            return largest_root([_value(terms, z) for terms in self._floats])

    @cached_property
    def _floats(self) -> list[dict[Powers, float]]:
        return [{powers: float(self.own.to_sympy(c)) for powers, c in terms.items()} for terms in self.terms]

    @cached_property
    def size(self) -> float:
        """The largest |ŝ| of a field, about."""
        return max(float(np.abs(wave.sampled(257)).max()) for wave in self.waves)

    def _polynomials(self) -> list[Any]:
        """The coefficients of ζ^j by powers of ν, y and t, of t at most one, all times one positive number; whole where
        they are rational."""
        top = max(sum(powers) for terms in self.terms for powers in terms)
        width = 1 + max(wave.width for wave in self.waves)
        if (2 * self.steps * top + 1) * (2 * self.steps * top * width + 1) > 4 * MAX_TERMS:
            raise TooMuch(f"a polynomial of degree {2 * self.steps * top} in ν and cos θ on so many points")
        over = self.field[NAMES]
        nu, y, t = over.gens
        below = [_at(w.below, 1 - y, over) for w in self.waves]
        symbols = [nu * (_at(w.real, 1 - y, over) + t * _at(w.imaginary, 1 - y, over)) for w in self.waves]
        symbols = [z * b for z, b in zip(symbols, _others(below, over.one), strict=True)]
        powers = [_powers(z, top) for z in (reduce(lambda p, q: p * q, below), *symbols)]
        return _whole([_combined(terms, powers, top, over) for terms in self.terms])

    def _excess(self) -> Excess | None:
        """The determinant as rows of powers of ν and y."""
        k, a = self.steps, self.polynomials
        if k > MAX_HISTORY:
            raise TooMuch(f"a history of {k} steps, at most {MAX_HISTORY}")
        over, zero = a[0].ring.to_domain(), a[0].ring.zero
        c = [p.compose(p.ring.gens[2], -p.ring.gens[2]) for p in a]
        matrix = [
            [
                _reduced(sum((a[k - i + m] * c[k - j + m] - c[i - m] * a[j - m] for m in range(min(i, j) + 1)), zero))
                for j in range(k)
            ]
            for i in range(k)
        ]
        found = -_reduced(DomainMatrix(matrix, (k, k), over).det())
        if not found:
            return None
        rows = np.zeros([1 + found.degree(x) for x in found.ring.gens[:2]], dtype=object)
        rows[:] = self.field.zero if self.field.is_AlgebraicField else 0
        for (i, j, _), number in found.terms():
            rows[i, j] = int(number) if over.domain.is_ZZ else number
        return of_rows(rows, self.field)


def _three(wave: Wave) -> tuple[Poly, Poly, Poly]:
    return wave.real, wave.imaginary, wave.below


def _by_field(p: Poly, fields: int) -> dict[Powers, Any]:
    """c z_1^a z_2^b by (a, b), of c z^{a+b} w_1^a w_2^b."""
    return {tuple(at[:fields]): c for weights in p.rep.to_list() if weights for at, c in weights.terms()}


def _at(p: Poly, value: Any, over: Any) -> Any:
    """A polynomial at an element of a ring."""
    total = over.zero
    for c in p.rep.to_list():
        total = total * value + over.convert_from(c, p.domain)
    return total


def _others(values: Sequence[Any], one: Any) -> list[Any]:
    """The product of all but each."""
    return [reduce(lambda p, q: p * q, (v for j, v in enumerate(values) if j != i), one) for i in range(len(values))]


def _powers(value: Any, top: int) -> list[Any]:
    found = [value.ring.one]
    for _ in range(top):
        found.append(_reduced(found[-1] * value))
    return found


def _combined(terms: Mapping[Powers, Any], powers: Sequence[Sequence[Any]], top: int, over: Any) -> Any:
    """Σ c z_1^a z_2^b, over the denominators' power `top`."""
    total = over.zero
    for at, c in terms.items():
        factors = (each[n] for each, n in zip(powers, (top - sum(at), *at), strict=True))
        total = total + reduce(lambda p, q: _reduced(p * q), factors) * over.domain.convert(c)
    return total


def _reduced(p: Any) -> Any:
    """With t² = −y(2 − y) until t is left at most once."""
    y = p.ring.gens[1]
    by_power: dict[int, Any] = {}
    for (i, j, k), c in p.terms():
        by_power.setdefault(k // 2, p.ring.zero)[i, j, k % 2] = c
    return sum((part * (y * (y - 2)) ** n for n, part in by_power.items()), p.ring.zero)


def _whole(polynomials: Sequence[Any]) -> list[Any]:
    """Times their common denominator, where they are rational."""
    over = polynomials[0].ring
    if not over.domain.is_QQ:
        return list(polynomials)
    scale = lcm(*(int(c.denominator) for p in polynomials for c in p.coeffs()))
    return [p.mul_ground(scale).set_ring(over.clone(domain=ZZ)) for p in polynomials]


def _value(terms: Mapping[Powers, float], z: Sequence[NDArray[np.complex128]]) -> NDArray[np.complex128]:
    total = np.zeros_like(z[0])
    for at, c in terms.items():
        factor = np.full_like(z[0], c)
        for x, n in zip(z, at, strict=True):
            factor = factor * x**n
        total = total + factor
    return total
