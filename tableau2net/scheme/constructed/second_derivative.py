"""Multistep methods for y'' = f(t, y), for any number of steps (Hairer, Nørsett, Wanner I, III.10).

y_{n+1} − 2 y_n + y_{n−1} = h² ∫_0^1 (1 − s) (f(t_n + s h) + f(t_n − s h)) ds for the exact solution; f is replaced by
the polynomial through its values on the grid. α has its 1, −2, 1 at the end, so n is k − 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from tableau2net.scheme.constructed import polynomial
from tableau2net.scheme.constructed.linear_multistep import MAX_STEPS, multistep
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.multistep import Multistep


def stormer(k: int) -> Multistep:
    """Explicit, through f_n … f_{n+k−1}: order k (Störmer 1907; HNW III.10, eq. 10.8)."""
    return _second(k, range(k))


def cowell(k: int) -> Multistep:
    """Implicit, through f_n … f_{n+k}: order k + 1, and one more for k = 2, where it is Numerov's method
    (Cowell and Crommelin 1910; HNW III.10, eq. 10.10)."""
    return _second(k, range(k + 1))


def _second(k: int, nodes: Sequence[int]) -> Multistep:
    alpha = [Fraction(0)] * (k - 2) + [Fraction(1), Fraction(-2), Fraction(1)]
    basis = polynomial.lagrange([Fraction(x) for x in nodes])
    beta = [_doubly_integrated(ell, k - 1) for ell in basis]
    return replace(multistep(alpha, beta + [Fraction(0)] * (k + 1 - len(beta))), derivative=2)


def _doubly_integrated(p: polynomial.Polynomial, n: int) -> Fraction:
    """∫_0^1 (1 − s) (p(n + s) + p(n − s)) ds: the second difference at n of what has p as its second derivative."""
    twice = polynomial.primitive(polynomial.primitive(p))
    values = [polynomial.value(twice, Fraction(n + shift)) for shift in (-1, 0, 1)]
    return Fraction(values[0] - 2 * values[1] + values[2])


def _family(
    name: str,
    build: Callable[[int], Multistep],
    title: str,
    reference: str,
    order: Callable[[int], int],
    explicit: bool,
) -> SchemePattern:
    return SchemePattern(
        pattern=name + "-{}",
        members=range(2, MAX_STEPS + 1),
        build=build,
        title=lambda k: f"{title}, {k} steps",
        reference=reference,
        claims=lambda k: {"order": order(k), "zero_stable": True, "explicit": explicit},
        kind="multistep",
    )


register_scheme_patterns(
    _family("stormer", stormer, "Störmer, for y'' = f", "Störmer 1907; HNW I, III.10", lambda k: k, True),
    _family(
        "cowell",
        cowell,
        "Cowell, for y'' = f",
        "Cowell and Crommelin 1910; HNW I, III.10",
        lambda k: max(k + 1, 4),
        False,
    ),
)
