"""Batches of images that are on the device already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from tableau2net.data.augment import PAD, EpochDraw, Windows, cut_out
from tableau2net.data.feed import whole
from tableau2net.data.memory import fill
from tableau2net.data.normalise import Channels, Normalise
from tableau2net.recipes.recipe import Recipe


class Resident(Protocol):
    """Images to train on as bytes, uint8 (N, 3, H, W), on the device, and their labels, int64 (N,)."""

    @property
    def x_train(self) -> Tensor: ...
    @property
    def y_train(self) -> Tensor: ...
    @property
    def flip(self) -> bool: ...
    @property
    def mean(self) -> Channels: ...
    @property
    def std(self) -> Channels: ...


class ResidentFeed:
    """Images that are on the device already, as bytes: one gather takes a batch out of them, cropped and mirrored.

    All that a step has to look up is where its images begin, and their labels, in the order of the epoch."""

    def __init__(self, data: Resident, recipe: Recipe, seed: int, share: Callable[[int], slice] = whole) -> None:
        device = data.x_train.device
        self.count = len(data.y_train)
        self.size = (data.x_train.shape[2], data.x_train.shape[3])
        self.windows = Windows.of(data.x_train, mean=data.mean, flip=data.flip, pad=PAD if recipe.augment else 0)
        self.labels = data.y_train.cpu()
        self.normalise = Normalise(data.mean, data.std, device)
        self.recipe, self.seed, self.flip, self.share = recipe, seed, data.flip, share
        self.addresses, self.targets = (torch.zeros(self.count, dtype=torch.int64, device=device) for _ in range(2))
        self.cutout = torch.zeros(self.count, 2, dtype=torch.int64, device=device)
        self.cursor = torch.zeros(1, dtype=torch.int64, device=device)
        self.state: tuple[Tensor, ...] = (self.cursor,)

    def start(self, epoch: int, first: int = 0) -> int:
        """Draw an epoch, into the memory that the last one was in, and go to its image number `first`."""
        draw = EpochDraw.of(self.count, seed=self.seed, epoch=epoch, flip=self.flip, size=self.size)
        fill(self.addresses, self.windows.addresses(draw))
        fill(self.targets, self.labels[draw.order])
        fill(self.cutout, draw.cutout)
        self.cursor.fill_(first)
        return draw.seed

    def advance(self, size: int) -> None:
        """Nothing: all images are at hand."""

    def take(self, size: int) -> tuple[Tensor, Tensor]:
        """The next images, augmented and normalised."""
        own = self.share(size)
        place = torch.arange(own.start, own.stop, device=self.cursor.device) + self.cursor
        self.cursor += size
        # On a CPU, index_select copies whole rows, where indexing goes byte by byte: ten times as long.
        rows = self.windows.crops.index_select(0, self.addresses.index_select(0, place))
        x = self.normalise(rows.view(-1, *self.size, 3).permute(0, 3, 1, 2))
        if self.recipe.cutout:
            x = cut_out(x, self.cutout.index_select(0, place), self.recipe.cutout)
        return x, self.targets.index_select(0, place)
