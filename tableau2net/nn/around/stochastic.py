"""Stochastic depth as the discretisation of a stochastic differential equation.

A step with the field η/p times, η from Bernoulli(p), is the step of the random length c = hη/p. With E c = h and
E c² = h²/p, a one-step scheme, y + c f + α c² f'f + O(c³) with α = bᵀA1, has the mean and the variance of

    dX = f(X) dt + σ f(X) dB,   σ² = h (1 − p)/p,

up to O(h³), beside the scheme's own error (E y⁺ = y + h f + α h² f'f/p, E (y⁺ − y)² = h² f²/p). Where B is
integrated: α from the left end of each moment to the right one, 0 being Itô's sense (Euler), 1/2 Stratonovich's (order
2 and above). Smaller steps keep σ where (1 − p)/p goes as 1/h: twice as many steps are left out twice as often, in
terms of odds. At a fixed p the noise would average out. The third moment of c, h³/p², is that of a jump; a diffusion's
would be of higher order, so it is an approximation for h(1 − p)/p small, in weak terms (Lu, Zhong, Li and Dong 2018,
who have no 1/p: drift p f and variance h p (1 − p)).
"""

from __future__ import annotations

import math
from typing import Any

from sympy import Expr, S
from torch import nn

from tableau2net.scheme import RungeKutta, Scheme


def noise(survival: float, h: float) -> float:
    """σ of a step of length h that takes place with a probability."""
    return math.sqrt(abs(h) * (1 - survival) / survival)


def sense(scheme: Scheme) -> Expr | None:
    """α = bᵀA1, where the stochastic integral is taken: 0 Itô's, 1/2 Stratonovich's. None but for a one-step scheme
    of one table."""
    if not isinstance(scheme, RungeKutta):
        return None
    at = scheme.at_defaults()
    return sum((b * c for b, row in zip(at.b, at.A, strict=True) for c in row), S.Zero)


def refine_survival(fields: nn.Module, factor: int) -> None:
    """Make the steps of fields as probable as smaller steps of the same σ are: (1 − p)/p becomes `factor` times as
    large; and what is spread (shake-shake), the square of its spread."""
    found: list[Any] = [field for field in fields.modules() if getattr(field, "survival", 1.0) < 1]
    for field in found:
        field.survival = field.survival / (field.survival + factor * (1 - field.survival))
    shaken: list[Any] = [field for field in fields.modules() if hasattr(field, "spread")]
    for field in shaken:
        field.spread = math.sqrt(factor) * field.spread
