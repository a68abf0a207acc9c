"""What a backward pass that evaluates fields puts around them, so that they do what they did in the forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from tableau2net.runtime.statistics import frozen_statistics


class Surroundings:
    """The autocast of now, for the CPU and for a device."""

    def __init__(self, device: torch.device) -> None:
        self.regions: list[dict[str, Any]] = [
            {
                "device_type": kind,
                "dtype": torch.get_autocast_dtype(kind),
                "enabled": torch.is_autocast_enabled(kind),
                "cache_enabled": torch.is_autocast_cache_enabled(),
            }
            for kind in dict.fromkeys(("cpu", device.type))
        ]

    @contextmanager
    def restored(self, fields: Sequence[Any], parameters: Sequence[Tensor]) -> Iterator[None]:
        """For the while: that autocast, statistics that stand still, and no hooks on the gradients of parameters, which
        wait for the whole gradient. Weights cast before or within are not mixed up: one may have a graph that the
        other must not be without."""
        with ExitStack() as stack:
            for region in self.regions:
                stack.enter_context(torch.autocast(**region))
            stack.enter_context(frozen_statistics(fields))
            stack.enter_context(_without_hooks(parameters))
            torch.clear_autocast_cache()
            yield
            torch.clear_autocast_cache()


@contextmanager
def _without_hooks(parameters: Sequence[Tensor]) -> Iterator[None]:
    hooks = [p._backward_hooks for p in parameters if p._backward_hooks]
    kept = [dict(found) for found in hooks]
    for found in hooks:
        found.clear()
    try:
        yield
    finally:
        for found, own in zip(hooks, kept, strict=True):
            found.update(own)
