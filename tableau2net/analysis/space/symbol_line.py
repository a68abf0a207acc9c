"""A factor of Φ on a symbol along one angle, z = ν ŝ(θ): whether it is stable at a ν or on a strip of them, proved;
and where floats see growth."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import QQ, Poly

from tableau2net.analysis.reading.linear import Curve, Z
from tableau2net.analysis.space.excess import Excess, Wave, excess
from tableau2net.analysis.stability.unit_disk import in_closed_disk
from tableau2net.exact.bernstein import Grid, moved, reversed_powers
from tableau2net.exact.boxes import non_positive
from tableau2net.exact.polynomials import evaluate, non_negative

ANGLES = {True: 257, False: 65}  # at which floats look, of one-step schemes and of others
GROWN = 1e-10  # what counts as growth when floats look


class SymbolLine:
    """A factor of Φ on a symbol: z = ν ŝ(θ)."""

    def __init__(self, curve: Curve, wave: Wave) -> None:
        self.curve, self.wave, self.steps = curve, wave, curve.steps
        self.excess: Excess | None = excess(curve, wave)

    def stable_at(self, nu: Fraction) -> bool:
        """Whether no root is outside at any angle; exact. Raises TooMuch where it is not decided."""
        if self.excess is not None:
            values = at_step(self.excess.upper, nu)
            found = non_positive(moved(values, 0, Fraction(0), Fraction(2)))
            if not (_never_positive(values) if found is None else found):
                return False
        return (self.excess is not None and self.steps == 1) or self.inside(nu, Fraction(1, 3))

    def below(self, low: Fraction, high: Fraction | None) -> bool | None:
        """Whether the excess is nowhere positive for low ≤ ν ≤ high, and for all ν ≥ low where that is None."""
        assert self.excess is not None
        return non_positive(strip(self.excess.upper, low, high))

    def inside(self, nu: Fraction, x: Fraction) -> bool:
        """Whether no root is outside at one angle; exact."""
        parts = (self.wave.real, self.wave.imaginary, self.wave.below)
        domain = reduce(lambda d, p: d.unify(p.domain), parts, self.curve.coefficients[-1].domain)
        real, imaginary, below = (domain.convert(evaluate(p.set_domain(domain), x)) for p in parts)
        rational = domain.convert(QQ(nu.numerator, nu.denominator))
        a, s = rational * real / below, rational * imaginary / below
        w = s * s * domain.convert(QQ(*(1 - x * x).as_integer_ratio()))
        pairs = [_complex(p, a, w, domain) for p in self.curve.coefficients]
        u, v = (Poly([pair[k] for pair in reversed(pairs)], Z, domain=domain) for k in (0, 1))
        return in_closed_disk(u * u + v * v * Poly([w], Z, domain=domain))

    def grows(self, nu: NDArray[np.float64], angles: int) -> NDArray[np.bool_]:
        """Whether floats see some growth, for each ν."""
        return np.asarray((self.radius(nu, angles) > 1 + GROWN).any(axis=1))

    def radius(self, nu: NDArray[np.float64], angles: int) -> NDArray[np.float64]:
        """The largest |ζ| for each ν, at so many angles from 0 to π, in floats."""
        return radius(self.curve, nu[:, None] * self.wave.sampled(angles))

    def grid(self) -> NDArray[np.float64]:
        """The ν at which floats look."""
        step = 0.01 if self.steps == 1 else 0.05
        return np.asarray(np.exp(np.arange(np.log(1e-3), np.log(1e4), step)) / self.size)

    @cached_property
    def size(self) -> float:
        """max |ŝ|, about."""
        return float(np.abs(self.wave.sampled(257)).max())


def strip(rows: Grid, low: Fraction, high: Fraction | None, whole: bool = True) -> Grid:
    """By powers on the unit box for low ≤ ν ≤ high, 0 ≤ y ≤ 2 (`whole`: or y as it was)."""
    if high is None:
        scale = np.array(
            [low.numerator**n * low.denominator ** (len(rows) - 1 - n) for n in range(len(rows))], dtype=object
        )
        found = reversed_powers(rows * scale[:, None], 0)
    else:
        found = moved(rows, 0, low, high)
    return moved(found, 1, Fraction(0), Fraction(2)) if whole else found


def at_step(rows: Grid, nu: Fraction) -> Grid:
    """By powers of y, at one ν, times a positive number."""
    total, power = rows[-1], 1
    for row in rows[-2::-1]:
        power *= nu.denominator
        total = total * nu.numerator + row * power
    return np.asarray(total)


def _never_positive(values: Grid) -> bool:
    """Whether a polynomial is nowhere positive on [0, 2], where it may touch 0: y = 2t/(1 + t), by the sign of (1 +
    t)^n p."""
    n = len(values) - 1
    t, one = Poly(2 * Z, Z, domain=QQ), Poly(1 + Z, Z, domain=QQ)
    return non_negative(sum((-int(c) * t**k * one ** (n - k) for k, c in enumerate(values)), Poly(0, Z, domain=QQ)))


def _complex(p: Poly, a: Any, w: Any, domain: Any) -> tuple[Any, Any]:
    """p(a + ib) = u + ib·v with w = b²."""
    u, v = domain.zero, domain.zero
    for c in p.rep.to_list():
        u, v = u * a - v * w + domain.convert(c), v * a + u
    return u, v


def radius(curve: Curve, z: NDArray[np.complex128]) -> NDArray[np.float64]:
    """The largest |ζ| at each z, in floats."""
    with np.errstate(all="ignore"):
        values = (np.polyval([float(x) for x in p.all_coeffs()], z) for p in curve.coefficients)
        return largest_root([np.asarray(v, dtype=np.complex128) for v in values])


def largest_root(c: Sequence[NDArray[np.complex128]]) -> NDArray[np.float64]:
    """The largest |ζ| with Σ c_j ζ^j = 0, in floats."""
    with np.errstate(all="ignore"):
        k = len(c) - 1
        if k == 1:
            return np.asarray(np.abs(c[0] / c[1]))
        companion = np.zeros((*c[0].shape, k, k), dtype=complex)
        companion[..., np.arange(1, k), np.arange(k - 1)] = 1
        companion[..., :, k - 1] = -np.stack([x / c[-1] for x in c[:-1]], axis=-1)
        companion[~np.isfinite(companion)] = 1e30
        return np.asarray(np.abs(np.linalg.eigvals(companion)).max(axis=-1))
