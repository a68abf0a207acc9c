"""Decoding images: what a worker process does, each image by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from tableau2net.data.colour import coloured, decode
from tableau2net.data.given import short
from tableau2net.data.loading import Batch
from tableau2net.errors import InputError

LONGEST = 8  # times its shorter side, that of an image is resized of which the middle is seen
SHOWN = 0.875  # of an image's shorter side, the crop in its middle: 224 of 256

AnyImage = Path | Image.Image | NDArray[np.uint8]  # a file; or, decoded, of any size and mode; or (H, W, 3) or (H, W)


@runtime_checkable
class Items(Protocol):
    """What stands for the images of a part: an item is anything that an image can be fetched by."""

    def __len__(self) -> int: ...
    def __getitem__(self, i: int, /) -> Any: ...
    def chosen(self, index: NDArray[np.int64]) -> Items:
        """Those of the items alone."""

    def digest(self) -> str:
        """A fingerprint of them, which tells any change."""


@dataclass(frozen=True, eq=False)
class Decoder:
    """Batches of bytes of the items of a data set called `name`.

    fetch: an item's image, and its label, from 0 to `classes` - 1.
    size: of the crop, in pixels. A random part of the image (8 to 100 per cent of its area, 3 : 4 to 4 : 3) and its
        mirror image, where `augment` and `flip` say so (Szegedy et al. 2015, He et al. 2016); else the middle.
    seed: what is random about an image follows from (seed, epoch, i), whoever decodes it and beside which others.
    """

    name: str
    classes: int
    fetch: Callable[[Any], tuple[AnyImage, int]]
    items: Items
    size: int
    seed: int = 0
    augment: bool = False
    flip: bool = False

    def __call__(self, epoch: int, numbers: Sequence[int]) -> Batch:
        """Images uint8 (B, size, size, 3), labels int64 (B,) and a random pixel of each (B, 2), for cutout.

        Raises InputError for an image that cannot be decoded."""
        x = torch.empty(len(numbers), self.size, self.size, 3, dtype=torch.uint8)
        y, cutout = (torch.empty(len(numbers), *shape, dtype=torch.int64) for shape in ((), (2,)))
        for place, i in enumerate(numbers):
            image, y[place] = self._decoded(self.items[i])
            x[place], cutout[place] = self._seen(image, epoch, i)
        return x, y, cutout

    def _seen(self, image: Image.Image, epoch: int, i: int) -> tuple[Tensor, Tensor]:
        before = torch.default_generator.get_state()  # torchvision's transforms know no other
        torch.default_generator.manual_seed(_seed(self.seed, epoch, i))
        try:
            seen = torch.from_numpy(np.array(self._transform(image)))
            return seen, torch.randint(self.size, (2,))
        finally:
            torch.default_generator.set_state(before)

    def _decoded(self, item: Any) -> tuple[Image.Image, int]:
        what: object = f"{self.name}: {short(item)}"
        try:
            image, label = self.fetch(item)
            if not 0 <= label < self.classes:
                raise ValueError(f"its label is {label}; with {self.classes} classes labels count from 0")
            if isinstance(image, Path):
                what = image
                return decode(image), label
            return coloured(image if isinstance(image, Image.Image) else Image.fromarray(image)), label
        except InputError:
            raise
        except Exception as error:  # whatever a decoder makes of a stranger's file, or a stranger's code of its own
            reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{what}: cannot be read as an image ({reason}); mend it, or remove it") from error

    @cached_property
    def _transform(self) -> Any:
        if not self.augment:
            return v2.Compose([_cut, v2.Resize(round(self.size / SHOWN)), v2.CenterCrop(self.size)])
        return v2.Compose([v2.RandomResizedCrop(self.size), v2.RandomHorizontalFlip(0.5 if self.flip else 0.0)])


def _cut(image: Image.Image) -> Image.Image:
    """The middle of a strip: one pixel by 60,000, resized, would take gigabytes, of which a square is seen."""
    most = LONGEST * min(image.size)
    away = [max(side - most, 0) // 2 for side in image.size]
    if not any(away):
        return image
    return image.crop((away[0], away[1], image.width - away[0], image.height - away[1]))


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
