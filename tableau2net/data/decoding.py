"""Decoding images of a folder: what a worker process does, each image by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from tableau2net.data.colour import decode
from tableau2net.data.listing import Listing
from tableau2net.errors import InputError

LONGEST = 8  # times its shorter side, that of an image is resized of which the middle is seen
SHOWN = 0.875  # of an image's shorter side, the crop in its middle: 224 of 256

Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Images:
    """Batches of a listing as bytes. An image is asked for as (epoch, i).

    size: of the crop, in pixels. A random part of the image (8 to 100 per cent of its area, 3 : 4 to 4 : 3) and its
        mirror image, where `augment` and `flip` say so (Szegedy et al. 2015, He et al. 2016); else the middle.
    seed: what is random about an image follows from (seed, epoch, i), whoever decodes it and beside which others.
    """

    listing: Listing
    size: int
    seed: int = 0
    augment: bool = False
    flip: bool = False

    def __getitems__(self, wanted: Sequence[tuple[int, int]]) -> Batch | str:
        """Images uint8 (B, size, size, 3), labels int64 (B,) and a random pixel of each (B, 2), for cutout; or what
        is wrong with one of them, in a line. (An error raised here would come out of its process as many.)"""
        x = torch.empty(len(wanted), self.size, self.size, 3, dtype=torch.uint8)
        cutout = torch.empty(len(wanted), 2, dtype=torch.int64)
        labels = torch.from_numpy(self.listing.labels[[i for _, i in wanted]])
        try:
            for place, (epoch, i) in enumerate(wanted):
                x[place], cutout[place] = self._seen(epoch, i)
        except InputError as error:
            return str(error)
        return x, labels, cutout

    def _seen(self, epoch: int, i: int) -> tuple[Tensor, Tensor]:
        image = self._decoded(i)
        before = torch.default_generator.get_state()  # torchvision's transforms know no other
        torch.default_generator.manual_seed(_seed(self.seed, epoch, i))
        try:
            seen = torch.from_numpy(np.array(self._transform(image)))
            return seen, torch.randint(self.size, (2,))
        finally:
            torch.default_generator.set_state(before)

    def _decoded(self, i: int) -> Image.Image:
        path = self.listing.path(i)
        try:
            return decode(path)
        except Exception as error:  # whatever a decoder makes of a stranger's file
            reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{path}: cannot be read as an image ({reason}); mend it, or remove it") from error

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
