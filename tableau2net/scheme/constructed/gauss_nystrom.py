"""Gauss' methods for y'' = f(t, y): symplectic, symmetric, and stable for steps of any size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tableau2net.scheme.constructed.collocation import collocation, table
from tableau2net.scheme.constructed.pattern import SchemePattern, count, register_scheme_patterns
from tableau2net.scheme.constructed.quadrature import DIGITS, is_exact
from tableau2net.scheme.nystrom import RungeKuttaNystrom, second_order_form

MAX_STAGES = 4


def gauss_rkn(s: int) -> RungeKuttaNystrom:
    """Ā = A², b̄ = bA of Gauss' A and b, for f(t, y)."""
    gauss = table("gauss", collocation, s)
    return replace(second_order_form(gauss, gauss, gauss), A=None)


def _claims(s: int) -> Mapping[str, Any]:
    exact = {"symplectic": True, "symmetric": True, "p_stable": True} if is_exact("gauss", s) else {}
    return {"order": 2 * s, **exact}


register_scheme_patterns(
    SchemePattern(
        pattern="gauss-rkn-{}",
        members=range(1, MAX_STAGES + 1),
        build=gauss_rkn,
        title=lambda s: (
            f"Gauss for y'' = f, {count(s, 'stage')}" + ("" if is_exact("gauss", s) else f", to {DIGITS} decimals")
        ),
        reference="Hairer 1979, Numer. Math. 32, pp. 373-379; HNW I, II.14",
        claims=_claims,
        kind="runge-kutta-nystrom",
        listed=3,
    )
)
