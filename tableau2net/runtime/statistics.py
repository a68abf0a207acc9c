"""Running statistics of normalisation: those of each evaluation, and how they stand still while one is made again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

STATISTICS_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
EVALUATIONS = "evaluations"  # the child of a layer that has those of its other evaluations


class RunningStatistics(nn.Module):
    """Running mean, variance and count of a normalisation layer for one evaluation of it.

    There are none in that of the first evaluation, whose statistics are the layer's own.
    """

    def __init__(self, layer: nn.Module, before: RunningStatistics | None = None, first: bool = False) -> None:
        super().__init__()
        self.known = known_statistics(layer)
        found = {} if before is None else before._buffers
        for name in () if first else STATISTICS_BUFFERS:
            value = found.get(name, layer._buffers.get(name))
            self.register_buffer(name, None if value is None else value.detach().clone())


@contextmanager
def frozen_statistics(modules: Iterable[Any]) -> Iterator[None]:
    """For the while, BatchNorm and its like in training mode update nothing; what they give is the same.

    modules: fields, looked through with all their children; what has no ``modules()`` is left alone.
    Running statistics and the count of batches are afterwards bit for bit what they were: others stand in for them, so
    that autograd sees the same operations. Modules in evaluation mode, whose statistics are read and not written, go
    on as ever. Blocks may be nested.
    """
    found = _tracking(modules)
    kept = [{name: own for name, own in module._buffers.items() if name in STATISTICS_BUFFERS} for module in found]
    try:
        for module, buffers in zip(found, kept, strict=True):
            module._buffers.update(_stand_in(module, buffers))
        yield
    finally:
        for module, buffers in zip(found, kept, strict=True):
            module._buffers.update(buffers)


def _tracking(modules: Iterable[Any]) -> list[nn.Module]:
    """Each module once that would update statistics now, and where those of its other evaluations are."""
    found: dict[int, nn.Module] = {}
    for module in modules:
        if hasattr(module, "modules"):
            for child in module.modules():
                if child.training and getattr(child, "track_running_stats", False):
                    others = child._modules.get(EVALUATIONS)
                    for each in (child, *(() if others is None else others.modules())):
                        if each._buffers:
                            found[id(each)] = each
    return list(found.values())


def known_statistics(module: nn.Module) -> bool:
    """Whether a module's buffers are running statistics of torch's own normalisation."""
    if isinstance(module, RunningStatistics):
        return module.known
    return type(module).forward in (_BatchNorm.forward, nn.SyncBatchNorm.forward, _InstanceNorm.forward)


def _stand_in(module: nn.Module, buffers: dict[str, Tensor | None]) -> dict[str, Tensor | None]:
    """Buffers to be updated in the place of a module's own: blank ones, which cost no kernel, where it is known that
    nothing but the update reads them."""
    if not known_statistics(module):
        return {name: None if own is None else own.clone() for name, own in buffers.items()}
    return {
        name: None if own is None or name == "num_batches_tracked" else torch.empty_like(own)
        for name, own in buffers.items()
    }
