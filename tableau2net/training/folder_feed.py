"""Batches of an epoch from pictures on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from tableau2net.training.augment import EpochDraw, blotted
from tableau2net.training.feed import whole
from tableau2net.training.folder import FolderData
from tableau2net.training.loading import Batches, begin, checked, loader, reading
from tableau2net.training.normalise import Normalise
from tableau2net.training.pictures import Batch, Pictures
from tableau2net.training.recipe import Recipe


class FolderFeed:
    """Pictures that worker processes decode: each batch goes to the device as bytes, into the same memory each time.

    Their order follows from (seed, epoch), the crop of each from (seed, epoch, its number): how many processes there
    are, and at which picture an epoch is gone on with, change no bit.
    """

    def __init__(
        self, data: FolderData, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice] = whole
    ) -> None:
        self.count = len(data.train)
        self.state: tuple[Tensor, ...] = ()  # how far an epoch has come is known to the host
        self.data, self.recipe, self.seed, self.share = data, recipe, seed, share
        self.normalise = Normalise(data.mean, data.std, device)
        pictures = Pictures(data.train, data.size, seed, recipe.augment, data.flip)
        self.wanted = Batches()
        workers = min(data.workers, -(-self.count // recipe.batch_size))
        self.loader = loader(pictures, self.wanted, workers, device, keep=True)
        self.coming: Iterator[Batch | str] = iter(())
        own = share(min(recipe.batch_size, self.count))
        most = own.stop - own.start
        self.x = torch.zeros(most, data.size, data.size, 3, dtype=torch.uint8, device=device)
        self.y = torch.zeros(most, dtype=torch.int64, device=device)
        self.blot = torch.zeros(most, 2, dtype=torch.int64, device=device)

    def start(self, epoch: int, first: int = 0) -> int:
        """Go to picture number `first` of an epoch, in batches of the recipe's size from there; returns the seed of
        whatever else chance decides in it."""
        size = (self.data.size, self.data.size)
        draw = EpochDraw.of(self.count, seed=self.seed, epoch=epoch, flip=False, size=size)
        order = draw.order.tolist()
        self.wanted.batches = [
            [(epoch, i) for i in batch[self.share(len(batch))]]
            for batch in (
                order[at : at + self.recipe.batch_size] for at in range(first, self.count, self.recipe.batch_size)
            )
        ]
        with reading(self.data.train.folder):
            self.coming = begin(self.loader)
        return draw.seed

    def advance(self, size: int) -> None:
        """Wait for the next batch, of `size` pictures all processes together, and send it to the device.

        Raises InputError for a picture that cannot be decoded."""
        with reading(self.data.train.folder):
            batch = checked(next(self.coming))
        for own, new in zip((self.x, self.y, self.blot), batch, strict=True):
            own[: len(new)].copy_(new, non_blocking=True)

    def take(self, size: int) -> tuple[Tensor, Tensor]:
        """The batch that was sent last, normalised."""
        own = self.share(size)
        count = own.stop - own.start
        x = self.normalise(self.x[:count].permute(0, 3, 1, 2))
        return (blotted(x, self.blot[:count], self.recipe.cutout) if self.recipe.cutout else x), self.y[:count]
