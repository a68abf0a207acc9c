"""Data whose images stay where they are, on disk say: what a source of one's own needs besides a way to get at one."""

from __future__ import annotations

import hashlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tableau2net.data.data import Part, split_sizes
from tableau2net.data.decoding import AnyImage, Decoder, Items
from tableau2net.data.feed import Feed
from tableau2net.data.fetched_feed import SentFeed
from tableau2net.data.loading import Batch, Batches, begin, loader
from tableau2net.data.normalise import Channels, Normalise
from tableau2net.data.sources import SourceRequest
from tableau2net.errors import InputError
from tableau2net.recipes.recipe import Recipe

BATCH = 200  # of an evaluation; 200 images of 224 pixels are 120 MB
MOST_WORKERS = 8
GLANCE, GLANCES, PATIENCE = 8, 10_000, 3.0  # images looked at before training: at a time, at most, and seconds
SIZES = range(8, 2049)
CPU = torch.device("cpu")


class ItemList(list[Any]):
    """Items in a list. They are plain values (numbers, texts, paths), whose text tells any change of them."""

    def chosen(self, index: NDArray[np.int64]) -> ItemList:
        """Those of the items alone."""
        return ItemList(self[i] for i in index.tolist())

    def digest(self) -> str:
        """A fingerprint of their text."""
        return hashlib.sha256("\n".join(map(repr, self)).encode()).hexdigest()[:12]


@dataclass(frozen=True, eq=False)
class DiskData(ABC):
    """A data set whose images are fetched and decoded when they are wanted, by `workers` processes.

    A subclass says how an image is fetched by what stands for it, its item; `of` makes the data of items. Order, crops,
    cutout, processes, and going on with a run to the bit come with it.

    `size` is that of the crop that a network sees, in training a random part of the image, and its mirror image where
    `flip` says that this keeps its label; in evaluation it is the middle of the image, resized so that its shorter side
    is size / 0.875 (256 for 224). `mean` and `std`, in units of pixel values, are those of ImageNet's training images,
    of whatever the images are.
    """

    name: str
    class_names: tuple[str, ...]
    train: Items
    validation: Items | None
    test: Items
    size: int
    workers: int
    flip: bool = True
    mean: Channels = (0.485 * 255, 0.456 * 255, 0.406 * 255)
    std: Channels = (0.229 * 255, 0.224 * 255, 0.225 * 255)

    @abstractmethod
    def fetch(self, item: Any) -> tuple[AnyImage, int]:
        """The image that an item stands for, and its label: the place of its class among `class_names`.

        An image is a path of a file; or a decoded one of PIL's; or an array uint8 (H, W, 3) or (H, W). Whatever error
        is raised is told in a line that names the item. Called in processes of their own: what `self` has, they get.
        """

    @classmethod
    def of(
        cls, request: SourceRequest, class_names: Iterable[str], *, train: Sequence[Any] | Items,
        test: Sequence[Any] | Items, validation: Sequence[Any] | Items | None = None, **own: Any,
    ) -> Self:  # fmt: skip
        """The data of items, as they are asked for: of those to train on, some held out where `validation` is not
        given, then some of what remains kept, evenly spaced, so that in order of classes each class has its share.

        own: other fields, `flip` say. Raises InputError, one line, for numbers that do not fit."""
        if request.size not in SIZES:
            raise InputError(f"--size {request.size}: must be from {SIZES[0]} to {SIZES[-1]} pixels")
        if request.workers is not None and not 0 <= request.workers <= 256:
            raise InputError(f"--workers {request.workers}: must be from 0 to 256")
        all_, tested = _items(train), _items(test)
        if not len(tested):
            raise InputError(f"{request.source}: has no images to test on")
        if request.validation and validation is not None:
            raise InputError(f"--validation {request.validation}: {request.source} has some held out; leave it at 0")
        left, kept = split_sizes(request.source, len(all_), request.validation, request.limit_train)
        held = _spread(len(all_), request.validation)
        rest = np.setdiff1d(np.arange(len(all_)), held)
        return cls(
            name=request.source,
            class_names=tuple(class_names),
            train=all_.chosen(rest[_spread(left, kept)]),
            validation=all_.chosen(held) if request.validation else None if validation is None else _items(validation),
            test=tested,
            size=request.size,
            workers=default_workers() if request.workers is None else request.workers,
            **own,
        )

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image, as a network sees it: channels, rows, columns."""
        return (3, self.size, self.size)

    def to(self, device: torch.device) -> Self:
        """The same: images stay where they are."""
        return self

    def counts(self) -> dict[str, int]:
        """How many images there are to train, validate and test on."""
        return {part: 0 if items is None else len(items) for part, items in self._parts().items()}

    def digest(self) -> str:
        """A short fingerprint of all items and of how they are seen, part by part: where another is found, it tells
        which part of the data has changed."""
        seen = hashlib.sha256(repr((self.class_names, self.size)).encode()).hexdigest()[:8]
        parts = {part: items.digest() for part, items in self._parts().items() if items is not None}
        return " ".join([seen, *(f"{part}:{digest}" for part, digest in parts.items())])

    def has(self, part: Part) -> bool:
        """Whether there are images in a part to evaluate on."""
        return self._parts()[part] is not None

    def batches(self, part: Part, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """A part in order: images normalised, float32 (B, 3, size, size), channels_last, and labels int64 (B,).

        Raises InputError for an image that cannot be decoded."""
        items = self._parts()[part]
        if items is None:
            return
        normalise = Normalise(self.mean, self.std, device)
        for x, y, _ in self._decoded(items, range(len(items)), BATCH, device):
            yield normalise(x.to(device, non_blocking=True).permute(0, 3, 1, 2)), y.to(device, non_blocking=True)

    def feed(self, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice]) -> Feed:
        """Batches that worker processes decode; each goes to the device as bytes."""
        return SentFeed(
            self, self._decoder(self.train, seed=seed, augment=recipe.augment, flip=self.flip), recipe, seed, device,
            share, workers=self.workers, normalise=Normalise(self.mean, self.std, device),
        )  # fmt: skip

    def look(self, seconds: float = PATIENCE) -> None:
        """Decode images of each part for a while: all of a small data set, some from everywhere in a large one.

        Else an image to test on that cannot be read is found out after an epoch. Raises InputError naming it."""
        parts = [items for items in self._parts().values() if items is not None]
        for items in parts:
            end = time.monotonic() + seconds / len(parts)
            some = np.random.default_rng(0).permutation(len(items))[:GLANCES]
            for _ in self._decoded(items, some.tolist(), GLANCE, CPU):
                if time.monotonic() > end:
                    break

    def _decoded(self, items: Items, order: Sequence[int], size: int, device: torch.device) -> Iterator[Batch]:
        """Items in batches of a size. Raises InputError for one that cannot be decoded."""
        batches = Batches([(0, order[first : first + size]) for first in range(0, len(order), size)])
        return begin(
            loader(self._decoder(items), batches, min(self.workers, len(batches)), device, keep=False), self.name
        )

    def _decoder(self, items: Items, **training: Any) -> Decoder:
        return Decoder(self.name, self.classes, self.fetch, items, self.size, **training)

    def _parts(self) -> dict[str, Items | None]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


def default_workers() -> int:
    """As many processes as this one may use cores, at most 8."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST_WORKERS)


def _items(given: Sequence[Any] | Items) -> Items:
    return given if isinstance(given, Items) else ItemList(given)


def _spread(count: int, wanted: int) -> NDArray[np.int64]:
    """So many numbers below `count`, evenly spaced."""
    return (2 * np.arange(wanted, dtype=np.int64) + 1) * count // max(2 * wanted, 1)
