"""Images in folders by class, the layout of ImageNet: they stay on disk."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tableau2net.data.decoding import Batch, Images
from tableau2net.data.listing import Listing, class_names, list_images
from tableau2net.data.load import Part, split_sizes
from tableau2net.data.loading import Batches, begin, checked, loader, reading
from tableau2net.data.normalise import Channels, Normalise
from tableau2net.errors import InputError

if TYPE_CHECKING:
    from tableau2net.data.resident_feed import Feed
    from tableau2net.recipes.recipe import Recipe

BATCH = 200  # of an evaluation; 200 images of 224 pixels are 120 MB
MOST_WORKERS = 8
GLANCE, GLANCES, PATIENCE = 8, 10_000, 3.0  # images looked at before training: at a time, at most, and seconds
SIZES = range(8, 2049)
CPU = torch.device("cpu")
LAYOUT = "expected train/CLASS/… and val/CLASS/… or test/CLASS/…"


@dataclass(frozen=True, eq=False)
class FolderData:
    """A data set of a folder train/ and a folder val/ or test/, each with a folder of images for each class.

    Labels are the places of the names of train's folders in order. Images are tested on that are in test/, else those
    in val/; where both are there, val/ is held out. `size` is that of the crop that a network sees; in evaluation it
    is the middle of the image, resized so that its shorter side is size / 0.875 (256 for 224). `mean` and `std`, in
    units of pixel values, are those of ImageNet's training images, of whatever the images are. `workers` processes
    decode.
    """

    name: str
    class_names: tuple[str, ...]
    train: Listing
    validation: Listing | None
    test: Listing
    size: int
    workers: int
    flip: bool = True
    mean: Channels = (0.485 * 255, 0.456 * 255, 0.406 * 255)
    std: Channels = (0.229 * 255, 0.224 * 255, 0.225 * 255)

    @classmethod
    def read(
        cls,
        folder: str | Path,
        *,
        validation: int = 0,
        limit_train: int | None = None,
        size: int = 224,
        workers: int | None = None,
    ) -> Self:
        """What is in a folder, no image opened yet.

        `validation` images of train/ are held out, then `limit_train` of what remains kept: evenly spaced in the
        order of classes and paths, so that each class has its share. Raises InputError, one line, for a folder that is
        laid out otherwise, and for numbers that do not fit.
        """
        root = Path(folder)
        if size not in SIZES:
            raise InputError(f"--size {size}: must be from {SIZES[0]} to {SIZES[-1]} pixels")
        if workers is not None and not 0 <= workers <= 256:
            raise InputError(f"--workers {workers}: must be from 0 to 256")
        known = class_names(root / "train") if (root / "train").is_dir() else ()
        if not known:
            raise InputError(f"{root}: has no folders of images in train/; {LAYOUT}")
        parts = {part: listing for part in ("test", "val") if (listing := _evaluated(root, part, known))}
        if not parts:
            raise InputError(f"{root}: has no folders of images in val/ or test/; {LAYOUT}")
        if validation and len(parts) == 2:
            raise InputError(f"--validation {validation}: {root} has val/ held out beside test/; leave it at 0")
        listing = list_images(root / "train", known, known)
        train, held = _split(str(folder), listing, validation, limit_train)
        test = parts.get("test") or parts["val"]
        return cls(
            name=str(folder),
            class_names=known,
            train=train,
            validation=parts["val"] if len(parts) == 2 else held,
            test=test,
            size=size,
            workers=default_workers() if workers is None else workers,
        )

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def to(self, device: torch.device) -> Self:
        """The same: images are on disk."""
        return self

    def counts(self) -> dict[str, int]:
        """How many images there are to train, validate and test on."""
        return {part: len(listing or ()) for part, listing in self._parts().items()}

    def digest(self) -> str:
        """A short fingerprint of the paths and sizes of all files and of how they are seen, part by part: where
        another is found, it tells which part of the folder has changed."""
        seen = hashlib.sha256(repr((self.class_names, self.size)).encode()).hexdigest()[:8]
        parts = {part: listing.digest() for part, listing in self._parts().items() if listing is not None}
        return " ".join([seen, *(f"{part}:{digest}" for part, digest in parts.items())])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image, as a network sees it: channels, rows, columns."""
        return (3, self.size, self.size)

    def has(self, part: Part) -> bool:
        """Whether there are images in a part to evaluate on."""
        return self._parts()[part] is not None

    def batches(self, part: Part, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """A part in order: images normalised, float32 (B, 3, size, size), channels_last, and labels int64 (B,).

        Raises InputError for an image that cannot be decoded."""
        listing = self._parts()[part]
        if listing is None:
            return
        normalise = Normalise(self.mean, self.std, device)
        for x, y, _ in self._decoded(listing, range(len(listing)), BATCH, device):
            yield normalise(x.to(device, non_blocking=True).permute(0, 3, 1, 2)), y.to(device, non_blocking=True)

    def feed(self, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice]) -> Feed:
        """Batches of images that worker processes decode."""
        from tableau2net.data.folder_feed import FolderFeed

        return FolderFeed(self, recipe, seed, device, share)

    def look(self, seconds: float = PATIENCE) -> None:
        """Decode images of each part for a while: all of a small folder, some from everywhere in a large one.

        Else an image to test on that cannot be read is found out after an epoch. Raises InputError naming it."""
        parts = [listing for listing in self._parts().values() if listing is not None]
        for listing in parts:
            end = time.monotonic() + seconds / len(parts)
            some = np.random.default_rng(0).permutation(len(listing))[:GLANCES]
            for _ in self._decoded(listing, some, GLANCE, CPU):
                if time.monotonic() > end:
                    break

    def _decoded(self, listing: Listing, order: Iterable[int], size: int, device: torch.device) -> Iterator[Batch]:
        """Images of a listing in batches of a size. Raises InputError for one that cannot be decoded."""
        wanted = [(0, int(i)) for i in order]
        batches = Batches([wanted[first : first + size] for first in range(0, len(wanted), size)])
        workers = min(self.workers, len(batches))
        with reading(listing.folder):
            yield from map(checked, begin(loader(Images(listing, self.size), batches, workers, device, keep=False)))

    def _parts(self) -> dict[str, Listing | None]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


def default_workers() -> int:
    """As many processes as this one may use cores, at most 8."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST_WORKERS)


def _evaluated(root: Path, part: str, known: tuple[str, ...]) -> Listing | None:
    """The images of val/ or test/; None where there are none by class: ImageNet's test images have no labels."""
    folder = root / part
    classes = class_names(folder) if folder.is_dir() else ()
    if strange := [name for name in classes if name not in set(known)]:
        raise InputError(f"{folder / strange[0]}: is no class of {root / 'train'}; the folders there are the classes")
    return list_images(folder, classes, known) if classes else None


def _split(name: str, listing: Listing, validation: int, limit_train: int | None) -> tuple[Listing, Listing | None]:
    left, kept = split_sizes(name, len(listing), validation, limit_train)
    held = _spread(len(listing), validation)
    rest = np.setdiff1d(np.arange(len(listing)), held)
    return listing.chosen(rest[_spread(left, kept)]), listing.chosen(held) if validation else None


def _spread(count: int, wanted: int) -> NDArray[np.int64]:
    """So many numbers below `count`, evenly spaced."""
    return (2 * np.arange(wanted, dtype=np.int64) + 1) * count // max(2 * wanted, 1)
