"""What a member of a Runge–Kutta family is worth, in floats: quick enough to be asked a thousand times.

Nothing here is believed: what an optimum comes to is told by the exact findings, of numbers near it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sympy import lambdify

from tableau2net.analysis.reading.trees import Forest, forest
from tableau2net.scheme import RungeKutta

Array = np.ndarray[Any, np.dtype[np.float64]]
Objective = Callable[[Array, Array], float]  # of A and b
LARGEST = 1e6  # a step that is longer is as good as unbounded
ROUNDING = 1e-9


def tableau_of(scheme: RungeKutta) -> Callable[[Array], tuple[Array, Array] | None]:
    """A and b in floats at parameter values; None at a pole, or near one."""
    names = [p.symbol for p in scheme.parameters]
    function = lambdify(names, [*(a for row in scheme.A for a in row), *scheme.b], "math")
    s = scheme.stages

    def at(point: Array) -> tuple[Array, Array] | None:
        try:
            values = np.array(function(*map(float, point)), dtype=float)
        except (ZeroDivisionError, ValueError, OverflowError):
            return None
        if not np.isfinite(values).all() or np.abs(values).max() > LARGEST:
            return None
        return values[: s * s].reshape(s, s), values[s * s :]

    return at


def error_norm(order: int) -> Objective:
    """‖τ‖ over the trees of order p + 1."""
    grown = forest()
    grown.of_order(order + 1)

    def norm(A: Array, b: Array) -> float:
        inner: dict[int, Array] = {}
        total = 0.0
        for tree in grown.of_order(order + 1):
            weight = float(b @ _stage_values(grown, tree, A, inner))
            total += ((weight - 1 / grown.gamma[tree]) / grown.sigma[tree]) ** 2
        return -float(np.sqrt(total))

    return norm


def _stage_values(grown: Forest, tree: int, A: Array, known: dict[int, Array]) -> Array:
    """What the stages give at a tree: that of its head, times A that of its tail."""
    if tree not in known:
        if tree < grown.colours:
            known[tree] = np.ones(len(A))
        else:
            head = _stage_values(grown, grown.head[tree], A, known)
            known[tree] = head * (A @ _stage_values(grown, grown.tail[tree], A, known))
    return known[tree]


def ssp_radius(A: Array, b: Array) -> float:
    """The radius of absolute monotonicity (Kraaijevanger 1991), by bisection."""
    s = len(b)
    K = np.zeros((s + 1, s + 1))
    K[:s, :s], K[s, :s] = A, b

    def monotone(r: float) -> bool:
        try:
            M = np.linalg.solve(np.eye(s + 1) + r * K.T, K.T).T  # K (I + rK)⁻¹
        except np.linalg.LinAlgError:
            return False
        return bool((M >= -ROUNDING).all() and (r * M.sum(axis=1) <= 1 + ROUNDING).all())

    if not monotone(1e-6):
        return -float(np.maximum(-K, 0).sum())  # the way to where there is one
    low, high = 1e-6, 1.0
    while monotone(high) and high < LARGEST:
        low, high = high, 2 * high
    while high - low > 1e-11 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if monotone(middle) else (low, middle)
    return low


def _growth(A: Array, b: Array) -> tuple[Array, Array]:
    """P and Q of R = P/Q, lowest power first: det(I − zA + z 1bᵀ), det(I − zA)."""
    P, Q = np.poly(A - np.outer(np.ones(len(b)), b)), np.poly(A)
    return np.real(P), np.real(Q)


def real_reach(A: Array, b: Array) -> float:
    """The largest x with |R| ≤ 1 on [−x, 0]."""
    P, Q = _growth(A, b)
    gap = np.polynomial.polynomial.polysub(np.convolve(Q, Q), np.convolve(P, P))
    return _first_negative(gap * (-1.0) ** np.arange(len(gap)), 1)


def imaginary_reach(A: Array, b: Array) -> float:
    """The largest y with |R| ≤ 1 on [−iy, iy]."""
    P, Q = _growth(A, b)
    gap = np.asarray(np.polynomial.polynomial.polysub(_square(Q), _square(P)), dtype=float)
    return float(np.sqrt(_first_negative(gap, 1)))


def _square(p: Array) -> Array:
    """|p(iy)|² as a polynomial in y²."""
    signs = np.array([1, 1, -1, -1])[np.arange(len(p)) % 4]
    even, odd = (p * signs)[0::2], (p * signs)[1::2]
    return np.asarray(
        np.polynomial.polynomial.polyadd(np.convolve(even, even), np.concatenate([[0.0], np.convolve(odd, odd)]))
        if len(odd)
        else np.convolve(even, even)
    )


def _first_negative(gap: Array, least: int) -> float:
    """The first x > 0 beyond which a polynomial, lowest power first, is negative; 0 where it begins so."""
    size = np.abs(gap).max()
    kept = np.where(np.abs(gap) > ROUNDING * size, gap, 0.0)
    while len(kept) > least and kept[0] == 0:
        kept = kept[1:]
    if kept[0] < 0:
        return 0.0
    roots = np.roots(kept[::-1])
    places = sorted(float(r.real) for r in roots if r.real > 0 and abs(r.imag) < 1e-7 * (1 + abs(r)))
    for x, after in zip(places, [*places[1:], 2 * (places[-1] if places else 1) + 1], strict=True):
        if np.polynomial.polynomial.polyval((x + after) / 2, kept) < -ROUNDING * size:
            return x
    return LARGEST
