"""What training asks of a data set, images in memory as uint8 tensors, and the one table of where they come from."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from tableau2net.data.glyphs import draw_glyphs
from tableau2net.data.normalise import Channels, Normalise
from tableau2net.data.npz import read_npz
from tableau2net.data.sources import TORCHVISION, Arrays, read_torchvision
from tableau2net.errors import InputError

if TYPE_CHECKING:
    from tableau2net.data.resident_feed import Feed
    from tableau2net.recipes.recipe import Recipe

GLYPHS_SIZES = (10_000, 2_000)  # images to train and to test on, where the source does not say
EVALUATION_BATCH = 500

Part = Literal["validation", "test"]


class Data(Protocol):
    """What training asks of a data set, wherever its images are; an object of anybody's that has all this will do.
    Labels count from 0 to `classes` - 1.

    `flip` says whether a mirrored image keeps its label.
    """

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> int: ...
    @property
    def flip(self) -> bool: ...
    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image, as a network sees it: channels, rows, columns."""

    def counts(self) -> dict[str, int]:
        """How many images there are under "train", "validation" and "test"; to train and to test on, one at least."""

    def digest(self) -> str:
        """A short fingerprint of what is trained and tested on, split included."""

    def to(self, device: torch.device) -> Self:
        """The same data where it is wanted; what lives on disk stays there."""

    def has(self, part: Part) -> bool:
        """Whether there are images in a part to evaluate on."""

    def batches(self, part: Part, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """A part in order: images normalised, float32 (B, 3, H, W), channels_last, and labels int64 (B,)."""

    def feed(self, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice]) -> Feed:
        """What training takes its batches from; a `FetchedFeed`, say, of a function that gives images by number."""


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
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

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

    def to(self, device: torch.device) -> ImageData:
        """The same data with its tensors on `device`."""
        moved: dict[str, Any] = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        there = object.__new__(type(self))  # it is known to be sound: labels on a GPU are not waited for
        vars(there).update(vars(self) | moved)
        return there

    def feed(self, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice]) -> Feed:
        """Batches of images that are on the device already."""
        from tableau2net.data.resident_feed import ResidentFeed

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
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


@dataclass(frozen=True)
class Request:
    """What `load_data` is asked for."""

    source: str
    data_dir: Path
    validation: int
    limit_train: int | None
    seed: int
    size: int
    workers: int | None


def load_data(
    source: str | Path,
    *,
    data_dir: str | Path = "data",
    validation: int = 0,
    limit_train: int | None = None,
    seed: int = 0,
    size: int = 224,
    workers: int | None = None,
) -> Data:
    """The data set that `source` names.

    `source` is "cifar10", "cifar100", "stl10" or "svhn" (torchvision's, in `data_dir`), a path ending in ".npz"
    (x_train, y_train, x_test, y_test; images uint8 (N, H, W, 3)), or "glyphs", which is drawn from `seed`;
    "glyphs:TRAIN" and "glyphs:TRAIN:TEST" set how many. These are held in memory, an `ImageData`: the last
    `validation` of the training images are held out, then the first `limit_train` of what remains are kept.

    A folder with train/CLASS/… and val/ or test/ is a `FolderData`: images stay on disk, are seen at `size` pixels
    and decoded by `workers` processes (as many as there are cores, at most 8, unless given; 0 is none), and both parts
    are spread over its classes. As many of them as a few seconds allow are decoded once, so that what is wrong with
    them is said now.

    Raises InputError, one line, when the source cannot be found, read or split that way.
    """
    asked = Request(str(source), Path(data_dir), validation, limit_train, seed, size, workers)
    for known in SOURCES:
        if known.matches(asked.source):
            return known.load(asked)
    raise InputError(f"--data {source}: expected {', '.join(known.written for known in SOURCES)}")


@dataclass(frozen=True)
class Source:
    """One kind of source: how it is written, which texts are, and the data that one of them stands for."""

    written: str
    matches: Callable[[str], bool]
    load: Callable[[Request], Data]


def _glyphs(asked: Request) -> ImageData:
    train, test = _glyphs_sizes(asked.source)
    drawn = draw_glyphs(train, split="train", seed=asked.seed), draw_glyphs(test, split="test", seed=asked.seed)
    return _split(asked, Arrays(*drawn[0], *drawn[1], 10), flip=False)  # a mirrored digit is no digit


def _torchvision(asked: Request) -> ImageData:
    return _split(asked, read_torchvision(asked.source, asked.data_dir), TORCHVISION[asked.source].flip)


def _npz(asked: Request) -> ImageData:
    return _split(asked, read_npz(Path(asked.source)), flip=True)


def _folder(asked: Request) -> Data:
    from tableau2net.data.image_folder import FolderData

    found = FolderData.read(
        asked.source,
        validation=asked.validation,
        limit_train=asked.limit_train,
        size=asked.size,
        workers=asked.workers,
    )
    found.look()
    return found


SOURCES = (
    *(Source(name, name.__eq__, _torchvision) for name in TORCHVISION),
    Source("glyphs, glyphs:TRAIN, glyphs:TRAIN:TEST", lambda text: text.split(":")[0] == "glyphs", _glyphs),
    Source("the path of a .npz file", lambda text: text.endswith(".npz"), _npz),
    Source("or that of a folder with train/ and val/ or test/ in it", lambda text: Path(text).is_dir(), _folder),
)


def _glyphs_sizes(source: str) -> tuple[int, int]:
    parts = source.split(":")[1:]
    if len(parts) > 2 or not all(
        part.isascii() and part.isdigit() and len(part) < 10 and 0 < int(part) <= 10**7 for part in parts
    ):
        raise InputError(
            f"--data {source[:60]}: write glyphs, glyphs:TRAIN or glyphs:TRAIN:TEST, as in glyphs:10000:2000"
        )
    sizes = [int(part) for part in parts]
    return sizes[0] if sizes else GLYPHS_SIZES[0], sizes[1] if len(sizes) > 1 else GLYPHS_SIZES[1]


def split_sizes(source: str, total: int, validation: int, limit_train: int | None) -> tuple[int, int]:
    """Of `total` images to train on, how many are left beside those held out, and how many of these are kept.

    Raises InputError where there are not so many."""
    if not 0 <= validation < total:
        raise InputError(f"--validation {validation}: {source} has {total} images; ask for 0 to {total - 1}")
    left = total - validation
    train = left if limit_train is None else limit_train
    if not 0 < train <= left:
        raise InputError(f"--limit-train {train}: {source} has {left} images to train on; ask for 1 to {left}")
    return left, train


def _split(asked: Request, arrays: Arrays, flip: bool) -> ImageData:
    source, validation, limit_train = asked.source, asked.validation, asked.limit_train
    total = len(arrays.y_train)
    left, train = split_sizes(source, total, validation, limit_train)
    held = slice(left, total) if validation else None
    x_train, (mean, std) = arrays.x_train[:train], _statistics(arrays.x_train[:train])
    return ImageData(
        name=source,
        classes=arrays.classes,
        flip=flip,
        x_train=_images(x_train),
        y_train=torch.from_numpy(arrays.y_train[:train].copy()),
        x_test=_images(arrays.x_test),
        y_test=torch.from_numpy(arrays.y_test),
        x_validation=None if held is None else _images(arrays.x_train[held]),
        y_validation=None if held is None else torch.from_numpy(arrays.y_train[held].copy()),
        mean=mean,
        std=std,
    )


def _images(x: np.ndarray) -> Tensor:
    """uint8 (N, H, W, 3) as a tensor (N, 3, H, W) that is channels_last in memory, as it was."""
    return torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2)


def _statistics(x: np.ndarray) -> tuple[Channels, Channels]:
    """Mean and standard deviation of each channel, from exact counts of the 256 pixel values."""
    value = np.arange(256, dtype=np.float64)
    mean, std = [], []
    for channel in range(3):
        share = np.bincount(x[..., channel].reshape(-1), minlength=256) / x[..., channel].size
        mean.append(float(share @ value))
        # A channel that never changes carries nothing; dividing by 1 leaves it at zero instead of 0/0.
        std.append(float(np.sqrt(share @ (value - mean[-1]) ** 2)) or 1.0)
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])
