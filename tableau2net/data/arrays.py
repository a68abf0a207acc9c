"""Images and labels in memory as a source gives them, not yet split: what is wrong with them is said in a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tableau2net.errors import InputError


@dataclass(frozen=True)
class Arrays:
    """Images uint8 (N, H, W, 3) and labels, whole numbers (N,) from 0 to classes - 1: of numpy, or tensors on the CPU.

    classes: one more than the largest label of y_train, unless given. flip: whether a mirrored image keeps its label.
    """

    x_train: NDArray[Any] | Tensor
    y_train: NDArray[Any] | Tensor
    x_test: NDArray[Any] | Tensor
    y_test: NDArray[Any] | Tensor
    classes: int | None = None
    flip: bool = False

    def checked(self, where: object) -> tuple[dict[str, NDArray[Any]], int]:
        """The four arrays by their names, labels as int64, and how many classes there are.

        Raises InputError naming `where` they are from, the array and the fix, for a wrong type, shape or range."""
        found = {key: _looked_at(where, key, np.asarray(getattr(self, key))) for key in CHECKS}
        x_train, y_train, x_test, y_test = found.values()
        for x, y, part in ((x_train, y_train, "train"), (x_test, y_test, "test")):
            if len(x) != len(y):
                raise InputError(
                    f"{where}: x_{part} has {len(x)} images, y_{part} has {len(y)} labels; make them agree"
                )
        if x_train.shape[1:] != x_test.shape[1:]:
            raise InputError(
                f"{where}: x_train has images of {x_train.shape[1]}×{x_train.shape[2]}, x_test of "
                f"{x_test.shape[1]}×{x_test.shape[2]}; make them the same size"
            )
        most = int(y_train.max())
        classes = most + 1 if self.classes is None else self.classes
        if classes > len(y_train) and self.classes is None:
            raise InputError(
                f"{where}: y_train has the label {most} but only {len(y_train)} images; number the classes from 0"
            )
        if most >= classes:
            raise InputError(f"{where}: y_train has the label {most}, but there are {classes} classes")
        if y_test.max() >= classes:
            end = f"the labels of y_train end at {most}" if self.classes is None else f"there are {classes} classes"
            raise InputError(f"{where}: y_test has the label {y_test.max()}, but {end}")
        return found, classes


def _check_images(where: object, key: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if dtype != np.uint8:
        raise InputError(f"{where}: {key} is {dtype}; it must be uint8, 0 to 255")
    if len(shape) != 4 or shape[3] != 3 or min(shape[1:3]) < 8 or shape[0] == 0:
        raise InputError(
            f"{where}: {key} has shape {shape}; it must be (N, height, width, 3), N at least 1, height and width 8"
        )


def _check_labels(where: object, key: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if not np.issubdtype(dtype, np.integer):
        raise InputError(f"{where}: {key} is {dtype}; labels must be integers")
    if len(shape) != 1 or shape[0] == 0:
        raise InputError(f"{where}: {key} has shape {shape}; labels must be (N,), N at least 1")


# What can be said of an array by its type and shape alone, which a file tells before memory is taken.
CHECKS = {"x_train": _check_images, "y_train": _check_labels, "x_test": _check_images, "y_test": _check_labels}


def _looked_at(where: object, key: str, found: NDArray[Any]) -> NDArray[Any]:
    """Images as they are; labels as int64, from 0. Raises InputError."""
    CHECKS[key](where, key, found.dtype, found.shape)
    if CHECKS[key] is _check_images:
        return found
    if found.min() < 0:
        raise InputError(f"{where}: {key} has the label {found.min()}; labels must count from 0")
    if found.max() > np.iinfo(np.int32).max:
        raise InputError(f"{where}: {key} has the label {found.max()}; labels must count from 0")
    return found.astype(np.int64)
