"""What a block is made of, looked at before anything is made of it."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn


def listed_fields(fields: Any, what: str, count: int | None = None) -> nn.ModuleList:
    """Modules as a list that the block owns. TypeError where they are none, ValueError where they are not `count`; both
    begin with `what` is wanted."""
    if isinstance(fields, str) or not isinstance(fields, Iterable):
        raise TypeError(f"{what}; got {_named(fields)}")
    modules = list(fields)
    for module in modules:
        if not isinstance(module, nn.Module):
            raise TypeError(f"{what}; got one with {_named(module)} in it")
    if count is not None and len(modules) != count:
        raise ValueError(f"{what}; got {len(modules)}")
    return nn.ModuleList(modules)


def nested_fields(fields: Any, what: str, count: int) -> nn.ModuleList:
    """For each step `count` modules, in lists that the block owns. Raises as `listed_fields`."""
    if isinstance(fields, str | nn.Sequential) or not isinstance(fields, Iterable):
        raise TypeError(f"{what}; got {_named(fields)}")
    return nn.ModuleList(listed_fields(each, what, count) for each in fields)


def single_field(field: Any, what: str) -> nn.Module:
    """A module. TypeError where it is none."""
    if not isinstance(field, nn.Module):
        raise TypeError(f"{what}; got {_named(field)}")
    return field


def step_size(h: Any) -> float:
    """The length of a step. TypeError where it is no number or a tensor that is to have a gradient, ValueError where it
    is not finite."""
    if isinstance(h, Tensor) and h.requires_grad:
        raise TypeError("h: a number; a tensor would get no gradient: make coefficients learnable instead")
    try:
        number = float(None if isinstance(h, str) else h)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"h: a number; got {_named(h)}") from None
    if not math.isfinite(number):
        raise ValueError(f"h: a finite number; got {number}")
    return number


def forward_step(h: Any) -> float:
    """The length of a step of an equation with noise, which runs forward. Raises as `step_size`, and ValueError where
    it is not positive."""
    number = step_size(h)
    if number <= 0:
        raise ValueError(f"h: a positive number, since noise runs forward in time; got {number}")
    return number


def whole_number(value: Any, name: str, most: int | None = None, least: int = 0) -> int:
    """A number of steps from `least` on, `most` at most. TypeError where it is no whole number, ValueError beyond."""
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: a whole number; got {_named(value)}") from None
    if number < least or (most is not None and number > most):
        upto = "" if most is None else f" to {most}"
        raise ValueError(f"{name}: a whole number from {least}{upto}; got {value!r}")
    return number


def per_channel(factor: Tensor, state: Tensor) -> Tensor:
    """Factors (steps, channels, 1, 1) so that they count along dimension 1 of a state (batch, channels, …). ValueError
    where it has other channels."""
    if state.dim() < 2 or state.shape[1] != factor.shape[1]:
        raise ValueError(f"a state of {factor.shape[1]} channels in dimension 1 is wanted; got {tuple(state.shape)}")
    return factor.reshape(*factor.shape[:2], *[1] * (state.dim() - 2))


def _named(value: Any) -> str:
    if isinstance(value, str | int | float):
        return f"{value!r}"
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
