"""Time series with classes from .ts files, the format of the UCR and UEA archives (timeseriesclassification.com), some
of which the package aeon ships."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tableau2net.errors import InputError
from tableau2net.files import read_text

MOST_BYTES = 2**27  # of a file
MOST_LINES = 2**20  # some ten seconds
MOST_NUMBERS = 2**22  # of a series
LONGEST = 100  # of a number, as text
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelledSeries:
    """Series of a file, each of its own length.

    times: of each, (L_i,), in the file's unit, of time stamps that are dates seconds from its first; 0, 1, 2, … where
        the file says none.  values: of each, (L_i, D), nan where one is missing.
    classes: their names.  labels: (N,), the number of each one's class; none where the file has no classes.
    """

    name: str
    times: tuple[Floats, ...]
    values: tuple[Floats, ...]
    classes: tuple[str, ...]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        """Series."""
        return len(self.values)


def load_series(name: str, folder: str | Path | None = None) -> tuple[LabelledSeries, LabelledSeries]:
    """The two parts, to train and to test on, of NAME/NAME_TRAIN.ts and NAME/NAME_TEST.ts in a folder; without one in
    that of the installed package aeon, which is looked for and not imported. Raises InputError."""
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]{1,100}", name):
        raise InputError(f"{str(name)[:60]!r}: the name of a data set, GunPoint say")
    root = _shipped(name) if folder is None else Path(folder)
    train, test = (read_ts(root / name / f"{name}_{part}.ts") for part in ("TRAIN", "TEST"))
    if train.classes != test.classes or train.values[0].shape[1:] != test.values[0].shape[1:]:
        raise InputError(f"{root / name}: its two files have other classes or features")
    return train, test


def _shipped(name: str) -> Path:
    """The folder of aeon's data. Finding a package at the top imports nothing."""
    found = find_spec("aeon")
    if found is None or not found.submodule_search_locations:
        raise InputError(
            f'{name}: the package aeon, which ships it, is not installed: pip install "tableau2net[series]", '
            "or name a folder of one's own"
        )
    return Path(found.submodule_search_locations[0]) / "datasets" / "data"


def read_ts(path: str | Path) -> LabelledSeries:
    """The series of a .ts file of at most 128 MiB. Of its header @problemName, @timeStamps, @classLabel, @targetLabel
    are read; how many series, features and values there are, and what is missing, the data themselves say. Raises
    InputError, one line, naming the file, the line and the fix, for anything else, and for a file whose classes are
    numbers to be predicted."""
    path = Path(path)
    text = read_text(path, MOST_BYTES)
    if (count := text.count("\n")) > MOST_LINES:
        raise InputError(f"{path}: {count:,} lines, at most {MOST_LINES:,} are read")
    lines = text.split("\n")
    header, first = _header(path, lines)
    found = [
        _series(path, number, line.strip(), header)
        for number, line in enumerate(lines[first:], first + 1)
        if line.strip() and not line.startswith(("#", "%"))
    ]
    if not found:
        raise InputError(f"{path}: has no series behind @data")
    times, values, labels = zip(*found, strict=True)
    for i, own in enumerate(values):
        if own.shape[1] != values[0].shape[1]:
            raise InputError(f"{path}: series {i + 1} has {own.shape[1]} features, the first {values[0].shape[1]}")
    numbers = [label for label in labels if label is not None]
    return LabelledSeries(header.name, times, values, header.classes, np.array(numbers, np.int64))


@dataclass(frozen=True)
class _Header:
    """What a file says of itself, as far as it is of use."""

    name: str
    stamped: bool
    classes: tuple[str, ...]


def _header(path: Path, lines: Sequence[str]) -> tuple[_Header, int]:
    """The header, and at which line the data begin."""
    said: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        key, *rest = line.split() or [""]
        if key.lower() == "@data":
            break
        if key.startswith("@"):
            said[key.lower()] = rest
        elif key and key[0] not in "#%":
            raise InputError(
                f"{path}: line {number} is neither a comment nor begins with @, and @data was not there yet"
            )
    else:
        raise InputError(f"{path}: has no line @data; a .ts file is expected")
    for key in ("@timestamps", "@classlabel", "@targetlabel"):
        if key in said and [word.lower() for word in said[key][:1]] not in (["true"], ["false"]):
            raise InputError(f"{path}: {key} {' '.join(said[key])[:40]}: true or false is expected behind it")
    if _said(said, "@targetlabel"):
        raise InputError(f"{path}: has numbers to predict (@targetLabel); series with classes are read")
    classes = tuple(said["@classlabel"][1:]) if _said(said, "@classlabel") else ()
    if _said(said, "@classlabel") and not classes:
        raise InputError(f"{path}: @classLabel true names no classes; write them behind it")
    if twice := [each for i, each in enumerate(classes) if each in classes[:i]]:
        raise InputError(f"{path}: @classLabel names {twice[0][:40]!r} twice")
    name = " ".join(said.get("@problemname", [path.stem]))
    return _Header(name, _said(said, "@timestamps"), classes), number


def _said(said: dict[str, list[str]], key: str) -> bool:
    """Whether a header says that something is true."""
    return [word.lower() for word in said.get(key, [])[:1]] == ["true"]


def _series(path: Path, number: int, line: str, header: _Header) -> tuple[Floats, Floats, int | None]:
    """The times, values and label of a line."""
    label = None
    try:
        if line.count(",") >= MOST_NUMBERS:
            raise ValueError(f"more than {MOST_NUMBERS:,} numbers in a series")
        if header.classes:
            line, _, word = line.rpartition(":")
            label = header.classes.index(word.strip()) if word.strip() in header.classes else None
            if label is None:
                raise ValueError(f"its class {word.strip()[:40]!r} is none of @classLabel")
        if header.stamped:
            times, values = _joined([_stamped(text) for text in re.split(r"(?<=\))\s*:", line)])
        else:
            channels = [_numbers(text) for text in line.split(":")]
            longest = max(map(len, channels))
            padded = [own if len(own) == longest else own + [math.nan] * (longest - len(own)) for own in channels]
            times, values = np.arange(float(longest)), np.array(padded).T
    except ValueError as error:
        raise InputError(f"{path}: line {number}: {error}") from None
    return times, values, label


def _numbers(text: str) -> list[float]:
    """Numbers with commas between them; ? and nan are missing."""
    if not text.strip():
        return []
    told = ["nan" if word.strip() == "?" else word for word in text.split(",")]
    try:
        if "_" in text or max(map(len, told)) > LONGEST:
            raise ValueError
        found = list(map(float, told))
    except ValueError:
        raise ValueError(f"{text.strip()[:40]!r} are not numbers with commas between them") from None
    if math.inf in found or -math.inf in found:
        raise ValueError("a number is infinite; write ? for what is missing")
    return found


def _stamped(text: str) -> dict[Any, float]:
    """The values of a feature, by their time stamps: (stamp,value),(stamp,value)."""
    pairs = [pair.rpartition(",") for pair in re.findall(r"\(([^()]*)\)", text)]
    left = re.sub(r"\([^()]*\)", "", text)  # commas between them: a bracket that is lost would lose its pair
    if "".join(left.split()) != "," * max(len(pairs) - 1, 0):
        raise ValueError(f"{text.strip()[:40]!r} are not (time,value) with commas between them")
    numbers = _numbers(",".join(value or "none" for _, _, value in pairs))
    times = [_time(stamp.strip()) for stamp, _, _ in pairs]
    if len(set(times)) != len(times):
        raise ValueError("a feature has two values at one time")
    return dict(zip(times, numbers, strict=True))


def _time(stamp: str) -> float | datetime:
    """A number, or a date."""
    try:
        return datetime.fromisoformat(stamp) if stamp[4:5] == "-" else float(stamp)
    except ValueError:
        raise ValueError(f"{stamp[:40]!r} is no time: a number, or 2007-01-31 12:00:00") from None


def _joined(features: Sequence[dict[Any, float]]) -> tuple[Floats, Floats]:
    """The times at which any feature has a value, and the values, nan where one has none."""
    try:
        stamps = sorted(set().union(*features))
    except TypeError:
        raise ValueError("numbers and dates, or dates with and without a zone, are mixed in its times") from None
    dates = bool(stamps) and isinstance(stamps[0], datetime)
    times = np.array([(t - stamps[0]).total_seconds() if dates else t for t in stamps], dtype=np.float64)
    if not np.isfinite(times).all():
        raise ValueError("a time is not finite")
    values = np.array([[own.get(t, np.nan) for own in features] for t in stamps], dtype=np.float64)
    return times, values.reshape(len(stamps), len(features))
