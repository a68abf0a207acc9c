"""Implicit–explicit multistep methods for y' = f(y) + g(y): f is taken explicitly, g implicitly; any number of steps.

One α serves both fields, so that both parts have the order of the pair (Ascher, Ruuth and Wetton 1995).
"""

from __future__ import annotations

from collections.abc import Callable

from sympy import S

from tableau2net.scheme.constructed.linear_multistep import adams_bashforth, adams_moulton, bdf, extrapolated_bdf
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.multistep import AdditiveMultistep, Multistep

MAX_STEPS = 12


def imex_bdf(k: int) -> AdditiveMultistep:
    """SBDF: BDF for g, and for f the value that BDF takes at t_{n+k} extrapolated; order k."""
    return _pair(extrapolated_bdf(k), bdf(k))


def imex_adams(k: int) -> AdditiveMultistep:
    """Adams–Bashforth for f and Adams–Moulton of the same order for g; k = 1 is the implicit–explicit Euler method,
    k = 2 is CNAB."""
    if k == 1:
        return _pair(adams_bashforth(1), bdf(1))
    shorter = adams_moulton(k - 1)
    longer = Multistep(alpha=(S.Zero, *shorter.alpha), beta=(S.Zero, *shorter.beta))
    return _pair(adams_bashforth(k), longer)


def _pair(explicit: Multistep, implicit: Multistep) -> AdditiveMultistep:
    assert explicit.alpha == implicit.alpha
    return AdditiveMultistep(alpha=explicit.alpha, betas=(explicit.beta, implicit.beta))


def _family(
    name: str, build: Callable[[int], AdditiveMultistep], title: str, reference: str, stable_to: int
) -> SchemePattern:
    return SchemePattern(
        pattern=name + "-{}",
        members=range(1, MAX_STEPS + 1),
        build=build,
        title=lambda k: f"{title}, {k} step{'s' * (k > 1)}",
        reference=reference,
        claims=lambda k: {"order": k, "zero_stable": k <= stable_to, "explicit": False},
        kind="additive-multistep",
    )


ASCHER = "Ascher, Ruuth and Wetton 1995, SIAM J. Numer. Anal. 32, pp. 797-823"

register_scheme_patterns(
    _family("imex-bdf", imex_bdf, "Semi-implicit BDF (SBDF)", ASCHER, 6),
    _family("imex-adams", imex_adams, "Implicit–explicit Adams", ASCHER, MAX_STEPS),
)
