"""The linear part of a field, and functions of y alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.runtime.phi_sums import NOT_LINEAR, is_linear, krylov_phi_sum


class LinearPart:
    """L of y' = N + L y: a function of t and y, or of y alone as most modules are.

    Raises InputError where it is not linear, which is seen from a state like y. One with functions of its own is not
    asked."""

    def __init__(self, function: Callable[..., Tensor], y: Tensor) -> None:
        self.function, self.alone = function, takes_one(function)
        own = getattr(function, "phi_sum", None)
        self.phi_sum: Callable[..., Tensor] = own or partial(krylov_phi_sum, partial(self, 0.0))
        if own is None and not is_linear(partial(self, 0.0), y):
            raise InputError(f"f: {NOT_LINEAR}")

    def __call__(self, t: float, y: Tensor) -> Tensor:
        return self.function(y) if self.alone else self.function(t, y)


def takes_one(function: Callable[..., Any]) -> bool:
    """Whether a function needs one argument."""
    try:
        given = inspect.signature(function.forward if isinstance(function, torch.nn.Module) else function).parameters
    except (TypeError, ValueError):  # one that does not tell
        return False
    kinds = [p.kind for p in given.values() if p.default is p.empty and p.kind != p.VAR_KEYWORD]
    return len(kinds) == 1 and kinds[0] in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
