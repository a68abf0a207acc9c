"""Dense output: the solution between t and t + h from the stages of the step, y(t + θh) ≈ y + h Σ_i b_i(θ) k_i.

With A given, the order conditions Σ_i b_i(θ) k_i(t) = θ^|t|/γ(t) are linear in the b_i (HNW I, II.6, eq. 6.3). To the
stages come f at both ends of the step, where no stage is there. Then the cubic Hermite interpolant is a solution to
order 3, and any polynomial that is continuous with its derivative from step to step is

    b(θ) = Hermite(θ) + θ²(1 − θ)² g(θ),

so that for |t| ≥ 4 the conditions say of g(θ) = Σ_m G_m θ^m, at each tree by itself,

    Σ_i k_i(t) G_m,i = (|t| − 3 − m)/γ(t)   (0 for m > |t| − 4)

since θ^n minus its Hermite interpolant is θ²(1 − θ)² Σ_m (n − 3 − m) θ^m. That derivatives join costs no order: b'(0)
and b'(1) meet the conditions of every order that the method itself has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sympy import Expr, Rational, S

from tableau2net.analysis.order.conditions import nodes_are_row_sums, order_conditions
from tableau2net.analysis.reading.step_reading import Reading
from tableau2net.analysis.reading.trees import Forest, forest
from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain
from tableau2net.exact.linear_systems import Decimals, Exact, Matrix
from tableau2net.scheme import RungeKutta, Scheme
from tableau2net.step import Evaluate, Step, lower

LONGEST = 15_000  # bits of the common denominator, times stages: beyond, exact elimination takes seconds
MAX_DEGREE = 2  # of a number field, for the same reason
DIGITS = 60  # that are carried instead
PRINTED = 34  # of dense output that a source has, in some forty digits: decimals to which its conditions hold
MAX_TREES = 300  # of one order
HERMITE = ((0, 0, 3, -2), (0, 1, -2, 1), (0, 0, -1, 1))  # of the values at 1, and of the slopes at 0 and 1


@dataclass(frozen=True)
class Dense:
    """y(t + θh) ≈ y + h Σ_i b_i(θ) k_i, continuous with its derivative from step to step.

    weights: for each value k_i the coefficients of b_i(θ), of θ⁰ first. First come the stages, then those that a scheme
        has for dense output, then f at the start and at the end of the step where no stage is there.
    start, end: which of the values are f(t, y) and f(t + h, y_new).
    order: the largest q ≤ p to which all conditions hold for every θ: the local error is O(h^(q+1)).
    exact: False where the weights are floats, the table being of decimals or of very long fractions.
    """

    weights: tuple[tuple[Expr, ...], ...]
    start: int
    end: int
    order: int
    exact: bool


@cache
def dense_weights(scheme: Scheme) -> Dense:
    """The continuous extension of a Runge–Kutta method, of the highest order that its stages allow.

    What the conditions leave open is chosen for the smallest error of the next order: Σ_t ∫₀¹ (residual/σ(t))² dθ,
    with polynomials of the lowest degree, 3 or the order. (Dormand–Prince: Shampine's quartic; Shampine 1986.)
    Raises InputError for another family, open parameters, or a method of order 0.
    """
    if not isinstance(scheme, RungeKutta):
        raise InputError(
            f"{scheme.name}: dense output is derived for Runge–Kutta methods, not for {scheme.family} ones"
        )
    if scheme.parameters:
        raise InputError(f"{scheme.name}: give its parameters values first, scheme.at_defaults() say")
    return declared_output(scheme) if scheme.dense_b else _Extension(scheme).solved()


def declared_output(scheme: RungeKutta) -> Dense:
    """Dense output as a scheme has it, its order to the decimals of the scheme, `PRINTED` where it has none."""
    assert scheme.dense_b is not None
    whole = scheme.with_dense_stages()
    step, names, start, end = _with_ends(whole, scheme.digits or PRINTED)
    reading = Reading(step, forest(with_time=not nodes_are_row_sums(scheme)), digits=scheme.digits or PRINTED)
    weights = [[reading.domain.convert(x) for x in row] for row in scheme.dense_b]
    order, p = 0, order_conditions(scheme).order
    while order < p and _holds(reading, names, weights, order + 1):
        order += 1
    rows = tuple((S.Zero, *row) for row in scheme.dense_b)
    rows += ((S.Zero,),) * (len(names) - len(rows))
    return Dense(rows, start, end, order, False)


def dense_order(scheme: Scheme) -> int | None:
    """The order of the dense output that a scheme has; None where it has none of its own."""
    return dense_weights(scheme).order if isinstance(scheme, RungeKutta) and scheme.dense_b else None


def _holds(reading: Reading, names: list[str], weights: list[list[Any]], n: int) -> bool:
    """Whether Σ_i b_i(θ) k_i(t) = θ^n/γ(t) for all trees of n nodes."""
    degree = max(n, *map(len, weights))
    for tree in reading.forest.of_order(n):
        for m in range(1, degree + 1):
            given = zip(names, weights, strict=False)
            terms = (row[m - 1] * reading.value(name, tree) for name, row in given if len(row) >= m)
            wanted = reading.domain.rational(1, reading.forest.gamma[tree]) if m == n else reading.domain.zero
            if sum(terms, reading.domain.zero) - wanted:
                return False
    return True


class _Extension:
    """The linear algebra of one scheme: columns are the values k_i, rows are trees."""

    def __init__(self, scheme: RungeKutta) -> None:
        found = order_conditions(scheme)
        if found.order < 1:
            raise InputError(f"{scheme.name}: a method of order {found.order} has no dense output")
        self.p = found.order
        step, self.names, self.start, self.end = _with_ends(scheme)
        self.forest: Forest = forest(with_time=not nodes_are_row_sums(scheme))
        self.reading = Reading(step, self.forest, digits=scheme.digits)
        domain = self.reading.domain
        self.algebra: Any = Decimals(scheme.digits or DIGITS)
        self.exact = isinstance(domain, Domain) and _quick(domain, self.reading.length, len(self.names))
        if self.exact:
            self.algebra = Exact(domain)  # type: ignore[arg-type]
        elif scheme.digits is None:
            self.reading = Reading(step, self.forest, digits=DIGITS)
        extra = len(self.names) - scheme.stages
        self.b = [self.algebra.convert(b) for b in (*scheme.b, *(S.Zero,) * extra)]

    def solved(self) -> Dense:
        order, g, kernel = self._highest()
        if order > 3:
            g = self._refined(order, g, kernel)
        weights = [self._hermite(i) + [self.algebra.zero] * max(order - 3, 0) for i in range(len(self.names))]
        for i, row in enumerate(g):
            for m, coefficient in enumerate(row):
                _add(weights[i], [coefficient * c for c in (0, 0, 1, -2, 1)], m)
        columns = tuple(tuple(map(self.algebra.expression, row)) for row in weights)
        return Dense(columns, self.start, self.end, order, self.exact)

    def _highest(self) -> tuple[int, Matrix, Matrix]:
        """The largest order that g can give, some g for it (a row a value), and what may be added to its columns."""
        reached: tuple[int, Matrix, Matrix] = (min(self.p, 3), [], [])
        left: Matrix = []
        trees: list[int] = []
        for n in range(1, self.p + 1):
            if self.forest.count(n) > MAX_TREES:
                break
            left += [self._values(tree) for tree in self.forest.of_order(n)]
            trees += self.forest.of_order(n)
            if n < 4:
                continue
            right = [[self._wanted(tree, m) for m in range(n - 3)] for tree in trees]
            found = self.algebra.solved(left, right)
            if found is None:
                break
            reached = n, *found
        return reached

    def _refined(self, q: int, g: Matrix, kernel: Matrix) -> Matrix:
        """g + kernel · W with the smallest residual of order q + 1; S W T = −V are the normal equations."""
        if not kernel or self.forest.count(q + 1) > MAX_TREES:
            return g
        one, powers = self.algebra.rational(1, 1), range(q - 3)
        basis = [_shifted([one, -2 * one, one], m + 2) for m in powers]  # θ^m θ²(1 − θ)²
        T = [[self._integral(u, v) for v in basis] for u in basis]
        S_, V = _zeros(self.algebra, len(kernel), len(kernel)), _zeros(self.algebra, len(kernel), len(basis))
        for tree in self.forest.of_order(q + 1):
            scale = self.algebra.rational(1, self.forest.sigma[tree])
            values = [scale * x for x in self._values(tree)]
            z = [sum((x * y for x, y in zip(column, values, strict=True)), self.algebra.zero) for column in kernel]
            residual = self._residual(q, g, values, self.algebra.rational(1, self.forest.gamma[tree]) * scale)
            moments = [self._integral(residual, u) for u in basis]
            for i, zi in enumerate(z):
                for j, zj in enumerate(z):
                    S_[i][j] += zi * zj
                for m, moment in enumerate(moments):
                    V[i][m] -= zi * moment
        right = self.algebra.solved(T, [list(row) for row in zip(*V, strict=True)])  # T is symmetric: T Xᵗ = Vᵗ
        found = right and self.algebra.solved(S_, [list(row) for row in zip(*right[0], strict=True)])
        if not found:
            return g
        W = found[0]
        return [
            [
                x + sum((kernel[k][i] * W[k][m] for k in range(len(kernel))), self.algebra.zero)
                for m, x in enumerate(row)
            ]
            for i, row in enumerate(g)
        ]

    def _residual(self, q: int, g: Matrix, values: list[Any], over_gamma: Any) -> list[Any]:
        """What is missing at one tree of order q + 1, as a polynomial in θ."""
        total = [self.algebra.zero] * (q + 2)
        total[q + 1] -= over_gamma
        for i, value in enumerate(values):
            if value:
                _add(total, [value * c for c in self._hermite(i)], 0)
                for m, coefficient in enumerate(g[i]):
                    _add(total, [value * coefficient * c for c in (0, 0, 1, -2, 1)], m)
        return total

    def _hermite(self, i: int) -> list[Any]:
        """The coefficients of b_i where g = 0."""
        one, zero = self.algebra.rational(1, 1), self.algebra.zero
        parts = (self.b[i], one if i == self.start else zero, one if i == self.end else zero)
        return [sum((part * row[k] for part, row in zip(parts, HERMITE, strict=True)), zero) for k in range(4)]

    def _values(self, tree: int) -> list[Any]:
        """k_i(t) of every value."""
        for name in self.names:
            self.reading.value(name, tree)
        if not self.exact:
            return [self.algebra.ball(self.reading.value(name, tree)) for name in self.names]
        # a field value carries one factor of the reading's scale less than its tree has nodes
        one, scale = self.algebra.rational(1, self.forest.gamma[tree]), self.algebra.rational(self.reading.scale, 1)
        return [(self.reading.error(name, tree) + one) * scale for name in self.names]

    def _wanted(self, tree: int, m: int) -> Any:
        n = self.forest.order[tree]
        return self.algebra.rational(max(n - 3 - m, 0), self.forest.gamma[tree])

    def _integral(self, u: Sequence[Any], v: Sequence[Any]) -> Any:
        """∫₀¹ u v dθ."""
        rational = self.algebra.rational
        pairs = ((a * b, i + j + 1) for i, a in enumerate(u) if a for j, b in enumerate(v) if b)
        return sum((ab * rational(1, n) for ab, n in pairs), self.algebra.zero)


def _with_ends(scheme: RungeKutta, digits: int | None = None) -> tuple[Step, list[str], int, int]:
    """The step with f at both ends evaluated, the names of all values, and which of them those two are."""
    step = lower(scheme)
    names = [f"k{i + 1}" for i in range(scheme.stages)]
    start, end = stages_at_ends(scheme, digits)
    extra = []
    if start is None:
        start = len(names)
        names.append("f_start")
        extra.append(Evaluate("f_start", ("y",), S.Zero, 0))
    if end is None:
        end = len(names)
        names.append("f_end")
        extra.append(Evaluate("f_end", (step.result,), S.One, 0))
    return replace(step, operations=(*step.operations, *extra)), names, start, end


def stages_at_ends(scheme: RungeKutta, digits: int | None = None) -> tuple[int | None, int | None]:
    """The stages, from 0, that are f at the start and at the end of the step; None where there is none. To the decimals
    of the scheme, or to those that are given."""
    stages = range(scheme.stages)
    start = next((i for i in stages if not any(scheme.A[i]) and not scheme.c[i]), None)
    return start, next((i for i in stages if _at_the_end(scheme, i, digits or scheme.digits)), None)


def _at_the_end(scheme: RungeKutta, i: int, digits: int | None) -> bool:
    """Whether a stage is the result of the step, to so many decimals."""
    unit = Rational(0) if digits is None else Rational(scheme.stages, 10**digits)
    pairs = zip((*scheme.A[i], scheme.c[i]), (*scheme.b, S.One), strict=True)
    return all(x == y or (digits is not None and abs(x - y) <= unit) for x, y in pairs)


def _quick(domain: Domain, length: int, columns: int) -> bool:
    """Whether exact elimination takes less than a second or so; length: the bits of a common denominator."""
    degree = 1 if domain.domain.is_QQ else domain.domain.mod.degree()
    return length * columns <= LONGEST and degree <= MAX_DEGREE


def _add(total: list[Any], terms: list[Any], shift: int) -> None:
    for k, term in enumerate(terms):
        total[k + shift] = total[k + shift] + term


def _shifted(terms: list[Any], shift: int) -> list[Any]:
    return [terms[0] * 0] * shift + terms


def _zeros(algebra: Any, rows: int, columns: int) -> Matrix:
    return [[algebra.zero] * columns for _ in range(rows)]
