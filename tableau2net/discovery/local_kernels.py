"""A correlation whose kernel is another at each point: Σ_j w_j(x) u(x + j), and its gradients, offset by offset.

What autograd makes of the sum keeps a tensor as large as all windows together for each step; this keeps the state.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


def local_correlation(padded: Tensor, kernels: Tensor) -> Tensor:
    """padded: (batch, 1, *(space + points − 1)).  kernels: (*points, *space).  Returns (batch, 1, *space)."""
    found: Tensor = _LocalCorrelation.apply(padded, kernels)
    return found


def _places(padded: Tensor, kernels: Tensor) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Each offset, and what of a padded state stands at it: views."""
    axes = padded.ndim - 2
    space = kernels.shape[axes:]
    for offset in itertools.product(*map(range, kernels.shape[:axes])):
        window: Any = (..., *(slice(start, start + n) for start, n in zip(offset, space, strict=True)))
        yield offset, padded[window]


class _LocalCorrelation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, padded: Tensor, kernels: Tensor) -> Tensor:
        ctx.save_for_backward(padded, kernels)
        axes = padded.ndim - 2
        found = padded.new_zeros(*padded.shape[:2], *kernels.shape[axes:])
        for offset, window in _places(padded, kernels):
            found.addcmul_(kernels[offset], window)
        return found

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (gradient,) = gradients
        padded, kernels = ctx.saved_tensors
        of_padded, of_kernels = torch.zeros_like(padded), torch.empty_like(kernels)
        for (offset, window), (_, into) in zip(_places(padded, kernels), _places(of_padded, kernels), strict=True):
            into.addcmul_(kernels[offset], gradient)
            torch.sum(gradient * window, dim=(0, 1), out=of_kernels[offset])
        return of_padded, of_kernels
