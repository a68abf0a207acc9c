"""Batches of an epoch, on the device: what a training step takes its images from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from tableau2net.data.augment import PAD, EpochDraw, Windows, cut_out
from tableau2net.data.given import check_batch, checked_feed
from tableau2net.data.load import Data, ImageData
from tableau2net.data.memory import fill
from tableau2net.data.normalise import Normalise
from tableau2net.errors import InputError
from tableau2net.recipes.recipe import Recipe


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

    def take(self, size: int) -> tuple[Tensor, Tensor]:
        """This process's share of the next `size` images, float32 (B, 3, H, W), and their labels, int64 (B,).

        Runs on the device alone: it may be captured once and replayed."""
        ...


def whole(size: int) -> slice:
    """The share of a batch that a process has which is alone."""
    return slice(0, size)


class ResidentFeed:
    """Images that are on the device already, as bytes: one gather takes a batch out of them, cropped and mirrored.

    All that a step has to look up is where its images begin, and their labels, in the order of the epoch."""

    def __init__(self, data: ImageData, recipe: Recipe, seed: int, share: Callable[[int], slice] = whole) -> None:
        device = data.x_train.device
        self.count = len(data.y_train)
        self.size = (data.x_train.shape[2], data.x_train.shape[3])
        self.windows = Windows.of(data, PAD if recipe.augment else 0)
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


class SentFeed:
    """Images that are sent to the device batch by batch, into the same memory each time.

    count: images of an epoch. shape: of one as it is sent, for a batch of at most so many in memory of a `dtype`.
    """

    state: tuple[Tensor, ...] = ()  # how far an epoch has come is known to the host

    def __init__(
        self, count: int, shape: tuple[int, ...], dtype: torch.dtype, recipe: Recipe, device: torch.device,
        share: Callable[[int], slice],
    ) -> None:  # fmt: skip
        self.count, self.recipe, self.share = count, recipe, share
        own = share(min(recipe.batch_size, count))
        most = own.stop - own.start
        self.x = torch.zeros(most, *shape, dtype=dtype, device=device)
        self.y = torch.zeros(most, dtype=torch.int64, device=device)
        self.cutout = torch.zeros(most, 2, dtype=torch.int64, device=device)

    def send(self, x: Tensor, y: Tensor, cutout: Tensor) -> None:
        """Send this process's share of a batch, and the middle of the square to cut out of each image."""
        for own, new in ((self.x, x), (self.y, y), (self.cutout, cutout)):
            own[: len(new)].copy_(new, non_blocking=True)

    def seen(self, x: Tensor) -> Tensor:
        """What was sent as the network sees it, float32 (B, 3, H, W)."""
        return x

    def take(self, size: int) -> tuple[Tensor, Tensor]:
        """The batch that was sent last."""
        own = self.share(size)
        count = own.stop - own.start
        x = self.seen(self.x[:count])
        return (cut_out(x, self.cutout[:count], self.recipe.cutout) if self.recipe.cutout else x), self.y[:count]


Fetch = Callable[[int, list[int]], tuple[Tensor, Tensor]]


class FetchedFeed(SentFeed):
    """Batches of a data set of one's own, whose images a function gives by their numbers.

    fetch(epoch, numbers): images, normalised (and augmented, where they are to be), float32 (B, 3, H, W), and labels,
    int64 (B,). A run that is to end with the same bits after a stop has a `fetch` that gives the same at each call.
    The order of an epoch follows from (seed, epoch).
    """

    def __init__(
        self, data: Data, fetch: Fetch, recipe: Recipe, seed: int, device: torch.device,
        share: Callable[[int], slice] = whole,
    ) -> None:  # fmt: skip
        super().__init__(data.counts()["train"], data.shape, torch.float32, recipe, device, share)
        self.data, self.fetch, self.seed = data, fetch, seed
        self.epoch, self.next = 0, 0
        self.draw = self._drawn(0)

    def start(self, epoch: int, first: int = 0) -> int:
        """Go to image number `first` of an epoch; returns the seed of whatever else chance decides in it."""
        self.epoch, self.next = epoch, first
        self.draw = self._drawn(epoch)
        return self.draw.seed

    def advance(self, size: int) -> None:
        """Fetch the next `size` images, or this process's share. Raises InputError for tensors of another kind."""
        own = self.share(size)
        place = slice(self.next + own.start, self.next + own.stop)
        numbers = self.draw.order[place].tolist()
        x, y = check_batch(self.data, "fetch", self.fetch(self.epoch, numbers), len(numbers))
        self.send(x, y, self.draw.cutout[place])
        self.next += size

    def _drawn(self, epoch: int) -> EpochDraw:
        size = (self.data.shape[1], self.data.shape[2])
        return EpochDraw.of(self.count, seed=self.seed, epoch=epoch, flip=False, size=size)


def feed_of(data: Data, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice] = whole) -> Feed:
    """The feed of a data set. Raises InputError for a recipe whose `cutout` leaves nothing of an image, and for a feed
    that lacks something."""
    if recipe.cutout >= min(data.shape[1:]):
        raise InputError(f"recipe: cutout is {recipe.cutout}; it must be below the {min(data.shape[1:])} of an image")
    return checked_feed(data, data.feed(recipe, seed, device, share))
