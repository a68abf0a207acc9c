"""Batches of an epoch from images on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from tableau2net.data.augment import EpochDraw
from tableau2net.data.decoding import Batch, Images
from tableau2net.data.image_folder import FolderData
from tableau2net.data.loading import Batches, begin, checked, loader, reading
from tableau2net.data.normalise import Normalise
from tableau2net.data.resident_feed import SentFeed, whole
from tableau2net.recipes.recipe import Recipe


class FolderFeed(SentFeed):
    """Images that worker processes decode: each batch goes to the device as bytes, into the same memory each time.

    Their order follows from (seed, epoch), the crop of each from (seed, epoch, its number): how many processes there
    are, and at which image an epoch is gone on with, change no bit.
    """

    def __init__(
        self, data: FolderData, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice] = whole
    ) -> None:
        super().__init__(len(data.train), (data.size, data.size, 3), torch.uint8, recipe, device, share)
        self.data, self.seed = data, seed
        self.normalise = Normalise(data.mean, data.std, device)
        images = Images(data.train, data.size, seed, recipe.augment, data.flip)
        self.wanted = Batches()
        workers = min(data.workers, -(-self.count // recipe.batch_size))
        self.loader = loader(images, self.wanted, workers, device, keep=True)
        self.coming: Iterator[Batch | str] = iter(())

    def start(self, epoch: int, first: int = 0) -> int:
        """Go to image number `first` of an epoch, in batches of the recipe's size from there; returns the seed of
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
        """Wait for the next batch, of `size` images all processes together, and send it to the device.

        Raises InputError for an image that cannot be decoded."""
        with reading(self.data.train.folder):
            self.send(*checked(next(self.coming)))

    def seen(self, x: Tensor) -> Tensor:
        """Bytes (B, H, W, 3) as the network sees them."""
        return self.normalise(x.permute(0, 3, 1, 2))
