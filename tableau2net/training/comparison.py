"""Runs side by side: results read from folders, those that differ by their seed alone taken together."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from tableau2net.errors import InputError
from tableau2net.training.recipe import completed
from tableau2net.training.results import RESULT, USUAL, Result


@dataclass(frozen=True)
class Spread:
    """A mean over runs, and their sample standard deviation (None for a single run)."""

    mean: float
    std: float | None

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """The spread of the values; None where one of them is None."""
        found = list(values)
        known = [value for value in found if value is not None]
        if len(known) < len(found):
            return None
        return cls(fmean(known), stdev(known) if len(known) > 1 else None)

    def __str__(self) -> str:
        return f"{self.mean:.2f}" if self.std is None else f"{self.mean:.2f} ± {self.std:.2f}"


@dataclass(frozen=True)
class Row:
    """One line of a comparison: runs alike in all but their seed. Errors are per cent."""

    network: str
    scheme: str | None
    order: int | None
    depth: int | None
    coefficients: str | None
    parameters: int
    data: str
    train: int
    epochs: int
    seeds: tuple[int, ...]
    validation_error: Spread | None
    test_error: Spread
    images_per_second: float
    device: str

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def read_results(folders: Iterable[Path]) -> list[Result]:
    """Every result.json in and below the folders (or given as a file).

    Raises InputError, one line, for a folder that has none or a file that is no result.
    """
    found: list[Result] = []
    for folder in folders:
        paths = [folder] if folder.is_file() else sorted(folder.rglob(RESULT))
        if not paths:
            raise InputError(f"{folder}: no {RESULT} in or below it; tableau2net train writes one")
        found += [Result.read(path) for path in paths]
    return found


def compare(results: Iterable[Result]) -> list[Row]:
    """A row for each set of results that differ in nothing but seed, speed and outcome."""
    alike: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        alike[_setting(result)].append(result)
    return sorted(map(_row, alike.values()), key=lambda row: (row.data, row.train, row.epochs, row.depth or 0))


def _setting(result: Result) -> str:
    """All that was chosen but the seed, and the device, as text."""
    chosen = (result.model, result.scheme, result.order, result.depth, result.parameters, result.options)
    data = {k: v for k, v in result.data.items() if k != "source"}  # a copy elsewhere is the same data
    recipe = completed({"recipe": result.recipe})["recipe"]
    return json.dumps([*chosen, recipe, data, result.device], sort_keys=True)


def _unusual(options: Mapping[str, Any]) -> list[str]:
    """The options of a network that are not what it has by itself; what coefficients and scheme are is said anyway."""
    told = {**USUAL, "coefficients": options.get("coefficients"), "scheme": options.get("scheme")}
    return [f"{name}={value}" for name, value in options.items() if told.get(name) != value]


def _row(runs: list[Result]) -> Row:
    first = runs[0]
    test = Spread.of(run.test_error for run in runs)
    assert test is not None  # every result has one
    return Row(
        network=", ".join([first.model, *_unusual(first.options)]),
        scheme=first.scheme,
        order=first.order,
        depth=first.depth,
        coefficients=first.options.get("coefficients"),
        parameters=first.parameters,
        data=Path(str(first.data.get("source"))).name,
        train=int(first.data.get("train", 0)),
        epochs=first.epochs,
        seeds=tuple(sorted(run.seed for run in runs)),
        validation_error=Spread.of(run.validation_error for run in runs),
        test_error=test,
        images_per_second=fmean(run.images_per_second for run in runs),
        device=str(first.device.get("name")),
    )
