"""Stabilised explicit methods of order one and two: orthogonal polynomials that stay small on a long real interval.

The stability polynomial of stage j is P_j(w0 + w1 z)/P_j(w0), or a_j + b_j P_j(w0 + w1 z) for order two, and the
three-term recursion of P_j is the method (van der Houwen, Sommeijer 1980; Verwer 1996). Chebyshev's polynomials give
RKC, Legendre's RKL, Gegenbauer's with λ = 3/2 RKG. With a rational w0 every coefficient is rational.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from sympy import Rational

from tableau2net.scheme.constructed.fractions import explicit_table
from tableau2net.scheme.constructed.pattern import SchemePattern, count, register_scheme_patterns
from tableau2net.scheme.exact_rows import MAX_STAGES
from tableau2net.scheme.runge_kutta import RungeKutta

Recursion = Callable[[int], tuple[Fraction, Fraction]]


def chebyshev(j: int) -> tuple[Fraction, Fraction]:
    """T_j = 2x T_{j−1} − T_{j−2}, T_1 = x: the factors of x P_{j−1} and of P_{j−2}."""
    return Fraction(2 if j > 1 else 1), Fraction(-1 if j > 1 else 0)


def gegenbauer(order: Fraction) -> Recursion:
    """j C_j = 2(j + λ − 1) x C_{j−1} − (j + 2λ − 2) C_{j−2}; λ = 1/2 is Legendre."""
    return lambda j: (2 * (j + order - 1) / j, -(j + 2 * order - 2) / j if j > 1 else Fraction(0))


legendre = gegenbauer(Fraction(1, 2))


@dataclass(frozen=True)
class _Values:
    """P_0 … P_s at w0, with first and second derivatives."""

    p: list[Fraction]
    slope: list[Fraction]
    bend: list[Fraction]


def _values(recursion: Recursion, s: int, x: Fraction) -> _Values:
    p, slope, bend = [Fraction(1)], [Fraction(0)], [Fraction(0)]
    older = (Fraction(0), Fraction(0), Fraction(0))
    for j in range(1, s + 1):
        factor, rest = recursion(j)
        now = (p[-1], slope[-1], bend[-1])
        p.append(factor * x * now[0] + rest * older[0])
        slope.append(factor * (now[0] + x * now[1]) + rest * older[1])
        bend.append(factor * (2 * now[1] + x * now[2]) + rest * older[2])
        older = now
    return _Values(p, slope, bend)


def first_order(recursion: Recursion, damping: Fraction, s: int) -> RungeKutta:
    """Y_j has the stability polynomial P_j(w0 + w1 z)/P_j(w0), w0 = 1 + ε/s², w1 = P_s(w0)/P_s'(w0)."""
    w0 = 1 + damping / s**2
    at = _values(recursion, s, w0)
    return _recurse(recursion, s, w0, at.p[s] / at.slope[s], [1 / p for p in at.p], at)


def second_order(recursion: Recursion, damping: Fraction, s: int) -> RungeKutta:
    """Y_j has the stability polynomial a_j + b_j P_j(w0 + w1 z), with b_j = P_j''/P_j'^2, a_j = 1 − b_j P_j at w0 and
    w1 = P_s'/P_s''; b_0 = b_1 = b_2 (Verwer, Hundsdorfer, Sommeijer 1990)."""
    w0 = 1 + damping / s**2
    at = _values(recursion, s, w0)
    b = [at.bend[j] / at.slope[j] ** 2 for j in range(2, s + 1)]
    return _recurse(recursion, s, w0, at.slope[s] / at.bend[s], [b[0], b[0], *b], at)


def _recurse(recursion: Recursion, s: int, w0: Fraction, w1: Fraction, b: list[Fraction], at: _Values) -> RungeKutta:
    """Y_j = (1 − μ − ν) y + μ Y_{j−1} + ν Y_{j−2} + μ w1/w0 h (f_{j−1} − a_{j−1} f_0), written out in f_0 … f_{s−1}."""
    rows = [[Fraction(0)] * s]
    for j in range(1, s + 1):
        factor, rest = recursion(j)
        mu = factor * b[j] / b[j - 1]
        nu = rest * b[j] / b[j - 2] if j > 1 else Fraction(0)
        older = rows[j - 2] if j > 1 else rows[0]
        row = [mu * w0 * new + nu * old for new, old in zip(rows[-1], older, strict=True)]
        row[j - 1] += mu * w1
        row[0] -= mu * w1 * (1 - b[j - 1] * at.p[j - 1])
        rows.append(row)
    return explicit_table(rows[:-1], rows[-1])


Method = Callable[[Recursion, Fraction, int], RungeKutta]
VERWER = "Verwer 1996, Appl. Numer. Math. 22, pp. 359-379"


def _family(
    name: str,
    title: str,
    reference: str,
    method: Method,
    recursion: Recursion,
    damping: Fraction | int,
    order: int,
    interval: Callable[[int], Fraction | int | None] = lambda s: None,
) -> SchemePattern:
    return SchemePattern(
        pattern=name + "-{}",
        members=range(order, MAX_STAGES + 1),
        build=partial(method, recursion, Fraction(damping)),
        title=lambda s: f"{title}, {count(s, 'stage')}",
        reference=reference,
        claims=lambda s: {"order": order, "explicit": True} | _claimed(interval(s)),
        listed=5,
    )


def _claimed(interval: Fraction | int | None) -> dict[str, Rational]:
    """The real interval, where a formula has it."""
    whole = Fraction(interval or 0)
    return {"real_interval": Rational(whole.numerator, whole.denominator)} if interval else {}


def _even(numerator: Callable[[int], int], below: int) -> Callable[[int], Fraction | None]:
    """A formula that holds for an even number of stages: with an odd one the interval is longer."""
    return lambda s: None if s % 2 else Fraction(numerator(s), below)


MEYER = "Meyer, Balsara and Aslam 2014, J. Comput. Phys. 257, pp. 594-626"
SKARAS = "after Skaras, Saxton, Meyer and Aslam 2021, J. Comput. Phys. 425, 109879"

register_scheme_patterns(
    _family(
        "chebyshev", "Chebyshev, of order one, undamped",
        "Guillou and Lago 1960; van der Houwen 1977; HW II, sect. IV.2", first_order, chebyshev, 0, 1,
        lambda s: 2 * s * s,
    ),
    _family(
        "rkc1", "Runge–Kutta–Chebyshev, of order one, damping 1/20",
        f"van der Houwen and Sommeijer 1980; HW II, sect. IV.2; {VERWER}", first_order, chebyshev, Fraction(1, 20), 1,
    ),
    _family(
        "rkc2", "Runge–Kutta–Chebyshev, of order two, damping 2/13",
        "Sommeijer, Shampine and Verwer 1998, J. Comput. Appl. Math. 88, pp. 315-326",
        second_order, chebyshev, Fraction(2, 13), 2,
    ),
    _family(
        "rkl1", "Runge–Kutta–Legendre, of order one", MEYER, first_order, legendre, 0, 1, lambda s: s * s + s
    ),
    _family(
        "rkl2", "Runge–Kutta–Legendre, of order two", MEYER, second_order, legendre, 0, 2,
        _even(lambda s: s * s + s - 2, 2),
    ),
    _family(
        "rkg1", "Runge–Kutta–Gegenbauer, of order one", SKARAS, first_order, gegenbauer(Fraction(3, 2)), 0, 1,
        lambda s: Fraction(s * s + 3 * s, 2),
    ),
    _family(
        "rkg2", "Runge–Kutta–Gegenbauer, of order two", SKARAS, second_order, gegenbauer(Fraction(3, 2)), 0, 2,
        _even(lambda s: (s + 4) * (s - 1), 3),
    ),
)  # fmt: skip
