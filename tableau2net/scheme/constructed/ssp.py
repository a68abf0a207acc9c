"""Strong-stability-preserving methods that are optimal for any number of stages."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from sympy import Expr, Integer, Rational, S, sqrt

from tableau2net.scheme.constructed.fractions import explicit_table
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.exact_rows import MAX_STAGES
from tableau2net.scheme.runge_kutta import RungeKutta


def ssprk_2(s: int) -> RungeKutta:
    """Explicit, order 2, SSP coefficient s − 1: Euler steps of h/(s − 1), their mean with the start at the end."""
    a = Rational(1, s - 1)
    return RungeKutta(A=tuple((a,) * i for i in range(s)), b=(Rational(1, s),) * s)


def ssprk_3(s: int) -> RungeKutta:
    """Explicit, order 3, s = n² stages, SSP coefficient n² − n: Euler steps of h/(n² − n), and one stage that is a mean
    with an older one (Ketcheson 2008)."""
    n = isqrt(s)
    step, share = Fraction(1, n * n - n), Fraction(n, 2 * n - 1)
    mixed, older = n * (n + 1) // 2, (n - 1) * (n - 2) // 2
    rows = [[Fraction(0)] * s]
    for i in range(1, s + 1):
        row = list(rows[-1])
        row[i - 1] += step
        if i == mixed:
            row = [(1 - share) * new + share * old for new, old in zip(row, rows[older], strict=True)]
        rows.append(row)
    return explicit_table(rows[:-1], rows[-1])


def sspirk_2(s: int) -> RungeKutta:
    """Diagonally implicit, order 2, SSP coefficient 2s: implicit midpoint steps of h/s."""
    return _equal(s, Rational(1, 2 * s), Rational(1, s))


def sspirk_3(s: int) -> RungeKutta:
    """Diagonally implicit, order 3, SSP coefficient s − 1 + √(s² − 1)."""
    root = sqrt(Rational(s - 1, s + 1))
    return _equal(s, (1 - root) / 2, 1 / sqrt(Rational(s * s - 1)))


def _equal(s: int, diagonal: Expr, below: Expr) -> RungeKutta:
    rows = tuple((below,) * i + (diagonal.expand(),) for i in range(s))
    return RungeKutta(A=rows, b=(S.One / s,) * s)


IMPLICIT = "Ferracina and Spijker 2008; Ketcheson, Macdonald and Gottlieb 2009, Appl. Numer. Math. 59, pp. 373-392"

register_scheme_patterns(
    SchemePattern(
        "ssprk-{}2",
        range(2, MAX_STAGES + 1),
        ssprk_2,
        lambda s: f"SSPRK({s},2)",
        "Shu and Osher 1988; Spiteri and Ruuth 2002, SIAM J. Numer. Anal. 40, pp. 469-491",
        lambda s: {"order": 2, "explicit": True, "ssp": Integer(s - 1)},
        9,
    ),
    SchemePattern(
        "ssprk-{}3",
        tuple(n * n for n in range(2, isqrt(MAX_STAGES) + 1)),
        ssprk_3,
        lambda s: f"SSPRK({s},3)",
        "Kraaijevanger 1991; Ketcheson 2008, SIAM J. Sci. Comput. 30, pp. 2113-2136",
        lambda s: {"order": 3, "explicit": True, "ssp": Integer(s - isqrt(s))},
        4,
    ),
    SchemePattern(
        "sspirk-{}2",
        range(2, MAX_STAGES + 1),
        sspirk_2,
        lambda s: f"SSPIRK({s},2), implicit",
        IMPLICIT,
        lambda s: {"order": 2, "explicit": False, "ssp": Integer(2 * s)},
        4,
    ),
    SchemePattern(
        "sspirk-{}3",
        range(2, MAX_STAGES + 1),
        sspirk_3,
        lambda s: f"SSPIRK({s},3), implicit",
        IMPLICIT,
        lambda s: {"order": 3, "explicit": False, "ssp": s - 1 + sqrt(s * s - 1)},
        4,
    ),
)
