"""What training asks of a data set, wherever its images are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, Protocol, Self

import torch
from torch import Tensor

from tableau2net.data.feed import Feed
from tableau2net.errors import InputError
from tableau2net.recipes.recipe import Recipe

Part = Literal["validation", "test"]


class Data(Protocol):
    """What training asks of a data set, wherever its images are; an object of anybody's that has all this will do.
    Labels count from 0 to `classes` - 1; with 0 classes there are none, and images, or states, stand in their place.

    `flip` says whether a mirrored image keeps its label.
    """

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> int: ...
    @property
    def flip(self) -> bool: ...
    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image, as a network sees it in training: channels, rows, columns."""

    def counts(self) -> dict[str, int]:
        """How many images there are under "train", "validation" and "test"; to train and to test on, one at least."""

    def digest(self) -> str:
        """A short fingerprint of what is trained and tested on, split included."""

    def to(self, device: torch.device) -> Self:
        """The same data where it is wanted; what lives on disk stays there."""

    def has(self, part: Part) -> bool:
        """Whether there are images in a part to evaluate on."""

    def batches(self, part: Part, device: torch.device) -> Iterator[tuple[Tensor, ...]]:
        """A part in order: images normalised, float32 (B, 3, H, W), channels_last, and labels int64 (B,).

        Of data without classes: what a network is given, (B, C, H, W) of any size, what it should say of it, as large,
        and what it may be told besides, the deviations of noise (B,)."""

    def feed(self, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice]) -> Feed:
        """What training takes its batches from; a `FetchedFeed`, say, of a function that gives images by number."""


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
