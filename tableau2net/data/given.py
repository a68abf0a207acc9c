"""What somebody hands to training as an object of their own: whether it has all that is asked of it, said in a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from tableau2net.data.data import Data, Part
from tableau2net.data.feed import Feed, whole
from tableau2net.errors import InputError
from tableau2net.recipes.recipe import Recipe

EVALUATED: tuple[Part, ...] = ("validation", "test")

Rule = tuple[str, Callable[[Any], bool], str]  # a name, whether what it stands for will do, and what would


def _whole(value: object, least: int) -> bool:
    return type(value) is int and value >= least


DATA: tuple[Rule, ...] = (
    ("name", lambda v: isinstance(v, str) and v != "" and v.isprintable(), "a line of text"),
    ("classes", lambda v: _whole(v, 1), "a whole number, at least 1"),
    ("flip", lambda v: isinstance(v, bool), "True or False"),
    (
        "shape",
        lambda v: isinstance(v, tuple) and len(v) == 3 and all(_whole(n, 1) for n in v),
        "a tuple of three whole numbers: channels, rows, columns",
    ),
    *((name, callable, "a method") for name in ("counts", "digest", "to", "has", "batches", "feed")),
)
UNLABELLED: tuple[Rule, ...] = (
    ("classes", lambda v: type(v) is int and v == 0, "0, there are no labels"),
    (
        "shape",
        lambda v: isinstance(v, tuple) and 2 <= len(v) <= 4 and all(_whole(n, 1) for n in v),
        "a tuple of whole numbers: channels, and points along each of 1 to 3 axes",
    ),
)
FEED: tuple[Rule, ...] = (
    ("count", lambda v: _whole(v, 1), "a whole number, at least 1"),
    ("state", lambda v: isinstance(v, tuple) and all(isinstance(t, Tensor) for t in v), "a tuple of tensors"),
    *((name, callable, "a method") for name in ("start", "advance", "take")),
)


def checked_data(data: Data, *, labelled: bool = True) -> Data:
    """The data, with labels or without, which have all that `Data` asks for, in the right form. Raises InputError
    naming what they lack.

    What its methods give is looked at too, up to the first images to test on."""
    rules = DATA if labelled else (*UNLABELLED, *(rule for rule in DATA if rule[0] not in ("classes", "shape")))
    _obeys(data, rules, "data", "see tableau2net.training.Data")
    kind = type(data).__name__
    counts = data.counts()
    few = {"train": 1, "validation": 0, "test": 1}
    if not (isinstance(counts, Mapping) and counts.keys() == few.keys()) or not all(
        _whole(counts[part], least) for part, least in few.items()
    ):
        raise InputError(f"data: {kind}.counts() is {short(counts)}; it must be {short(few)}, or more of each")
    if not isinstance(digest := data.digest(), str):
        raise InputError(f"data: {kind}.digest() is {short(digest)}; it must be text that tells any change of the data")
    for part in EVALUATED:
        if bool(has := data.has(part)) != bool(counts[part]):
            raise InputError(f"data: {kind}.has({part!r}) is {short(has)}, but counts() says {counts[part]}")
    first = next(iter(data.batches("test", torch.device("cpu"))), None)
    check_batch(data, 'batches("test")', first)
    return data


def check_batch(data: Data, what: str, given: Any, count: int | None = None) -> tuple[Tensor, ...]:
    """Images and labels that a method of the data has given, or what there is without labels. Raises InputError for
    what is none, or too few."""
    kind = f"data: {what} of a {type(data).__name__}"
    if data.classes == 0:
        return _check_pair(data, kind, given, count)
    if not (isinstance(given, tuple | list) and len(given) == 2 and all(isinstance(t, Tensor) for t in given)):
        raise InputError(f"{kind} gives {short(given)}; it must give images and labels, two tensors")
    x, y = given
    wanted = (count if count is not None else len(x) if x.dim() else 1, *data.shape)
    if x.dtype != torch.float32 or x.shape != wanted:
        raise InputError(f"{kind} gives images {_tensor(x)}; they must be float32 {wanted}")
    if y.dtype != torch.int64 or y.shape != wanted[:1]:
        raise InputError(f"{kind} gives labels {_tensor(y)}; they must be int64 ({wanted[0]},)")
    if y.device.type == "cpu" and len(y) and not 0 <= int(y.min()) <= int(y.max()) < data.classes:
        raise InputError(
            f"{kind} gives labels from {int(y.min())} to {int(y.max())}; with {data.classes} classes they count from 0"
        )
    return x, y


def _check_pair(data: Data, kind: str, given: Any, count: int | None) -> tuple[Tensor, ...]:
    """What a network is given and what it should say of it, perhaps the deviations of noise behind. In training it is
    of the shape that the data say, else of any size."""
    if not (isinstance(given, tuple | list) and len(given) in (2, 3) and all(isinstance(t, Tensor) for t in given)):
        raise InputError(f"{kind} gives {short(given)}; it must give two tensors, what is given and what is to be said")
    x, y, *beside = given
    wanted = x.shape if count is None else (count, *data.shape)
    if x.dtype != torch.float32 or x.shape != wanted or x.dim() != 1 + len(data.shape) or x.shape[1] != data.shape[0]:
        raise InputError(f"{kind} gives {_tensor(x)}; it must be float32 ({count or 'N'}, {str(data.shape)[1:]}")
    if y.dtype != torch.float32 or y.shape[:1] != x.shape[:1] or y.shape[2:] != x.shape[2:]:
        raise InputError(f"{kind} gives {_tensor(y)} for {_tensor(x)}; it must be float32, as many and as large")
    for own in beside:
        if own.shape != x.shape[:1] or not own.is_floating_point():
            raise InputError(f"{kind} gives {_tensor(own)} besides; it must be a deviation of noise an image")
    return x, y, *beside


def feed_of(data: Data, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice] = whole) -> Feed:
    """The feed of a data set, which has all that `Feed` asks for. Raises InputError naming what it lacks, and for a
    recipe whose `cutout` leaves nothing of an image."""
    if recipe.cutout >= min(data.shape[1:]):
        raise InputError(f"recipe: cutout is {recipe.cutout}; it must be below the {min(data.shape[1:])} of an image")
    feed, kind = data.feed(recipe, seed, device, share), type(data).__name__
    _obeys(feed, FEED, f"data: the feed of a {kind}", "see tableau2net.training.Feed")
    if feed.count != (count := data.counts()["train"]):
        raise InputError(f"data: the feed of a {kind} has {feed.count} images, counts() says {count}")
    return feed


def _obeys(given: object, rules: tuple[Rule, ...], what: str, where: str) -> None:
    if isinstance(given, type):
        raise InputError(f"{what}: is the class {given.__name__}; give an object of it")
    kind = type(given).__name__
    for name, holds, wanted in rules:
        if not hasattr(given, name):
            raise InputError(f"{what}: a {kind} has no {name}; it must be {wanted}, {where}")
        if not holds(value := getattr(given, name)):
            raise InputError(f"{what}: {name} of a {kind} is {short(value)}; it must be {wanted}, {where}")


def _tensor(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def short(value: object) -> str:
    """A value in a few words: its text where that is short, its kind where it is not."""
    if isinstance(value, Tensor):
        return _tensor(value)
    if isinstance(value, str | int | float | bool | tuple | list | Mapping | type(None)):
        text = " ".join(repr(value).split())
        return text if len(text) <= 80 else f"{text[:77]}..."
    return f"a {type(value).__name__}"
