"""Exponential Adams–Bashforth methods for any number of steps: N is interpolated, and L done exactly.

y_{n+1} = e^{hL} y_n + h ∫_0^1 e^{(1−θ)hL} p(θ) dθ with p through N_n, N_{n−1}, …; ∫_0^1 e^{(1−θ)z} θ^m dθ = m!
φ_{m+1}(z) (Nørsett 1969; Cox & Matthews 2002, eqs. 4 to 9; Hochbruck & Ostermann 2011)."""

from __future__ import annotations

from fractions import Fraction
from math import factorial

from sympy import Integer, Rational, S

from tableau2net.exact.exponentials import MAX_INDEX, Z, phi
from tableau2net.scheme.constructed import polynomial
from tableau2net.scheme.constructed.pattern import SchemePattern, count, register_scheme_patterns
from tableau2net.scheme.exponential import ExponentialMultistep


def exponential_adams(k: int) -> ExponentialMultistep:
    """The method of k steps, of order and stiff order k."""
    basis = polynomial.lagrange([Fraction(-age) for age in range(k - 1, -1, -1)])
    beta = [
        sum(
            (Rational(c.numerator, c.denominator) * factorial(m) * phi(Integer(m + 1), Z) for m, c in enumerate(ell)),
            S.Zero,
        )
        for ell in basis
    ]
    return ExponentialMultistep(alpha=[0] * (k - 1) + [-1, 1], beta=beta)


register_scheme_patterns(
    SchemePattern(
        pattern="exponential-adams-{}",
        members=range(1, MAX_INDEX + 1),
        build=exponential_adams,
        title=lambda k: f"Exponential Adams–Bashforth (ETD), {count(k, 'step')}",
        reference="Nørsett 1969, Lect. Notes Math. 109, pp. 214-219; Hochbruck and Ostermann 2011, BIT 51, pp. 889-908",
        claims=lambda k: {"order": k, "stiff_order": k},
        listed=4,
        kind=ExponentialMultistep.family,
    )
)
