"""Batches of images that are fetched by their numbers, and sent to the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tableau2net.data.augment import EpochDraw, cut_out
from tableau2net.data.data import Data
from tableau2net.data.feed import whole
from tableau2net.data.given import check_batch
from tableau2net.data.loading import Batch, Batches, Fetch, begin, loader
from tableau2net.data.normalise import Normalise
from tableau2net.recipes.recipe import Recipe


class SentFeed:
    """Images that are fetched by their numbers, by `workers` processes, and sent to the device: each batch into the
    same memory.

    fetch(epoch, numbers): those images, their labels, int64 (B,), and what a cutout of each is around, int64 (B, 2);
        None, to have that drawn here. Images are bytes (B, H, W, 3), which `normalise` makes the network's on the
        device; without it, float32 (B, C, H, W) as the network sees them. Of data without classes: what a network is
        given, what it should say of it, float32 both, and the deviations of noise, (B,), or None.
    The order follows from (seed, epoch). A `fetch` that gives the same at each call lets a run end with the same bits
    after a stop, however many processes there are.
    """

    state: tuple[Tensor, ...] = ()  # how far an epoch has come is known to the host

    def __init__(
        self, data: Data, fetch: Fetch, recipe: Recipe, seed: int, device: torch.device,
        share: Callable[[int], slice] = whole, *, workers: int = 0, normalise: Normalise | None = None,
    ) -> None:  # fmt: skip
        self.source, self.recipe, self.seed, self.share, self.normalise = data.name, recipe, seed, share, normalise
        self.count, self.size, self.labelled = data.counts()["train"], data.shape[1:], data.classes > 0
        own = share(min(recipe.batch_size, self.count))
        most = own.stop - own.start
        shape = (*self.size, data.shape[0]) if normalise else data.shape
        self.x = torch.zeros(most, *shape, dtype=torch.uint8 if normalise else torch.float32, device=device)
        if self.labelled:
            self.y = torch.zeros(most, dtype=torch.int64, device=device)
            self.beside = torch.zeros(most, 2, dtype=torch.int64, device=device)
        else:
            self.y, self.beside = torch.zeros(most, *data.shape, device=device), torch.zeros(most, device=device)
        self.batches = Batches()
        self.loader = loader(fetch, self.batches, min(workers, -(-self.count // recipe.batch_size)), device, keep=True)
        self.coming: Iterator[Batch] = iter(())
        self.next, self.middle = 0, torch.empty(0, 2, dtype=torch.int64)

    def start(self, epoch: int, first: int = 0) -> int:
        """Go to image number `first` of an epoch, in batches of the recipe's size from there; returns the seed of
        whatever else chance decides in it."""
        draw = EpochDraw.of(self.count, seed=self.seed, epoch=epoch, flip=False, size=(self.size[0], self.size[-1]))
        order, step = draw.order.tolist(), self.recipe.batch_size
        batches = (order[at : at + step] for at in range(first, self.count, step))
        own = (batch[self.share(len(batch))] for batch in batches)
        self.batches.batches = [(epoch, numbers) for numbers in own if numbers]
        self.next, self.middle = first, draw.cutout
        self.coming = begin(self.loader, self.source)
        return draw.seed

    def advance(self, size: int) -> None:
        """Wait for this process's share of the next `size` images, and send it to the device.

        Raises InputError for what cannot be fetched."""
        own = self.share(size)
        if own.start < own.stop:
            x, y, beside = next(self.coming)
            if beside is None and self.labelled:
                beside = self.middle[self.next + own.start : self.next + own.stop]
            for memory, new in ((self.x, x), (self.y, y), (self.beside, beside)):
                if new is not None:
                    memory[: len(new)].copy_(new, non_blocking=True)
        self.next += size

    def take(self, size: int) -> tuple[Tensor, ...]:
        """The batch that was sent last."""
        own = self.share(size)
        count = own.stop - own.start
        x = self.x[:count]
        if not self.labelled:
            return x, self.y[:count], self.beside[:count]
        if self.normalise:
            x = self.normalise(x.permute(0, 3, 1, 2))
        return (cut_out(x, self.beside[:count], self.recipe.cutout) if self.recipe.cutout else x), self.y[:count]


class FetchedFeed(SentFeed):
    """Batches of a data set of one's own, whose images a function gives by their numbers.

    fetch(epoch, numbers): images, normalised (and augmented, where they are to be), float32 (B, C, H, W), and labels,
    int64 (B,), or of data without classes what a network is given and what it should say; called in `workers`
    processes, by default in this one. Raises InputError for tensors of another kind.
    """

    def __init__(
        self, data: Data, fetch: Callable[[int, list[int]], tuple[Tensor, ...]], recipe: Recipe, seed: int,
        device: torch.device, share: Callable[[int], slice] = whole, *, workers: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(data, _LookedAt(data, fetch), recipe, seed, device, share, workers=workers)


@dataclass(frozen=True)
class _LookedAt:
    """What somebody's function gives, which is what it must be."""

    data: Data
    fetch: Callable[[int, list[int]], tuple[Tensor, ...]]

    def __call__(self, epoch: int, numbers: Sequence[int]) -> Batch:
        x, y, *beside = check_batch(self.data, "fetch", self.fetch(epoch, list(numbers)), len(numbers))
        return x, y, beside[0] if beside else None
