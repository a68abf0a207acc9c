"""Clean images, and what noise makes of them: x = y + σ n, values of y from 0 to 1, n standard normal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tableau2net.data.data import Part, split_sizes
from tableau2net.data.loading import Batch
from tableau2net.data.sources import SourceRequest
from tableau2net.data.unlabelled import PairData
from tableau2net.errors import InputError
from tableau2net.recipes.task import TaskSpec

WHITE = 255
LEAST = 16  # pixels either way
PURPOSE, EVALUATION = 5, 6  # of the streams of chance: of training, and of what is held out and tested on

Bytes = NDArray[np.uint8]  # (H, W, C)


@dataclass(frozen=True, eq=False)
class NoisyData(PairData):
    """Clean images, uint8 (H, W, C) of any sizes, and the noise that a task makes of them.

    In an epoch `patches` squares of `task.patch` pixels are cut from each image to train on, mirrored and turned by
    right angles where the recipe augments, each with noise and a deviation of its own: drawn from (seed, epoch,
    number), the same after a stop and whoever makes them. Images of the other parts are seen whole, once for each
    deviation of `task.test_sigma`; the noise of an image follows from its place in its part alone, and is that of every
    run.
    """

    train: tuple[Bytes, ...]
    validation: tuple[Bytes, ...]
    test: tuple[Bytes, ...]
    task: TaskSpec
    patches: int

    @classmethod
    def of(cls, request: SourceRequest, task: TaskSpec, train: Sequence[Bytes], test: Sequence[Bytes]) -> NoisyData:
        """The data of clean images, as they are asked for: the last of those to train on held out, then the first of
        what remains kept. Raises InputError, one line, for images or numbers that do not fit."""
        if not test:
            raise InputError(f"{request.source}: has no images to test on; name a folder of them by --test-data")
        left, kept = split_sizes(request.source, len(train), request.validation, request.limit_train)
        images, held = tuple(train[:kept]), tuple(train[left:])
        _check_sizes(request.source, (*images, *held))
        _check_sizes(f"--test-data {task.test_data}" if task.test_data else request.source, test)
        _check_patch(request.source, task, images)
        pixels = sum(image.shape[0] * image.shape[1] for image in images) / len(images)
        cover = round(pixels / task.patch**2) if task.patch else 1
        patches = max(1, cover) if task.patches is None else task.patches
        return cls(request.source, request.workers or 0, images, held, tuple(test), task, patches)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what is trained on: channels, rows, columns."""
        height, width, channels = self.train[0].shape
        return (channels, *((self.task.patch,) * 2 if self.task.patch else (height, width)))

    def counts(self) -> dict[str, int]:
        """Squares of an epoch, and images that are seen whole, each counted for each of the deviations."""
        levels = len(self.task.test_sigma)
        return {
            "train": len(self.train) * self.patches,
            "validation": len(self.validation) * levels,
            "test": len(self.test) * levels,
        }

    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Every clean image."""
        for part in ("train", "validation", "test"):
            yield from ((part, image) for image in getattr(self, part))

    def settings(self) -> str:
        """What is measured, and how."""
        return f"denoise {self.task.test_sigma} {self.task.clamp} {self.task.patch} {self.patches}"

    def pairs(self, part: Part) -> Iterator[tuple[Tensor, ...]]:
        """Whole images, all of them for one deviation after the other; noise of an image is the same but for that."""
        for sigma in self.task.test_sigma:
            for i, image in enumerate(getattr(self, part)):
                random = np.random.default_rng([EVALUATION, ("validation", "test").index(part), i])
                yield _noisy(image, sigma, random)

    def fetch(self, seed: int, augment: bool) -> NoisyPatches:
        """What gives squares by their numbers."""
        return NoisyPatches(self.train, self.shape, self.patches, self.task, seed, augment)


@dataclass(frozen=True, eq=False)
class NoisyPatches:
    """Squares of images with noise, by their numbers; see `NoisyData`."""

    images: tuple[Bytes, ...]
    shape: tuple[int, ...]
    patches: int
    task: TaskSpec
    seed: int
    augment: bool

    def __call__(self, epoch: int, numbers: Sequence[int]) -> Batch:
        """Noisy and clean squares, float32 (B, C, H, W) from 0 to 1 but for the noise, and deviations (B,)."""
        x, y, sigma = zip(*(self._one(epoch, number) for number in numbers), strict=True)
        return torch.stack(x), torch.stack(y), torch.stack(sigma)

    def _one(self, epoch: int, number: int) -> tuple[Tensor, Tensor, Tensor]:
        random = np.random.default_rng([self.seed, epoch, number, PURPOSE])
        image, (rows, columns) = self.images[number // self.patches], self.shape[1:]
        room = image.shape[0] - rows, image.shape[1] - columns
        top, left = random.integers(0, room, endpoint=True) if self.augment else (room[0] // 2, room[1] // 2)
        square = image[top : top + rows, left : left + columns]
        if self.augment:
            square = turned(square, int(random.integers(8)))
        low, high = self.task.sigma_from, self.task.sigma
        assert low is not None
        assert high is not None
        return _noisy(square, low if low == high else random.uniform(low, high), random)


def turned(image: Bytes, way: int) -> Bytes:
    """An image (H, W, C) in one of its 8 positions; one that is no square is not laid on its side."""
    if image.shape[0] == image.shape[1]:
        image = np.rot90(image, way // 2)
    else:
        image = image[:: 1 - 2 * (way // 2 % 2), :: 1 - 2 * (way // 4)]
    return image[:, ::-1] if way % 2 else image


def _noisy(image: Bytes, sigma: float, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """An image with noise, without it, both float32 (C, H, W), and the deviation, all of 1."""
    y = torch.tensor(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / WHITE
    noise = torch.from_numpy(random.standard_normal(tuple(y.shape), np.float32))
    return torch.add(y, noise, alpha=sigma / WHITE), y, torch.tensor(sigma / WHITE)


def _check_sizes(source: str, images: Sequence[Bytes]) -> None:
    """Raises InputError for images that are too small."""
    for image in images:
        if min(image.shape[:2]) < LEAST:
            raise InputError(
                f"{source}: has an image of {_size(image)} pixels; each needs {LEAST} either way, remove the smaller"
            )


def _check_patch(source: str, task: TaskSpec, trained: Sequence[Bytes]) -> None:
    """Raises InputError where no such squares can be cut, or images of several sizes are to be trained on whole."""
    sizes = {image.shape: image for image in trained}
    if not task.patch and len(sizes) > 1:
        first, second = list(sizes.values())[:2]
        raise InputError(
            f"--patch 0: {source} has images of {_size(first)} and of {_size(second)} pixels; write a number of pixels"
        )
    small = min(trained, key=lambda image: min(image.shape[:2]))
    if task.patch > min(small.shape[:2]):
        raise InputError(
            f"--patch {task.patch}: {source} has an image of {_size(small)} pixels; write a number of pixels up to "
            f"{min(small.shape[:2])}"
        )


def _size(image: Bytes) -> str:
    return f"{image.shape[0]}×{image.shape[1]}"
