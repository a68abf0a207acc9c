"""Any explicit scheme on an ordinary differential equation, through the same generated code as a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.analysis import order
from tableau2net.codegen.build import compile
from tableau2net.errors import InputError
from tableau2net.scheme import Scheme, load

# the cheapest start whose error does not show in a multistep method of the given order: a start-up step's own
# error is of one order more than its method
STARTS = ((2, "euler"), (3, "explicit-midpoint"), (5, "rk4"), (9, "cooper-verner-8"))


class _Field(nn.Module):
    """A plain function as a field."""

    def __init__(self, f: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.f = f

    def forward(self, t: Any, y: Tensor) -> Tensor:
        return self.f(t, y)


def integrate(
    scheme: Scheme | str | Path,
    f: Callable[[Any, Tensor], Tensor],
    y0: Any,
    t0: float,
    t1: float,
    steps: int,
    *,
    start: Scheme | str | None = None,
) -> Tensor:
    """y(t1) of y' = f(t, y), y(t0) = y0, by `steps` equal steps of an explicit scheme.

    y0: a tensor (its dtype, device and gradient are kept) or numbers (then float64). Any shape, batches included.
    start: the method of the first steps where the scheme is a multistep one; by default one accurate enough for
        its order. Open parameters are set to their declared values.
    Returns a tensor of the shape of y0. Raises InputError for an implicit scheme or a step count below 1.
    """
    if steps < 1:
        raise InputError(f"steps = {steps}: at least one step is taken")
    scheme = scheme if isinstance(scheme, Scheme) else load(scheme)
    y = y0 if isinstance(y0, Tensor) else torch.as_tensor(y0, dtype=torch.float64)
    options = {"start": start or _start(scheme)} if getattr(scheme, "steps", 1) > 1 else {}
    block = compile(scheme, time_dependent=True, **options)
    result: Tensor = block([_Field(f)] * steps, h=(t1 - t0) / steps, t0=t0)(y)
    return result


def _start(scheme: Scheme) -> str:
    p = order(scheme.at_defaults())
    return next((name for enough_for, name in STARTS if p <= enough_for), STARTS[-1][1])
