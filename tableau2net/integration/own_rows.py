"""Whether a field is one function: the same at each call, of each row by itself, without jumps where it is derived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from tableau2net.errors import InputError
from tableau2net.runtime.random_state import RandomState

Function = Callable[[Tensor], Tensor]
HALVINGS = 24  # of a way between two rows: 6e-8 of it are left


def check_modes(field: nn.Module, name: str) -> None:
    """InputError where a layer goes by the whole batch, or is another one at each call."""
    for module in field.modules():
        if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None):
            kind = "in training mode" if module.running_mean is not None else "without running statistics"
            told = "take LayerNorm or GroupNorm" + (", or call eval()" if module.running_mean is not None else "")
            raise InputError(
                f"{name}: BatchNorm {kind} goes by the whole batch, and a row has no field of its own; {told}"
            )
        if module.training and isinstance(module, _DropoutNd) and module.p:
            raise InputError(f"{name}: dropout makes it another one at each stage; leave it out, or call eval()")


@contextmanager
def drawing_nothing(like: Tensor, name: str) -> Iterator[None]:
    """InputError where random numbers are drawn within: by dropout as a function, say."""
    before = RandomState(like.device)
    yield
    if before.moved():
        raise InputError(f"{name}: it draws random numbers, so it is another one at each stage; call eval()")


@torch.no_grad()
def check_rows(function: Function, y: Tensor, name: str) -> None:
    """InputError where a function of rows (N, …) draws random numbers, or where a row's value is not its own."""
    with drawing_nothing(y, name):
        together = function(y)
    if len(y) < 2 or together.shape[:1] != y.shape[:1]:
        return
    alone, together = function(y[:1]), together[:1]
    rounding = torch.finfo(together.dtype).eps ** 0.3 * together.abs().max()  # of float32 convolutions too
    if ((alone - together).abs() > rounding).any():
        raise InputError(f"{name}: a row by itself has another slope than among others; rows depend on each other")


@torch.no_grad()
def jumps(function: Function, y: Tensor) -> bool:
    """Whether a function of rows is seen to jump on the way from one row to beside another: the half of the way on
    which it changes most is halved again and again, and what is smooth does not change on what is left."""
    low, high = y, 2 * y.roll(1, 0) + 1
    first, last = function(low), function(high)
    size = torch.finfo(y.dtype).eps * (first.abs() + last.abs()).max()
    whole = _sizes(last - first)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        found = function(middle)
        left = (_sizes(found - first) > _sizes(last - found)).view(-1, *[1] * (y.dim() - 1))
        low, high = torch.where(left, low, middle), torch.where(left, middle, high)
        first, last = torch.where(left, first, found), torch.where(left, found, last)
    return bool((_sizes(last - first) > 1e-4 * whole + 1e3 * size).any())


def _sizes(rows: Tensor) -> Tensor:
    sizes: Tensor = torch.linalg.vector_norm(rows.flatten(1), dim=1)
    return sizes
