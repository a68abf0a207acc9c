"""Measured of a block: FLOPs, what autograd keeps, the part of the image that it sees, how steep its fields are."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

ROUNDS = 12


def flops(block: nn.Module, inputs: tuple[object, ...], named: dict[str, object]) -> int:
    """Operations of a call, a multiplication with its addition as two (as `torch.utils.flop_counter` counts)."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        block(*inputs, **named)
    return int(counter.get_total_flops())


def saved_bytes(block: nn.Module, inputs: tuple[object, ...], named: dict[str, object]) -> int:
    """Bytes of the tensors kept for the backward pass, each memory once, without parameters and buffers."""
    weights = {t.untyped_storage().data_ptr() for t in (*block.parameters(), *block.buffers())}
    kept: dict[int, tuple[int, Tensor]] = {}  # holds on to the tensors: freed memory would be counted as another's

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor.detach())
        return tensor

    own = tuple(x.detach().requires_grad_() if _floating(x) else x for x in inputs)
    others = {n: x.detach().requires_grad_() if _floating(x) else x for n, x in named.items()}
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = block(*own, **others)
    del output
    return sum(size for size, _ in kept.values())


def receptive_field(image: Tensor, state: object) -> tuple[int, int] | None:
    """Rows and columns of the image on which the state's middle pixel depends; None where states have no pixels."""
    state = state[0] if isinstance(state, tuple) else state
    if (
        image.dim() != 4
        or not image.requires_grad
        or not isinstance(state, Tensor)
        or state.dim() != 4
        or state.grad_fn is None
    ):
        return None
    with torch.enable_grad():
        middle = state[..., state.shape[2] // 2, state.shape[3] // 2]
        weights = torch.randn(middle.shape, generator=torch.Generator().manual_seed(1)).to(middle)
        (gradient,) = torch.autograd.grad((middle * weights).sum(), image, retain_graph=True)
    seen = gradient.abs().sum((0, 1)) > 0
    return _extent(seen.any(1)), _extent(seen.any(0))


def lipschitz(field: nn.Module, inputs: tuple[object, ...], named: dict[str, object]) -> float | None:
    """The largest singular value of a field's Jacobian at a state, by power iteration: a lower bound of its constant.

    None where the field's layers have no forward or backward derivative."""
    *before, state = inputs
    assert isinstance(state, Tensor)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch's own, of the first tangent in a process
            return _largest(lambda y: field(*before, y, **named), state)
    except (RuntimeError, NotImplementedError):
        return None


def _largest(f: Callable[[Tensor], Tensor], state: Tensor) -> float:
    """The largest singular value of f's Jacobian."""
    v = torch.randn(state.shape, generator=torch.Generator().manual_seed(2)).to(state)
    length = torch.zeros(())
    for _ in range(ROUNDS):
        v = v / v.norm().clamp_min(torch.finfo(v.dtype).tiny)
        along: Tensor = torch.func.jvp(f, (state,), (v,))[1]
        length = along.detach().norm()
        pull: Callable[[Tensor], tuple[Tensor]] = torch.func.vjp(f, state)[1]
        v = pull(along)[0].detach()
    return float(length)


def _extent(seen: Tensor) -> int:
    places = seen.nonzero()
    return int(places.max() - places.min()) + 1 if len(places) else 0


def _floating(value: object) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.is_floating_point()
