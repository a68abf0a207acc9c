"""Images in memory as bytes, split and normalised."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tableau2net.data.arrays import Arrays
from tableau2net.data.data import Part, split_sizes
from tableau2net.data.feed import Feed
from tableau2net.data.given import short
from tableau2net.data.normalise import Channels, Normalise
from tableau2net.data.resident_feed import ResidentFeed
from tableau2net.data.sources import SourceRequest
from tableau2net.errors import InputError
from tableau2net.recipes.recipe import Recipe

EVALUATION_BATCH = 500


@dataclass(frozen=True)
class ImageData:
    """A data set, split. Images are uint8 (N, 3, H, W), labels int64 (N,) from 0 to classes - 1.

    `flip` says whether a mirrored image keeps its label. `mean` and `std` are per channel, in units of
    pixel values (0 to 255), over x_train. Raises InputError for tensors of another kind, and labels out of range.
    """

    name: str
    classes: int
    flip: bool
    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    x_validation: Tensor | None
    y_validation: Tensor | None
    mean: Channels
    std: Channels

    def __post_init__(self) -> None:
        if (self.x_validation is None) != (self.y_validation is None):
            raise InputError("x_validation, y_validation: give both, or None for both")
        for part in ("train", "test", *(() if self.x_validation is None else ("validation",))):
            self._check(part)
        for key in ("mean", "std"):
            given = getattr(self, key)
            if len(given) != 3 or not all(math.isfinite(v) and (v > 0 or key == "mean") for v in given):
                raise InputError(f"{key} is {given}; it must be three numbers, of the channels, no deviation of them 0")

    def _check(self, part: str) -> None:
        x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
        if not (isinstance(x, Tensor) and x.dtype == torch.uint8 and x.dim() == 4 and x.numel()):
            raise InputError(f"x_{part} is {_kind(x)}; it must be images, a uint8 tensor (N, 3, height, width)")
        if x.shape[1:] != (3, *self.x_train.shape[2:]):
            raise InputError(f"x_{part} is {_kind(x)}; it must have 3 channels, and images as large as x_train has")
        if not (isinstance(y, Tensor) and y.dtype == torch.int64 and y.shape == x.shape[:1]):
            raise InputError(f"y_{part} is {_kind(y)}; it must be labels, an int64 tensor ({len(x)},)")
        low, high = (int(v) for v in y.aminmax())
        if not 0 <= low <= high < self.classes:
            raise InputError(
                f"y_{part} has labels from {low} to {high}; with {self.classes} classes they are below that"
            )

    @classmethod
    def of(cls, request: SourceRequest, arrays: Arrays) -> ImageData:
        """What a source gave: the last images to train on held out, then the first of what remains kept, as asked for.

        Raises InputError for arrays of another kind, and where there are not so many."""
        found, classes = arrays.checked(request.source)
        x, y = found["x_train"], found["y_train"]
        left, train = split_sizes(request.source, len(y), request.validation, request.limit_train)
        held = slice(left, len(y)) if request.validation else None
        mean, std = _statistics(x[:train])
        return cls(
            name=request.source,
            classes=classes,
            flip=arrays.flip,
            x_train=_images(x[:train]),
            y_train=torch.from_numpy(y[:train].copy()),
            x_test=_images(found["x_test"]),
            y_test=torch.from_numpy(found["y_test"]),
            x_validation=None if held is None else _images(x[held]),
            y_validation=None if held is None else torch.from_numpy(y[held].copy()),
            mean=mean,
            std=std,
        )

    def to(self, device: torch.device) -> ImageData:
        """The same data with its tensors on `device`."""
        moved: dict[str, Any] = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        there = object.__new__(type(self))  # it is known to be sound: labels on a GPU are not waited for
        vars(there).update(vars(self) | moved)
        return there

    def feed(self, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice]) -> Feed:
        """Batches of images that are on the device already."""
        return ResidentFeed(self.to(device), recipe, seed, share)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image: channels, rows, columns."""
        return (self.x_train.shape[1], self.x_train.shape[2], self.x_train.shape[3])

    def has(self, part: Part) -> bool:
        """Whether there are images in a part to evaluate on."""
        return self.images(part) is not None

    def images(self, part: Part) -> tuple[Tensor, Tensor] | None:
        """The images of a part as they are stored, and their labels; None where nothing is held out."""
        x, y = {"validation": (self.x_validation, self.y_validation), "test": (self.x_test, self.y_test)}[part]
        return None if x is None or y is None else (x, y)

    def batches(self, part: Part, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """A part in order: images normalised, float32 (B, 3, H, W), channels_last, and labels int64 (B,)."""
        found = self.images(part)
        if found is not None:
            normalise = Normalise(self.mean, self.std, device)
            for x, y in zip(*(torch.split(tensor, EVALUATION_BATCH) for tensor in found), strict=True):
                yield normalise(x.to(device)), y.to(device)

    def counts(self) -> dict[str, int]:
        """How many images there are to train, validate and test on."""
        validation = 0 if self.y_validation is None else len(self.y_validation)
        return {"train": len(self.y_train), "validation": validation, "test": len(self.y_test)}

    def digest(self) -> str:
        """A short fingerprint of every image and label, split included."""
        sha = hashlib.sha256()
        for key, value in vars(self).items():
            if isinstance(value, Tensor):
                sha.update(f"{key}{tuple(value.shape)}".encode())
                sha.update(np.ascontiguousarray(value.cpu().numpy()).data)
        return sha.hexdigest()[:16]


def _kind(value: object) -> str:
    """A value in words: what it is, and of which shape."""
    return short(value) if isinstance(value, Tensor) else f"a {type(value).__name__}"


def _images(x: NDArray[np.uint8]) -> Tensor:
    """uint8 (N, H, W, 3) as a tensor (N, 3, H, W) that is channels_last in memory, as it was."""
    return torch.from_numpy(np.require(x, requirements=("C", "W"))).permute(0, 3, 1, 2)  # what is read-only is copied


def _statistics(x: NDArray[np.uint8]) -> tuple[Channels, Channels]:
    """Mean and standard deviation of each channel, from exact counts of the 256 pixel values."""
    value = np.arange(256, dtype=np.float64)
    mean, std = [], []
    for channel in range(3):
        share = np.bincount(x[..., channel].reshape(-1), minlength=256) / x[..., channel].size
        mean.append(float(share @ value))
        # A channel that never changes carries nothing; dividing by 1 leaves it at zero instead of 0/0.
        std.append(float(np.sqrt(share @ (value - mean[-1]) ** 2)) or 1.0)
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])
