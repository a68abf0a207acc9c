"""Gradients by way of a class, and by autograd through the steps that it takes; how far they are apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

LAMBDA = "999/1000"
UNBOUNDED = 1e300
Gradients = list[Tensor | None]


def through_steps(block: Any, arguments: Sequence[tuple[Any, ...]], inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The class's own steps, one after the other, for autograd to record: the reference."""
    for given in arguments:
        found = block.step(*given, *inputs)
        inputs = found if isinstance(found, tuple) else (found,)
    return inputs


def differences(left: Gradients, right: Gradients) -> float:
    """The largest relative difference; a gradient that one of them lacks is compared to zero."""
    worst = 0.0
    for a, b in zip(left, right, strict=True):
        if a is not None or b is not None:
            a, b = (torch.zeros_like(a if b is None else b) if x is None else x for x in (a, b))
            worst = max(worst, float((a - b).abs().max() / (a.abs().max() + 1e-3)))
    return worst
