"""The parts of a table's file, as they were written: constants, axes, networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tableau2net.comparison.protocol import Published

Settings = Mapping[str, Any]  # of runs, flat: "depth", "recipe.lr", "options.survival"
Axes = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class TableNetwork:
    """A network of the table: its name, its own constants and axes, and its published error in per cent, if any."""

    name: str
    settings: Settings
    axes: Axes
    published: float | Mapping[int, float] | None = None

    def published_at(self, depth: int | None) -> float | None:
        """The published error at a depth."""
        if not isinstance(self.published, Mapping):
            return self.published
        return None if depth is None else self.published.get(depth)


@dataclass(frozen=True)
class Match:
    """Depths are chosen so that networks have as many `by` ("parameters" or "evaluations") as the one named `to`."""

    by: str
    to: str


@dataclass(frozen=True)
class WrittenTable:
    """A table's file, read and checked key by key."""

    path: Path
    title: str
    out: Path
    baseline: str | None = None
    common: Settings = field(default_factory=dict)
    axes: Axes = field(default_factory=dict)
    networks: tuple[TableNetwork, ...] = ()
    published: Published | None = None
    match: Match | None = None


@dataclass(frozen=True)
class Matched:
    """What a depth was chosen by: the number of this network, that of the network it is matched to, and their ratio."""

    by: str
    to: str
    number: int
    wanted: int

    @property
    def ratio(self) -> float:
        """1 where the two are the same."""
        return self.number / self.wanted

    @property
    def near(self) -> bool:
        """Within a tenth."""
        return abs(self.ratio - 1) <= 0.1

    def __str__(self) -> str:
        return f"{self.number:,} {self.by}, {self.ratio:.2f} times those of {self.to}"


@dataclass(frozen=True)
class GridPoint:
    """A run before its depth is settled: the network it is of, its label, and all that is set of it."""

    network: TableNetwork
    label: str
    settings: Settings
