"""Labelled pictures in memory, as uint8 tensors, and the one rule that splits them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.training.glyphs import draw_glyphs
from tableau2net.training.sources import Arrays, read_npz, read_torchvision

GLYPHS_SIZES = (10_000, 2_000)  # pictures to train and to test on, where the source does not say


@dataclass(frozen=True)
class ImageData:
    """A data set, split. Pictures are uint8 (N, 3, H, W), labels int64 (N,) from 0 to classes - 1.

    `flip` says whether a mirrored picture keeps its label. `mean` and `std` are per channel, in units of
    pixel values (0 to 255), over x_train.
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

    def to(self, device: torch.device) -> ImageData:
        """The same data with its tensors on `device`."""
        moved: dict[str, Any] = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **moved)

    def counts(self) -> dict[str, int]:
        """How many pictures there are to train, validate and test on."""
        validation = 0 if self.y_validation is None else len(self.y_validation)
        return {"train": len(self.y_train), "validation": validation, "test": len(self.y_test)}

    def digest(self) -> str:
        """A short fingerprint of every picture and label, split included."""
        sha = hashlib.sha256()
        for key, value in vars(self).items():
            if isinstance(value, Tensor):
                sha.update(f"{key}{tuple(value.shape)}".encode())
                sha.update(np.ascontiguousarray(value.cpu().numpy()).data)
        return sha.hexdigest()[:16]


def load_data(
    source: str | Path,
    *,
    data_dir: str | Path = "data",
    validation: int = 0,
    limit_train: int | None = None,
    seed: int = 0,
) -> ImageData:
    """The data set that `source` names.

    `source` is "cifar10" or "cifar100" (torchvision's, in `data_dir`), a path ending in ".npz" (x_train,
    y_train, x_test, y_test; pictures uint8 (N, H, W, 3)), or "glyphs", which is drawn from `seed`;
    "glyphs:TRAIN" and "glyphs:TRAIN:TEST" set how many. The last `validation` of the training pictures are
    held out, then the first `limit_train` of what remains are kept.
    Raises InputError, one line, when the source cannot be found, read or split that way.
    """
    source = str(source)
    flip = True
    if source.split(":")[0] == "glyphs":
        train, test = _glyphs_sizes(source)
        arrays = Arrays(*draw_glyphs(train, split="train", seed=seed), *draw_glyphs(test, split="test", seed=seed), 10)
        flip = False  # a mirrored digit is no digit
    elif source in ("cifar10", "cifar100"):
        arrays = read_torchvision(source, Path(data_dir))
    elif source.endswith(".npz"):
        arrays = read_npz(Path(source))
    else:
        raise InputError(f"--data {source}: expected cifar10, cifar100, glyphs, or the path of a .npz file")
    return _split(source, arrays, flip, validation, limit_train)


def _glyphs_sizes(source: str) -> tuple[int, int]:
    parts = source.split(":")[1:]
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() and 0 < int(part) <= 10**7 for part in parts):
        raise InputError(f"--data {source}: write glyphs, glyphs:TRAIN or glyphs:TRAIN:TEST, as in glyphs:10000:2000")
    sizes = [int(part) for part in parts]
    return sizes[0] if sizes else GLYPHS_SIZES[0], sizes[1] if len(sizes) > 1 else GLYPHS_SIZES[1]


def _split(source: str, arrays: Arrays, flip: bool, validation: int, limit_train: int | None) -> ImageData:
    total = len(arrays.y_train)
    if not 0 <= validation < total:
        raise InputError(f"--validation {validation}: {source} has {total} pictures; ask for 0 to {total - 1}")
    left = total - validation
    train = left if limit_train is None else limit_train
    if not 0 < train <= left:
        raise InputError(f"--limit-train {train}: {source} has {left} pictures to train on; ask for 1 to {left}")
    held = slice(left, total) if validation else None
    x_train, (mean, std) = arrays.x_train[:train], _statistics(arrays.x_train[:train])
    return ImageData(
        name=source,
        classes=arrays.classes,
        flip=flip,
        x_train=_pictures(x_train),
        y_train=torch.from_numpy(arrays.y_train[:train].copy()),
        x_test=_pictures(arrays.x_test),
        y_test=torch.from_numpy(arrays.y_test),
        x_validation=None if held is None else _pictures(arrays.x_train[held]),
        y_validation=None if held is None else torch.from_numpy(arrays.y_train[held].copy()),
        mean=mean,
        std=std,
    )


def _pictures(x: np.ndarray) -> Tensor:
    """uint8 (N, H, W, 3) as a tensor (N, 3, H, W) that is channels_last in memory, as it was."""
    return torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2)


Channels = tuple[float, float, float]


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
