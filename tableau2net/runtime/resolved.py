"""Implicit stages that the field solves itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from torch import Tensor, nn


def resolved(field: nn.Module, known: Tensor, c: float | Tensor) -> Tensor:
    """The y with y = known + c·f(y), by the field's own ``resolvent(known, c)``. TypeError where it has none."""
    solve = getattr(field, "resolvent", None)
    if solve is None:
        raise TypeError(
            f"solver='resolvent': {type(field).__name__} needs a method resolvent(known, c), y = known + c·f(y)"
        )
    return cast("Callable[[Tensor, float | Tensor], Tensor]", solve)(known, c)


def own_solver(field: nn.Module) -> Callable[..., Any]:
    """What a field solves its stages by. TypeError where it has none."""
    solver = getattr(field, "solver", None)
    if solver is None:
        raise TypeError(f"solver='field': {type(field).__name__} needs a solver, called with the stages and a guess")
    return cast("Callable[..., Any]", solver)
