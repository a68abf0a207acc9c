"""Counts that no noise touches: ATen kernels, bytes kept for the backward pass, tensors alive at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Forward = Callable[[], Tensor]
ALLOCATIONS = ("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided", "lift_fresh", "detach_")


def computes(operator: Any) -> bool:
    """Whether an ATen operator launches work: it is neither a view of an argument nor a bare allocation."""
    schema = operator._schema
    if schema.name.removeprefix("aten::") in ALLOCATIONS:
        return False
    aliases = [argument.alias_info for argument in (*schema.arguments, *schema.returns) if argument.alias_info]
    return not aliases or any(alias.is_write for alias in aliases)


class Kernels(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The names of the ATen operators that compute, in order, and how many touch a tensor of `size` elements."""

    def __init__(self, size: int = 0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.size = size
        self.large: int = 0
        self.calls: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        if computes(func):
            self.calls.append(str(func))
            tensors = [x for x in tree_leaves((args, kwargs, result)) if isinstance(x, Tensor)]
            self.large += int(any(x.numel() >= self.size for x in tensors))
        return result


def kernels(forward: Forward) -> list[str]:
    """The ATen operators of a forward pass that compute, in order."""
    with Kernels() as seen:
        forward()
    return list(seen.calls)


def passes(forward: Forward, size: int) -> int:
    """How many of them read or write a tensor of at least `size` elements: the passes over memory."""
    with torch.no_grad(), Kernels(size) as seen:
        forward()
    large: int = seen.large
    return large


@dataclass
class Storages:
    """Distinct storages and their bytes; those of `left_out` do not count."""

    left_out: set[int] = field(default_factory=set)
    held: dict[int, Tensor] = field(default_factory=dict)  # keeps what it counts alive, so that no address is reused

    def add(self, tensor: Tensor) -> Tensor:
        address = tensor.untyped_storage().data_ptr()
        if address not in self.left_out:
            self.held.setdefault(address, tensor)
        return tensor

    @property
    def sizes(self) -> list[int]:
        return [tensor.untyped_storage().nbytes() for tensor in self.held.values()]


def own_storages(modules: Iterable[nn.Module]) -> set[int]:
    """The addresses of parameters and buffers, which are there whether or not anything is saved."""
    return {t.untyped_storage().data_ptr() for m in modules for t in (*m.parameters(), *m.buffers())}


def saved_sizes(forward: Forward, modules: Iterable[nn.Module]) -> list[int]:
    """Bytes of each distinct storage that a forward pass keeps for autograd, parameters and buffers apart.

    It sees what goes through autograd's own saving, compiled code included; `held_bytes` sees whatever else is kept.
    """
    seen = Storages(own_storages(modules))
    with saved_tensors_hooks(seen.add, lambda tensor: tensor):
        result = forward()
    del result
    return seen.sizes


def saved_bytes(forward: Forward, modules: Iterable[nn.Module]) -> int:
    """The sum of `saved_sizes`."""
    return sum(saved_sizes(forward, modules))


def saved_tensors(forward: Forward, modules: Iterable[nn.Module], state: Tensor) -> int:
    """How many of them are of the state's size or more (from half of it on): factors and statistics do not count."""
    return sum(2 * size >= state.untyped_storage().nbytes() for size in saved_sizes(forward, modules))


class Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the storages of floating tensors of at least `least` bytes by weak references.

    Exact at the end of each operator; what one kernel needs inside is not seen. `apart` are addresses not to count.
    """

    def __init__(self, least: float = 1, apart: Iterable[int] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.least, self.apart = least, set(apart)
        self.alive: dict[StorageWeakRef, int] = {}
        self.peak: int = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves((args, kwargs, result)):
            if isinstance(value, Tensor) and value.is_floating_point():
                self._follow(value.untyped_storage())
        self.peak = max(self.peak, self.now()[0])
        return result

    def _follow(self, storage: Any) -> None:
        if storage.nbytes() >= self.least and storage.data_ptr() not in self.apart:
            self.alive.setdefault(StorageWeakRef(storage), storage.nbytes())  # type: ignore[no-untyped-call]

    def now(self) -> tuple[int, int]:
        """How many storages live, and their bytes."""
        self.alive = {ref: n for ref, n in self.alive.items() if not ref.expired()}  # type: ignore[no-untyped-call]
        return len(self.alive), sum(self.alive.values())


def peak_tensors(forward: Forward, state: Tensor) -> int:
    """The most state-sized tensors alive at once without gradients, the state that was handed in among them."""
    with torch.no_grad(), Alive(least=state.untyped_storage().nbytes() / 2) as mode:
        forward()
    peak: int = mode.peak
    return peak


def held_bytes(forward: Forward, modules: Iterable[nn.Module]) -> int:
    """Bytes of floating tensors that live between the forward and the backward pass, whoever holds them.

    The route independent of `saved_bytes`: what a custom function hides on its context is counted here.
    """
    with Alive(apart=own_storages(modules)) as mode:
        result = forward()
    size: int = mode.now()[1]
    del result
    return size
