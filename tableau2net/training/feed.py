"""Batches of an epoch, on the device: what a training step takes its pictures from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.training.augment import PAD, EpochDraw, Windows, blotted
from tableau2net.training.data import Data, ImageData
from tableau2net.training.memory import fill
from tableau2net.training.normalise import Normalise
from tableau2net.training.recipe import Recipe


class Feed(Protocol):
    """Where the batches of a training run come from.

    count: pictures of an epoch.
    """

    count: int

    @property
    def state(self) -> tuple[Tensor, ...]:
        """The tensors that say how far an epoch has come."""

    def start(self, epoch: int, first: int = 0) -> int:
        """Go to picture number `first` of an epoch; returns the seed of whatever else chance decides in it."""
        ...

    def advance(self, size: int) -> None:
        """Have the next `size` pictures at hand on the device. Called by the host before each step."""
        ...

    def take(self, size: int) -> tuple[Tensor, Tensor]:
        """This process's share of the next `size` pictures, float32 (B, 3, H, W), and their labels, int64 (B,).

        Runs on the device alone: it may be recorded once and be played again."""
        ...


def whole(size: int) -> slice:
    """The share of a batch that a process has which is alone."""
    return slice(0, size)


class ResidentFeed:
    """Pictures that are on the device already, as bytes: one gather takes a batch out of them, cropped and mirrored.

    All that a step has to look up is where its pictures begin, and their labels, in the order of the epoch."""

    def __init__(self, data: ImageData, recipe: Recipe, seed: int, share: Callable[[int], slice] = whole) -> None:
        device = data.x_train.device
        self.count = len(data.y_train)
        self.size = (data.x_train.shape[2], data.x_train.shape[3])
        self.windows = Windows.of(data, PAD if recipe.augment else 0)
        self.labels = data.y_train.cpu()
        self.normalise = Normalise(data.mean, data.std, device)
        self.recipe, self.seed, self.flip, self.share = recipe, seed, data.flip, share
        self.addresses, self.answers = (torch.zeros(self.count, dtype=torch.int64, device=device) for _ in range(2))
        self.blot = torch.zeros(self.count, 2, dtype=torch.int64, device=device)
        self.cursor = torch.zeros(1, dtype=torch.int64, device=device)
        self.state: tuple[Tensor, ...] = (self.cursor,)

    def start(self, epoch: int, first: int = 0) -> int:
        """Draw an epoch, into the memory that the last one was in, and go to its picture number `first`."""
        draw = EpochDraw.of(self.count, seed=self.seed, epoch=epoch, flip=self.flip, size=self.size)
        fill(self.addresses, self.windows.addresses(draw))
        fill(self.answers, self.labels[draw.order])
        fill(self.blot, draw.blot)
        self.cursor.fill_(first)
        return draw.seed

    def advance(self, size: int) -> None:
        """Nothing: all pictures are at hand."""

    def take(self, size: int) -> tuple[Tensor, Tensor]:
        """The next pictures, augmented and normalised."""
        own = self.share(size)
        place = torch.arange(own.start, own.stop, device=self.cursor.device) + self.cursor
        self.cursor += size
        # On a CPU, index_select copies whole rows, where indexing goes byte by byte: ten times as long.
        rows = self.windows.crops.index_select(0, self.addresses.index_select(0, place))
        x = self.normalise(rows.view(-1, *self.size, 3).permute(0, 3, 1, 2))
        if self.recipe.cutout:
            x = blotted(x, self.blot.index_select(0, place), self.recipe.cutout)
        return x, self.answers.index_select(0, place)


def feed_of(data: Data, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice] = whole) -> Feed:
    """The feed of a data set: of pictures in memory, or on disk.

    Raises InputError for a recipe whose `cutout` leaves nothing of a picture."""
    if recipe.cutout >= min(data.shape[1:]):
        raise InputError(f"recipe: cutout is {recipe.cutout}; it must be below the {min(data.shape[1:])} of a picture")
    if isinstance(data, ImageData):
        return ResidentFeed(data.to(device), recipe, seed, share)
    from tableau2net.training.folder import FolderData
    from tableau2net.training.folder_feed import FolderFeed

    assert isinstance(data, FolderData)
    return FolderFeed(data, recipe, seed, device, share)
