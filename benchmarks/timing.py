"""Least times of candidates that take turns in one process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

Forward = Callable[[], Tensor]
Run = Callable[[], object]


def seconds(run: Run, device: torch.device) -> float:
    """How long one call takes: by CUDA events on a GPU, else by the clock."""
    if device.type != "cuda":
        start = time.perf_counter()
        run()
        return time.perf_counter() - start
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    torch.cuda.synchronize(device)
    before.record()
    run()
    after.record()
    torch.cuda.synchronize(device)
    return float(before.elapsed_time(after)) / 1e3


def minima(
    candidates: Mapping[str, Run], runs: int, device: torch.device, tidy: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Seconds of each candidate, the least of `runs`, in turns; `tidy` runs before each, outside the clock."""
    best = dict.fromkeys(candidates, float("inf"))
    for run in candidates.values():
        tidy()
        run()  # warm
    gc.collect()
    gc.disable()
    try:
        for _ in range(runs):
            for name, run in candidates.items():
                tidy()
                best[name] = min(best[name], seconds(run, device))
    finally:
        gc.enable()
    return best


def without_gradient(forward: Forward) -> Run:
    def run() -> object:
        with torch.no_grad():
            return forward()

    return run


def with_backward(forward: Forward, gradient: Tensor) -> Run:
    """Forward and backward, from the same gradient at the result every time."""

    def run() -> object:
        result = forward()
        torch.autograd.backward(result, gradient)
        return result

    return run


def clearing(leaves: Iterable[Tensor], modules: Iterable[nn.Module]) -> Callable[[], None]:
    """What drops the gradients of earlier runs, so that none is added to."""
    tensors = [*leaves, *(p for module in modules for p in module.parameters())]

    def clear() -> None:
        for tensor in tensors:
            tensor.grad = None

    return clear
