"""Forward-mode differentiation and the transforms of torch.func, which see no gradient that is made by hand."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.autograd import forward_ad

_functorch = torch._C._functorch  # torch has no public way to ask


def transforming() -> bool:
    """Whether torch.func or forward mode is at work at all."""
    return _functorch.peek_interpreter_stack() is not None or forward_ad._current_level >= 0


def has_tangent(tensor: Tensor) -> bool:
    """Whether a tensor carries a derivative of forward mode."""
    if forward_ad._current_level < 0:
        return False
    return forward_ad.unpack_dual(tensor).tangent is not None  # type: ignore[no-untyped-call]


def transformed(tensors: Iterable[Tensor]) -> bool:
    """Whether torch.func or forward mode differentiates by what some tensors are made of."""
    return transforming() and any(
        has_tangent(t) or (_functorch.is_functorch_wrapped_tensor(t) and differentiations(t) > 0) for t in tensors
    )


def differentiations(tensor: Tensor) -> int:
    """How many differentiations, one within the other, a tensor takes part in."""
    count = tensor.requires_grad + has_tangent(tensor)
    while _functorch.is_functorch_wrapped_tensor(tensor):
        tensor = _functorch.get_unwrapped(tensor)
        count += _functorch.is_gradtrackingtensor(tensor) or tensor.requires_grad
    return int(count)


def one_at_a_time(gradients: Iterable[Tensor | None], what: str) -> None:
    """RuntimeError where many gradients come back at once, as torch.func.vmap has them."""
    kinds = (_functorch.is_functorch_wrapped_tensor, _functorch.is_legacy_batchedtensor)
    if any(g is not None and any(kind(g) for kind in kinds) for g in gradients):
        raise RuntimeError(
            f"{what} takes one gradient at a time: without vectorize=True, is_grads_batched=True or torch.func.vmap"
        )
