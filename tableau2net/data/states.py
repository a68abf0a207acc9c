"""Pairs of states of something that moves: one, and a later one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tableau2net.data.data import Part, split_sizes
from tableau2net.data.loading import Batch
from tableau2net.data.npz import read_arrays
from tableau2net.data.sources import SourceRequest
from tableau2net.data.unlabelled import PairData
from tableau2net.errors import InputError

KEYS = ("x_train", "y_train", "x_test", "y_test")
DIMENSIONS = range(1, 4)  # of a grid


@dataclass(frozen=True, eq=False)
class StateData(PairData):
    """States x and, of each, the later one y that is to be found: float32 (N, C, …), on a grid of 1 to 3 dimensions.

    They are taken as they are: not scaled, not mirrored and not shifted, under which an equation need not be the same.
    """

    x_train: NDArray[np.float32]
    y_train: NDArray[np.float32]
    x_validation: NDArray[np.float32]
    y_validation: NDArray[np.float32]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.float32]

    @classmethod
    def read(cls, request: SourceRequest) -> StateData:
        """The states in a .npz file: x_train, y_train, x_test, y_test, floats (N, C, …), the last pairs to train on
        held out, then the first of what remains kept. Raises InputError, one line, for anything else."""
        path = Path(request.source)
        if path.suffix != ".npz":
            raise InputError(f"--data {request.source}: pairs of states are read from a .npz with {', '.join(KEYS)}")
        found = {key: _floats(path, key, own) for key, own in read_arrays(path, dict.fromkeys(KEYS, _check)).items()}
        shape = found["x_train"].shape
        for key, own in found.items():
            other = found[f"x{key[1:]}"]
            if own.shape != (len(other), *shape[1:]):
                raise InputError(f"{path}: {key} is {own.shape} beside {shape} of x_train; pairs are of one shape")
        x, y = found["x_train"], found["y_train"]
        left, kept = split_sizes(request.source, len(x), request.validation, request.limit_train)
        return cls(
            request.source,
            request.workers or 0,
            x[:kept],
            y[:kept],
            x[left:],
            y[left:],
            found["x_test"],
            found["y_test"],
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a state: channels, and points along each axis."""
        return self.x_train.shape[1:]

    def counts(self) -> dict[str, int]:
        """How many pairs there are."""
        return {part: len(getattr(self, f"x_{part}")) for part in ("train", "validation", "test")}

    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """All states."""
        yield from ((key, own) for key, own in vars(self).items() if isinstance(own, np.ndarray))

    def pairs(self, part: Part) -> Iterator[tuple[Tensor, ...]]:
        """A part in order."""
        for x, y in zip(getattr(self, f"x_{part}"), getattr(self, f"y_{part}"), strict=True):
            yield torch.from_numpy(x), torch.from_numpy(y)

    def fetch(self, seed: int, augment: bool) -> StatePairs:
        """What gives pairs by their numbers."""
        return StatePairs(self.x_train, self.y_train)


@dataclass(frozen=True, eq=False)
class StatePairs:
    """Pairs by their numbers."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]

    def __call__(self, epoch: int, numbers: Sequence[int]) -> Batch:
        """States and later ones, float32 (B, C, …)."""
        index = np.asarray(numbers)
        return torch.from_numpy(self.x[index]), torch.from_numpy(self.y[index]), None


def _check(where: object, key: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if dtype.kind != "f" or len(shape) - 2 not in DIMENSIONS or 0 in shape:
        raise InputError(f"{where}: {key} is {dtype} {shape}; it must be states, floats (N, channels, points, …)")


def _floats(where: object, key: str, own: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        found = own.astype(np.float32)
    if not np.isfinite(found).all():
        raise InputError(f"{where}: {key} has values that are not finite, or beyond float32")
    return found
