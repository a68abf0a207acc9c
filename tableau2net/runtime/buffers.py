"""Buffers of fields that their evaluation changes: power iterations, counters, statistics of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from tableau2net.runtime.statistics import STATISTICS_BUFFERS, known_statistics

Place = tuple[nn.Module, str]


class Before:
    """The buffers of fields as they are now, but for the running statistics that `frozen_statistics` knows.

    values: what evaluations have changed since, as it was; of `changed`, which is to be called after them.
    """

    def __init__(self, fields: Iterable[Any]) -> None:
        self.values: dict[Place, Tensor | None] = {}
        self.now: list[tuple[Place, Tensor | None, int, Tensor | None]] = []
        for module, name, own in own_buffers(fields):
            version = 0 if own is None or own.is_inference() else own._version
            self.now.append(((module, name), own, version, None if own is None else own.detach().clone()))

    def changed(self) -> None:
        """Keep what has been changed, and nothing else."""
        for (module, name), own, version, value in self.now:
            uncounted = module.training and name in STATISTICS_BUFFERS  # torch's kernels write these and count nothing
            if uncounted or _moved(own, version, module._buffers.get(name)):
                self.values[module, name] = value
        self.now = []

    @contextmanager
    def again(self) -> Iterator[None]:
        """For the while, each is what it was before; then again what it is now, untouched."""
        now = [(module, name, module._buffers.get(name)) for module, name in self.values]
        try:
            for (module, name), value in self.values.items():
                module._buffers[name] = None if value is None else value.clone()
            yield
        finally:
            for module, name, own in now:
                module._buffers[name] = own


def _moved(own: Tensor | None, version: int, other: Tensor | None) -> bool:
    """Whether a buffer is another tensor, or the same with a newer version."""
    return other is not own or (own is not None and not own.is_inference() and own._version != version)


def own_buffers(fields: Iterable[Any]) -> Iterator[tuple[nn.Module, str, Tensor | None]]:
    """The buffers of fields, each with the module that has it, but for running statistics that are known."""
    seen: set[int] = set()
    for field in fields:
        if isinstance(field, nn.Module):
            for module in field.modules():
                if module._buffers and id(module) not in seen and not known_statistics(module):
                    seen.add(id(module))
                    yield from ((module, name, own) for name, own in module._buffers.items())
