"""Stabilised explicit methods whose polynomials no formula gives: ROCK2, ROCK4 and SERK2, from their published numbers.

ROCK (Abdulle, Medovikov 2001; Abdulle 2002): s − 2 or s − 4 stages by the recursion of polynomials that are orthogonal
with a weight, which carries the complex zeros of the optimal polynomial, and a finishing method of two or four stages,
so that the whole has order 2 or 4. SERK2 (Kleefeld, Martín-Vaquero 2013): ten Chebyshev polynomials one after another,
and a sum over all their stages. The printed numbers of the recursion are taken as they stand, and those that the order
decides are moved, by less than their last digits, to where it is exact; of ROCK4, to eighty decimals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import mpmath

from tableau2net.scheme.constructed import rock2_numbers, rock4_numbers, serk2_numbers
from tableau2net.scheme.constructed.fractions import explicit_table
from tableau2net.scheme.constructed.pattern import SchemePattern, count, register_scheme_patterns
from tableau2net.scheme.exact_rows import MAX_STAGES
from tableau2net.scheme.runge_kutta import RungeKutta

PLACES = (
    20,
    2,
)  # and so many a stage, to which rows are rounded: products of what was printed have hundreds of digits,
# and of a polynomial of degree s on its whole interval a digit a stage is lost
DIGITS = 80  # of the tables of ROCK4
LONGEST = 36  # stages of ROCK4, whose polynomials have no coefficients under these digits
GAMMA = (1, 2, 3, 6, 4, 8, 12, 24)  # of the trees to order 4, as `_Finishing.residuals` has them
Row = list[Fraction]


def _numbers(text: str) -> list[Fraction]:
    return [Fraction(number) for number in text.split()]


def _recursion(numbers: Sequence[Fraction], columns: int) -> list[Row]:
    """y and Y_1 = y + μ_1 h f(y), Y_i = μ_i h f(Y_(i−1)) + (1 + κ_i) Y_(i−1) − κ_i Y_(i−2), in f_0, f_1, …"""
    first, *rest = numbers
    rows = [[Fraction(0)] * columns, _plus([Fraction(0)] * columns, 0, first)]
    for i, (mu, kappa) in enumerate(zip(rest[::2], rest[1::2], strict=True), 1):
        mean = [(1 + kappa) * new - kappa * old for new, old in zip(rows[-1], rows[-2], strict=True)]
        rows.append(_plus(mean, i, mu))
    return rows


def _plus(row: Row, first: int, *weights: Fraction) -> Row:
    found = list(row)
    for j, weight in enumerate(weights, first):
        found[j] += weight
    return found


def _published(numbers: Any, stages: int, finishing: int) -> tuple[list[Row], list[Fraction]]:
    """The rows up to the state that the finishing method starts from, and its numbers."""
    degrees = [int(degree) for degree in numbers.DEGREES.split()]
    at, degree = degrees.index(stages - finishing), stages - finishing
    start = sum(2 * m - 1 for m in degrees[:at])
    recursions, finish = _numbers(numbers.RECURSIONS), _numbers(numbers.FINISH)
    each = len(finish) // len(degrees)
    # ROCK4 estimates its error with f at the new state as well
    rows = _recursion(recursions[start : start + 2 * degree - 1], stages + (finishing == 4))
    one = 10 ** (PLACES[0] + PLACES[1] * stages)
    rounded = [[Fraction(round(x * one), one) for x in row] for row in rows]
    return rounded, finish[each * at : each * (at + 1)]


def rock2(stages: int) -> RungeKutta:
    """Finishing: Z = Y + σ h f(Y), y⁺ = Z + σ h f(Z) + τ h (f(Z) − f(Y)); the last term is the estimate. Order 2 is
    2σ = 1 − c, with c the node of Y, and another equation linear in τ."""
    rows, _ = _published(rock2_numbers, stages, 2)
    m, c = stages - 2, [sum(row, Fraction(0)) for row in rows]
    sigma = (1 - c[m]) / 2
    tau = (Fraction(1, 2) - _dot(rows[m], c) - 2 * sigma * c[m] - sigma**2) / sigma
    last = _plus(rows[m], m, sigma)
    lower = _plus(last, m + 1, sigma)
    return explicit_table([*rows, last], _plus(lower, m, -tau, tau), lower)


def rock4(stages: int) -> RungeKutta:
    """Finishing: a method of four stages from the last Y, with a third-order one that reads the new state too."""
    rows, finish = _published(rock4_numbers, stages, 4)
    start, m = rows[-1], stages - 4
    exact = _Finishing(rows).moved(finish)
    ends = [_plus(start, m, *own) for own in (exact[:1], exact[1:3], exact[3:6], exact[6:10], exact[10:])]
    one = 10**DIGITS
    whole = [[Fraction(round(x * one), one) for x in row] for row in (*rows, *ends)]
    return explicit_table(whole[:-1], whole[-2], whole[-1], digits=DIGITS - 2)


class _Finishing:
    """The conditions of order 4 of a method that ends in four stages of its own, in those stages' numbers.

    A tree's value is that of the rows before, `old`, and of what the four stages add."""

    def __init__(self, rows: list[Row]) -> None:
        self.mp = mpmath.MPContext()
        self.mp.dps = DIGITS + 30
        m = len(rows) - 1
        table = [[self.mp.mpf(x.numerator) / x.denominator for x in row[:m]] for row in rows]
        *table, last = table
        one = [self.mp.mpf(1)] * m
        c = [_dot(row, one) for row in table]
        Ac = [_dot(row, c) for row in table]
        squares = [x * x for x in c]
        vectors = (one, c, squares, Ac, [x**3 for x in c], [x * y for x, y in zip(c, Ac, strict=True)])
        self.old = [_dot(last, v) for v in vectors]
        self.old += [_dot(last, [_dot(row, v) for row in table]) for v in (squares, Ac)]

    def residuals(self, x: Sequence[Any]) -> list[Any]:
        """b·v − 1/γ for τ, [τ], [τ²], [[τ]], [τ³], [τ,[τ]], [[τ²]], [[[τ]]], and for the first four of b̂."""
        values: list[list[Any]] = []  # of the vectors 1, c, c², Ac, c³, c·Ac, Ac², AAc at the stages
        for own in ((), x[:1], x[1:3], x[3:6], x[6:10]):
            sums = self._sums(own, values)
            c, Ac, squares, AAc = sums[0], sums[1], sums[2], sums[3]
            values.append([1, c, c * c, Ac, c**3, c * Ac, squares, AAc])
        conditions = zip((*sums, *self._sums(x[10:], values)[:4]), (*GAMMA, *GAMMA[:4]), strict=True)
        return [total - self.mp.mpf(1) / g for total, g in conditions]

    def _sums(self, own: Sequence[Any], values: list[list[Any]]) -> list[Any]:
        return [old + sum(w * v[k] for w, v in zip(own, values, strict=False)) for k, old in enumerate(self.old)]

    def moved(self, printed: Sequence[Fraction]) -> list[Fraction]:
        """The numbers nearest to those printed that fulfil the conditions: Newton's method, with the least change."""
        x = [self.mp.mpf(p.numerator) / p.denominator for p in printed]
        step = self.mp.mpf(10) ** -(DIGITS // 2)
        for _ in range(5):
            r = self.residuals(x)
            moves = [self.residuals([*x[:j], x[j] + step, *x[j + 1 :]]) for j in range(len(x))]
            J = self.mp.matrix([[(moves[j][i] - r[i]) / step for j in range(len(x))] for i in range(len(r))])
            change = J.T * self.mp.lu_solve(J * J.T, self.mp.matrix(r))
            x = [value - change[j] for j, value in enumerate(x)]
        return [Fraction(int(self.mp.nint(v * 10 ** (DIGITS + 10))), 10 ** (DIGITS + 10)) for v in x]


def serk2(stages: int) -> RungeKutta:
    """Ten times the Chebyshev recursion of s/10 stages with steps of 5/(2s²), and a mean of all states. Three weights,
    the first, the last and one between, are moved to where Σ w = Σ w c = 1 and Σ w Ac = 1/2."""
    step, block = Fraction(5, 2 * stages**2), stages // 10
    rows = [[Fraction(0)] * stages]
    for i in range(stages):
        if i % block == 0:
            rows.append(_plus(rows[-1], i, step))
        else:
            mean = [2 * new - old for new, old in zip(rows[-1], rows[-2], strict=True)]
            rows.append(_plus(mean, i, 2 * step))
    start = sum(other + 1 for other in range(10, stages, 10))
    w = _numbers(serk2_numbers.WEIGHTS)[start : start + stages + 1]
    c = [sum(row) for row in rows]
    d = [_dot(row, c) for row in rows]
    left = [Fraction(1) - sum(w), Fraction(1) - _dot(w, c), Fraction(1, 2) - _dot(w, d)]
    i, j = stages // 2, stages  # c and d are 0 at the first state, which is y
    determinant = c[i] * d[j] - c[j] * d[i]
    w[i] += (left[1] * d[j] - left[2] * c[j]) / determinant
    w[j] += (left[2] * c[i] - left[1] * d[i]) / determinant
    w[0] += 1 - sum(w)
    return explicit_table(rows[:-1], [_dot(w, [row[k] for row in rows]) for k in range(stages)])


def _dot(x: Sequence[Any], y: Sequence[Any]) -> Any:
    return sum(a * b for a, b in zip(x, y, strict=False))


def _family(
    name: str, build: Callable[[int], RungeKutta], stages: Sequence[int], claims: dict[str, object], reference: str
) -> SchemePattern:
    first = " and the first of the next step" if "fsal" in claims else ""
    return SchemePattern(
        pattern=name + "-{}",
        members=stages,
        build=build,
        title=lambda s: f"{name.upper()}, {count(s, 'stage')}{first}, from numbers of fifteen digits",
        reference=reference,
        claims=lambda s: claims | {"explicit": True},
        listed=6,
    )


def _stages(numbers: Any, finishing: int, most: int = MAX_STAGES) -> list[int]:
    return [s for degree in numbers.DEGREES.split() if (s := int(degree) + finishing) <= most]


register_scheme_patterns(
    _family(
        "rock2", rock2, _stages(rock2_numbers, 2), {"order": 2, "embedded_order": 1},
        "Abdulle and Medovikov 2001, Numer. Math. 90, pp. 1-18; numbers as in OrdinaryDiffEq",
    ),
    _family(
        "rock4", rock4, _stages(rock4_numbers, 4, LONGEST), {"order": 4, "embedded_order": 3, "fsal": True},
        "Abdulle 2002, SIAM J. Sci. Comput. 23, pp. 2041-2054; numbers as in OrdinaryDiffEq",
    ),
    _family(
        "serk2", serk2, range(10, 61, 10), {"order": 2},
        "Kleefeld and Martin-Vaquero 2013, Numer. Methods PDEs 29, pp. 170-185; numbers as in OrdinaryDiffEq",
    ),
)  # fmt: skip
