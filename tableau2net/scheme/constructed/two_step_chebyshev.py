"""Two-step Runge–Kutta–Chebyshev methods of order two: the result of a Chebyshev recursion and the state before.

    g_j = y + …, with the stability polynomial T_j(w0 + w1 z)/T_j(w0),    y⁺ = (1 − γ) y_(n−1) + γ g_s

(Moisa 2024), for steps of one size. T_s(w0) = 11/10, w1² = T_s/T_s'' and γ = 2 T_s/(T_s + w1 T_s') at w0 make it order
two, on an interval of 1.11 (s² − 1), where one-step methods have 0.81 s². With w0 the numbers are algebraic of degree
s, so that they are given to fifty decimals.
"""

from __future__ import annotations

from typing import Any

import mpmath
from sympy import Rational, S

from tableau2net.scheme.constructed.pattern import SchemePattern, count, register_scheme_patterns
from tableau2net.scheme.general_linear import GeneralLinear

DIGITS = 50
MOST = 16  # stages: the last coefficients of many more are below the decimals


def tsrkc2(s: int) -> GeneralLinear:
    """The method of s stages."""
    mp = mpmath.MPContext()
    mp.dps = DIGITS + 30
    damped = mp.mpf(11) / 10
    x = mp.acosh(damped) / s
    w0 = mp.cosh(x)
    slope = s * mp.sinh(s * x) / mp.sinh(x)
    bend = (s * s * damped - w0 * slope) / (w0 * w0 - 1)
    w1 = mp.sqrt(damped / bend)
    gamma = 2 * damped / (damped + w1 * slope)
    T = [mp.cosh(j * x) for j in range(s + 1)]
    rows: list[list[Any]] = [[mp.mpf(0)] * s]
    for j in range(1, s + 1):
        mu = 2 * w0 * T[j - 1] / T[j] if j > 1 else mp.mpf(1)
        older = rows[j - 2] if j > 1 else rows[0]
        row = [mu * new + (1 - mu) * old for new, old in zip(rows[-1], older, strict=True)]
        row[j - 1] += mu * w1 / w0
        rows.append(row)

    def exact(value: Any) -> Rational:
        return Rational(int(mp.nint(value * 10**DIGITS)), 10**DIGITS)

    weight = exact(gamma)
    return GeneralLinear(
        A=tuple(tuple(map(exact, row[:i])) for i, row in enumerate(rows[:-1])),
        U=((S.One, S.Zero),) * s,
        B=(tuple(exact(gamma * b) for b in rows[-1]), (S.Zero,) * s),
        V=((weight, 1 - weight), (S.One, S.Zero)),
        external=("y", "y-1"),
        digits=DIGITS,
    )


register_scheme_patterns(
    SchemePattern(
        pattern="tsrkc2-{}",
        members=range(2, MOST + 1),
        build=tsrkc2,
        title=lambda s: f"Two-step Runge–Kutta–Chebyshev, {count(s, 'stage')}, fifty decimals",
        reference="Moisa 2024, J. Comput. Appl. Math. 446, 115868",
        claims=lambda s: {"order": 2, "explicit": True, "zero_stable": True},
        kind="general-linear",
    )
)
