"""What a training step takes its batches from."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Feed(Protocol):
    """Where the batches of a training run come from.

    count: images of an epoch.
    """

    count: int

    @property
    def state(self) -> tuple[Tensor, ...]:
        """The tensors that say how far an epoch has come."""

    def start(self, epoch: int, first: int = 0) -> int:
        """Go to image number `first` of an epoch; returns the seed of whatever else chance decides in it."""
        ...

    def advance(self, size: int) -> None:
        """Have the next `size` images at hand on the device. Called by the host before each step."""
        ...

    def take(self, size: int) -> tuple[Tensor, ...]:
        """This process's share of the next `size` images, float32 (B, 3, H, W), and their labels, int64 (B,); or of
        what a network is given and what it should say of it, and what it may be told besides.

        Runs on the device alone: it may be captured once and replayed."""
        ...


def whole(size: int) -> slice:
    """The share of a batch that a process has which is alone."""
    return slice(0, size)
