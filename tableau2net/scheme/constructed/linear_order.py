"""Explicit methods with as many stages as their order on linear problems with constant coefficients.

Their stability polynomial is the exponential series cut off after z^s. On other problems the order is two, which
is what is claimed here.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from sympy import S

from tableau2net.scheme.constructed.fractions import explicit_table
from tableau2net.scheme.constructed.pattern import SchemePattern, count, register_scheme_patterns
from tableau2net.scheme.exact_rows import MAX_STAGES
from tableau2net.scheme.runge_kutta import RungeKutta


def jameson(s: int) -> RungeKutta:
    """Y_{i+1} = y + h/(s − i + 1) f(Y_i): one field value is kept at a time (Jameson, Schmidt and Turkel 1981)."""
    rows = [[Fraction(int(j == i - 1), s - i + 1) for j in range(s)] for i in range(s + 1)]
    return explicit_table(rows[:-1], rows[-1])


def linear_ssp(s: int) -> RungeKutta:
    """Euler steps of h and a mean of them all, Σ_k α_k (I + hF)^k; SSP coefficient 1 (Gottlieb, Shu and Tadmor 2001).

    e^z = e^−1 e^(1 + z) to order s: α_k = Σ_{m ≤ s − k} (−1)^m/m! / k!, k = 0 … s."""
    alpha = [_alternating(s - k) / _factorial(k) for k in range(s + 1)]
    b = [sum(alpha[j + 1 :], Fraction(0)) for j in range(s)]
    return explicit_table([[Fraction(int(j < i)) for j in range(s)] for i in range(s)], b)


def _factorial(n: int) -> Fraction:
    return Fraction(1) if n == 0 else n * _factorial(n - 1)


def _alternating(n: int) -> Fraction:
    """Σ_{m ≤ n} (−1)^m/m!."""
    return sum((Fraction((-1) ** m) / _factorial(m) for m in range(n + 1)), Fraction(0))


def _family(
    name: str, build: Callable[[int], RungeKutta], title: str, reference: str, last: int, **facts: Any
) -> SchemePattern:
    return SchemePattern(
        pattern=name + "-{}",
        members=range(2, last + 1),
        build=build,
        title=lambda s: f"{title}, {count(s, 'stage')}",
        reference=reference,
        claims=lambda s: {"order": 2, "explicit": True, **facts},
        listed=4,
    )


register_scheme_patterns(
    _family(
        "jameson",
        jameson,
        "Jameson–Schmidt–Turkel",
        "Jameson, Schmidt and Turkel 1981, AIAA 81-1259",
        MAX_STAGES,
    ),
    _family(
        "ssprk-linear",
        linear_ssp,
        "SSP of full order on linear problems",
        "Gottlieb, Shu and Tadmor 2001, SIAM Rev. 43, pp. 89-112",
        20,
        ssp=S.One,
    ),
)
