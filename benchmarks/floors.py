"""Below what no step can get: the bytes that its operators move, over what the device's memory gives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.counting import computes


class Bytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes that operators read and write, each tensor once an operator: of all, and of the convolutions alone.

    The second is what is left where everything else is done on the way."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.all: int = 0
        self.convolutions: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if computes(func):
            tensors = {id(x): x for x in tree_leaves((args, kwargs, result)) if isinstance(x, Tensor)}
            moved = sum(size(x) for x in tensors.values())
            self.all += moved
            self.convolutions += moved * ("convolution" in str(func))
        return result


def size(tensor: Tensor) -> int:
    """Bytes of a tensor; of one whose elements overlap, those that there are."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


def moved(run: Callable[[], object]) -> tuple[int, int]:
    """Bytes of all operators of a call, and of its convolutions."""
    with Bytes() as seen:
        run()
    return seen.all, seen.convolutions


def bandwidth(device: torch.device, count: int = 2**28) -> float:
    """Bytes a second of a copy, those read and those written: the best of ten."""
    source = torch.zeros(count, dtype=torch.uint8, device=device)
    target, best = torch.empty_like(source), 0.0
    for _ in range(10):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        begun = time.perf_counter()
        target.copy_(source)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = max(best, 2 * count / (time.perf_counter() - begun))
    return best
