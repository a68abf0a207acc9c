"""Second implementations, from the textbook formulas: no step program, no trees by number, no generated code."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations_with_replacement
from math import log2, prod
from typing import Any

import mpmath
import sympy
from mpmath import mpf

from tableau2net.scheme import Multistep, RungeKutta, Scheme

# ------------------------------------------------------------------ rooted trees as nested tuples


def partitions(total: int, largest: int) -> list[list[int]]:
    """Ways to write `total` as a sum of numbers up to `largest`, largest first."""
    if total == 0:
        return [[]]
    return [[n, *rest] for n in range(min(total, largest), 0, -1) for rest in partitions(total - n, n)]


def nested_trees(order: int) -> list[tuple[Any, ...]]:
    """All rooted trees with `order` nodes, a tree being the tuple of its branches."""
    if order == 1:
        return [()]
    found = []
    for sizes in partitions(order - 1, order - 1):
        choices: list[tuple[Any, ...]] = [()]
        for size in sorted(set(sizes), reverse=True):
            groups = list(combinations_with_replacement(nested_trees(size), sizes.count(size)))
            choices = [(*chosen, *group) for chosen in choices for group in groups]
        found += choices
    return found


def size(tree: tuple[Any, ...]) -> int:
    return 1 + sum(map(size, tree))


def density(tree: tuple[Any, ...]) -> int:
    return size(tree) * prod(map(density, tree))


def runge_kutta_order(scheme: RungeKutta, limit: int) -> int:
    """The order by Butcher's conditions Σ b_i Φ_i(t) = 1/γ(t), rational tableaus only."""
    A = [[Fraction(int(a.p), int(a.q)) for a in row] for row in scheme.A]
    b = [Fraction(int(x.p), int(x.q)) for x in scheme.b]

    def weights(tree: tuple[Any, ...]) -> list[Fraction]:
        found = [Fraction(1)] * len(b)
        for branch in tree:
            inner = weights(branch)
            found = [
                x * sum((a * w for a, w in zip(row, inner, strict=True)), Fraction(0))
                for x, row in zip(found, A, strict=True)
            ]
        return found

    for n in range(1, limit + 1):
        for tree in nested_trees(n):
            if sum((x * w for x, w in zip(b, weights(tree), strict=True)), Fraction(0)) != Fraction(1, density(tree)):
                return n - 1
    return limit


def multistep_order(scheme: Multistep, limit: int) -> int:
    """The order by Σ α_j j^q = q Σ β_j j^(q−1), q = 0, 1, … (HNW I, III.2, eq. 2.6)."""
    for q in range(limit + 1):
        left = sum(a * sympy.Integer(j) ** q for j, a in enumerate(scheme.alpha))
        right = sum(b * q * sympy.Integer(j) ** (q - 1) for j, b in enumerate(scheme.beta)) if q else 0
        if sympy.expand(left - right) != 0:
            return q - 1
    return limit


# ------------------------------------------------------------------ a step in many digits

Vector = list[Any]
M = [["0.3", "-1.1"], ["0.7", "0.2"]]
Q = [[["0.5", "0.9"], ["-0.4", "0.3"]], [["0.2", "-0.6"], ["0.8", "0.1"]]]


def solution(t: Any) -> Vector:
    """w(t): the solution of the test problem."""
    return [mpmath.sin(t) + mpf("0.3") * t**2, mpmath.exp(t / 2) - mpmath.cos(2 * t)]


def field(t: Any, y: Vector) -> Vector:
    """y' = w'(t) + M(y − w) + Q(y − w, y − w) + C (y − w)³: no elementary differential vanishes by symmetry.

    Time enters through w, so that a scheme with wrong nodes shows it."""
    w = solution(t)
    slope = [mpmath.cos(t) + mpf("0.6") * t, mpmath.exp(t / 2) / 2 + 2 * mpmath.sin(2 * t)]
    e = [a - b for a, b in zip(y, w, strict=True)]
    return [
        slope[i]
        + sum(mpf(M[i][j]) * e[j] for j in range(2))
        + sum(mpf(Q[i][j][k]) * e[j] * e[k] for j in range(2) for k in range(2))
        + mpf("0.15") * (i + 1) * e[i] ** 3
        for i in range(2)
    ]


def number(value: sympy.Expr) -> Any:
    return mpf(value.p) / value.q if value.is_Rational else mpmath.mpmathify(value.evalf(mpmath.mp.dps))


def axpy(y: Vector, terms: list[tuple[Any, Vector]]) -> Vector:
    return [y[i] + sum((a * k[i] for a, k in terms), mpf(0)) for i in range(len(y))]


def one_step(scheme: Scheme, h: Any, t: Any, embedded: bool = False) -> Vector:
    """One step on the test problem from exact values, in mpmath; implicit stages by iteration to all digits."""
    if isinstance(scheme, RungeKutta):
        A = [[number(a) for a in row] for row in scheme.A]
        b = [number(x) for x in (scheme.b_hat if embedded and scheme.b_hat else scheme.b)]
        c = [number(x) for x in scheme.c]
        y = solution(t)
        ks = [field(t, y)] * len(b)

        def sweep() -> list[Vector]:
            new = list(ks)
            for i, row in enumerate(A):
                new[i] = field(t + c[i] * h, axpy(y, [(h * a, k) for a, k in zip(row, new, strict=True) if a]))
            return new

        ks = iterate(sweep, lambda new: ks.__setitem__(slice(None), new), ks)
        return axpy(y, [(h * x, k) for x, k in zip(b, ks, strict=True)])
    assert isinstance(scheme, Multistep)
    k = scheme.steps
    alpha, beta = [number(a) for a in scheme.alpha], [number(x) for x in scheme.beta]
    times = [t + (j - k + 1) * h for j in range(k + 1)]  # j = k − 1 is now
    known = [mpf(0), mpf(0)]
    for j in range(k):
        y = solution(times[j])
        known = axpy(known, [(-alpha[j], y), (h * beta[j], field(times[j], y))])
    y_new = [known]
    if beta[k]:
        iterate(
            lambda: [axpy(known, [(h * beta[k], field(times[k], y_new[0]))])],
            lambda new: y_new.__setitem__(0, new[0]),
            y_new,
        )
    return y_new[0]


def iterate(sweep: Callable[[], list[Vector]], accept: Callable[[list[Vector]], None], start: list[Vector]) -> Any:
    """Sweep until nothing changes in the digits carried; h is small, so each sweep wins a few."""
    tolerance = mpf(10) ** (-mpmath.mp.dps + 5)
    old = start
    for _ in range(400):
        new = sweep()
        change = max(abs(a - b) for x, y in zip(new, old, strict=True) for a, b in zip(x, y, strict=True))
        accept(new)
        old = list(new)
        if change < tolerance:
            return new
    raise AssertionError("the implicit stages did not converge")


def measured_order(scheme: Scheme, embedded: bool = False) -> float:
    """The order as seen: the error of one step from exact values falls by 2^(p+1) when h is halved."""
    with mpmath.workdps(110):
        errors = []
        for halvings in (12, 13):
            h, t = mpf(2) ** -halvings, mpf("0.4")
            new, exact = one_step(scheme, h, t, embedded), solution(t + h)
            errors.append(max(abs(a - b) for a, b in zip(new, exact, strict=True)))
        if errors[1] < mpf(10) ** -90:
            return float("inf")
        return log2(errors[0] / errors[1]) - 1
