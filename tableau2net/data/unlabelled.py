"""Data without labels: what a network is given, and what it should say of it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tableau2net.data.data import Part
from tableau2net.data.feed import Feed
from tableau2net.data.fetched_feed import SentFeed
from tableau2net.data.loading import Fetch
from tableau2net.recipes.recipe import Recipe

AT_ONCE = 2**18  # values of a channel that are evaluated at once, where sizes allow several


@dataclass(frozen=True, eq=False)
class PairData(ABC):
    """Pairs in memory, on the host; batches of them are sent to the device.

    workers: processes that make batches; 0, this one.
    """

    name: str
    workers: int
    classes: ClassVar[int] = 0
    flip: ClassVar[bool] = False

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of what a network is given in training: channels, and sizes."""

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """How many pairs there are in each part."""

    @abstractmethod
    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """All that it is made of, by the part."""

    @abstractmethod
    def pairs(self, part: Part) -> Iterator[tuple[Tensor, ...]]:
        """A part in order, one by one: what a network is given, what it should say, and what it may be told besides."""

    @abstractmethod
    def fetch(self, seed: int, augment: bool) -> Fetch:
        """What gives pairs to train on by their numbers, as (seed, epoch, number) say."""

    def settings(self) -> str:
        """What figures depend on besides the arrays, in a line."""
        return ""

    def digest(self) -> str:
        """A short fingerprint of every value, split included, and of what figures depend on besides."""
        sha = hashlib.sha256(self.settings().encode())
        for part, array in self.arrays():
            sha.update(f"{part}{array.shape}{array.dtype}".encode())
            sha.update(np.ascontiguousarray(array).data)
        return sha.hexdigest()[:16]

    def to(self, device: torch.device) -> Self:
        """The same: batches go there."""
        return self

    def has(self, part: Part) -> bool:
        """Whether there are pairs in a part to evaluate on."""
        return self.counts()[part] > 0

    def batches(self, part: Part, device: torch.device) -> Iterator[tuple[Tensor, ...]]:
        """A part in order, neighbours of one size together as far as memory is no matter."""
        waiting: list[tuple[Tensor, ...]] = []
        for pair in self.pairs(part):
            size = waiting[0][0].shape if waiting else pair[0].shape
            if waiting and (size != pair[0].shape or (len(waiting) + 1) * size[1:].numel() > AT_ONCE):
                yield _together(waiting, device)
                waiting = []
            waiting.append(pair)
        if waiting:
            yield _together(waiting, device)

    def feed(self, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice]) -> Feed:
        """Batches that are made on the host."""
        return SentFeed(self, self.fetch(seed, recipe.augment), recipe, seed, device, share, workers=self.workers)


def _together(pairs: Sequence[tuple[Tensor, ...]], device: torch.device) -> tuple[Tensor, ...]:
    return tuple(torch.stack(own).to(device) for own in zip(*pairs, strict=True))
