"""Weights along one axis whose symbol keeps its sign: Re ŵ(θ) = σ (T(s) + |(1 − e^{iθ})^r q(e^{iθ})|²).

By Fejér and Riesz a cosine polynomial that is nowhere negative is the square |·|² of one in e^{iθ}: q is what is
learnt. T are the terms of θ^m, m even, that the order asks for, a series in s = 4 sin²(θ/2) without negative
coefficients; 2r of at least m + p keeps that order.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Poly, Rational, S, Symbol, chebyshevt

from tableau2net.analysis.space.cosines import never_negative
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.exact.polynomials import X
from tableau2net.exact.text import float_of
from tableau2net.nn.space.derivatives import Derivative

Doubles = NDArray[np.float64]
VARIABLE = Symbol("s")
SMALLEST = 0.01  # where q starts that would be 0, and could not move: |q|² has no slope there


@dataclass(frozen=True)
class SignedPart:
    """The even part of weights on the offsets −reach … reach.

    sign: σ.  fixed: the even weights of σ T and the odd weights at the start.  power: r.  start: q, from its lowest
    power."""

    sign: int
    fixed: Doubles
    power: int
    start: Doubles

    def factor(self) -> Doubles:
        """(1 − z)^r times powers of z: what makes a of q, a = B q."""
        reach = self.power + len(self.start) - 1
        binomial = [(-1) ** k * comb(self.power, k) for k in range(self.power + 1)]
        found = np.zeros((reach + 1, len(self.start)))
        for column in range(len(self.start)):
            found[column : column + len(binomial), column] = binomial
        return found


def signed_part(derivative: Derivative, axis: int, order: int, reach: int) -> SignedPart:
    """Of a derivative along one axis. Raises InputError where its symbol changes sign, or has no real part that says
    which it is."""
    m = derivative.orders[axis]
    weights = {at[axis]: weight for at, weight in derivative.points.items()}
    even = [(weights.get(j, S.Zero) + weights.get(-j, S.Zero)) / 2 for j in range(reach + 1)]
    real = even[0] + 2 * sum((e * chebyshevt(j, 1 - VARIABLE / 2) for j, e in enumerate(even) if j), start=S.Zero)
    power = -(-(m + order) // 2)
    truth = S.Zero if m % 2 else _series(m, power)
    sign = (-1) ** (m // 2) if m % 2 == 0 else _sign(Poly(real, VARIABLE), derivative)
    rest = Poly(sign * real - truth, VARIABLE)
    quotient, remainder = rest.div(Poly(VARIABLE**power, VARIABLE))
    if reach < power:
        raise InputError(
            f"keep_dissipative: {derivative.name} of order {order} reaches {power} points; write a larger size"
        )
    if not remainder.is_zero or not _nowhere_negative(quotient):
        raise InputError(f"keep_dissipative: what the stencil of {derivative.name} damps is not of that form itself")
    odd = np.array([float_of((weights.get(j, S.Zero) - weights.get(-j, S.Zero)) / 2) for j in range(-reach, reach + 1)])
    return SignedPart(sign, odd + sign * _weights_of(truth, reach), power, _root(quotient, reach - power))


def _series(m: int, power: int) -> Expr:
    """θ^m as a series in s, below s^power: θ² = Σ 2 (k!)² s^{k+1}/(2k + 2)! (of arcsin²)."""
    square, term = S.Zero, Rational(1)
    for k in range(power):
        square += term * VARIABLE ** (k + 1)
        term = term * Rational((k + 1) ** 2, (2 * k + 3) * (2 * k + 4))
    whole = Poly(square ** (m // 2), VARIABLE)
    return sum((c * VARIABLE**n for (n,), c in whole.terms() if n < power), start=S.Zero)


def _weights_of(value: Expr, reach: int) -> Doubles:
    """Even weights of a polynomial in s = 2 − z − 1/z."""
    found = np.zeros(2 * reach + 1)
    for (n,), c in Poly(value, VARIABLE).terms():
        for k in range(2 * n + 1):  # s^n = (−1)^n (1 − z)^{2n}/z^n
            if c:
                found[reach + k - n] += float_of(c) * (-1) ** (n + k) * comb(2 * n, k)
    return found


def _sign(real: Poly, derivative: Derivative) -> int:
    if real.is_zero:
        raise InputError(
            f"keep_dissipative: the stencil of {derivative.name} damps nothing, so that it is not known which sign to "
            "keep; start from a one-sided one, upwind-3 say"
        )
    return 1 if real.eval(2) > 0 or (real.eval(2) == 0 and real.eval(4) > 0) else -1


def _nowhere_negative(value: Poly) -> bool:
    """On 0 ≤ s ≤ 4, exactly."""
    if value.is_zero:
        return True
    cosines = value.as_expr().subs(VARIABLE, 2 - 2 * X)
    return never_negative(Poly(cosines, X, domain=domain_of(value.all_coeffs()).domain))


def _root(value: Poly, degree: int) -> Doubles:
    """q with |q(e^{iθ})|² = value, by the roots outside the unit circle; a little beside 0, where it is 0."""
    found = np.zeros(degree + 1)
    if value.is_zero:
        found[0] = SMALLEST
        return found
    n = value.degree()
    full = _weights_of(value.as_expr(), n)
    roots = sorted(np.roots(full[::-1]), key=abs)[n:] if n else []
    monic = np.real(np.poly(roots))[::-1] if n else np.ones(1)
    found[: n + 1] = np.sqrt(full[n] / (monic**2).sum()) * monic
    return found
