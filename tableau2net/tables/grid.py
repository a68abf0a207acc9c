"""The runs of a table: the product of its axes for each of its networks, each run with a folder of its own."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tableau2net.comparison.protocol import Published
from tableau2net.errors import InputError
from tableau2net.runs.run_spec import OPTIONS, SETTINGS, RunSpec
from tableau2net.tables.matching import Matcher
from tableau2net.tables.settings import asked_by, check_setting, stem
from tableau2net.tables.table_file import read_table
from tableau2net.tables.written import GridPoint, Matched, Settings, TableNetwork, WrittenTable

MOST_RUNS = 10_000
USUAL = {name: SETTINGS[name][1].default for name in ("depth", "seed", "data")}


@dataclass(frozen=True)
class TableRun:
    """One run of a table.

    label: of its line.  depth: of its column, None where the network's name says it; a matched network may have
    another, that of its arguments.  key: label, depth and seed as one line of text, no other run of the table has it.
    folder: where it goes.  asked: what is to be trained.  published: its published error in per cent.
    """

    label: str
    depth: int | None
    seed: int
    key: str
    folder: Path
    asked: RunSpec
    published: float | None = None
    matched: Matched | None = None


@dataclass(frozen=True)
class Grid:
    """A table to be: what its file says, and the runs that come of it, in the order in which they are started."""

    table: WrittenTable

    @classmethod
    def read(cls, path: str | Path) -> Grid:
        """The grid in a file. Raises InputError, one line with the file and the key, for one that cannot be."""
        return cls(read_table(Path(path)))._checked()

    @property
    def title(self) -> str:
        """Of the table."""
        return self.table.title

    @property
    def out(self) -> Path:
        """The folder of its runs."""
        return self.table.out

    @property
    def baseline(self) -> str | None:
        """The label that the others are compared with."""
        return self.table.baseline

    @property
    def published(self) -> Published | None:
        """Where published figures come from and how they were found."""
        return self.table.published

    @property
    def labels(self) -> tuple[str, ...]:
        """Of its lines, in the order of the file."""
        return tuple(dict.fromkeys(point.label for point in self._points))

    @cached_property
    def runs(self) -> tuple[TableRun, ...]:
        """All the runs, seed by seed. Raises InputError for one that cannot be, or for two of one folder."""
        return tuple(_distinct(self._run(point, matched) for point, matched in self._settled()))

    def with_overrides(
        self,
        *,
        out: str | Path | None = None,
        seeds: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        **own: Any,
    ) -> Grid:
        """The same table with some of its settings said anew, for all networks; None leaves them as they are.

        `own` are settings of every run, by the names of options: data, epochs, device.
        Raises InputError for a value that cannot be.
        """
        said: dict[str, tuple[Any, ...]] = {
            OPTIONS[name][0]: (str(value) if isinstance(value, Path) else value,)
            for name, value in own.items()
            if value is not None
        }
        said |= {key: tuple(given) for key, given in (("seed", seeds), ("depth", depths)) if given is not None}
        for key, values in said.items():
            for value in values:
                check_setting(key, value, key.removeprefix("recipe.").replace("_", "-"))
        axes = {key: values for key, values in self.table.axes.items() if key not in said}
        networks = tuple(
            replace(
                network,
                settings={key: value for key, value in network.settings.items() if key not in said},
                axes={key: values for key, values in network.axes.items() if key not in said},
            )
            for network in self.table.networks
        )
        table = replace(self.table, axes=axes | said, networks=networks, out=Path(out or self.out))
        return Grid(table)._checked()

    def _checked(self) -> Grid:
        path, table = self.table.path, self.table
        for name, label in (("baseline", table.baseline), ("match.to", table.match.to if table.match else None)):
            if label is not None and label not in self.labels:
                few = ", ".join(self.labels[:8]) + (", …" if len(self.labels) > 8 else "")
                raise InputError(f"{path}: {name} = {label!r}: no network is called so; there are {few}")
        for point in self._points:
            if point.settings.keys().isdisjoint(("scheme", "model")):
                raise InputError(f"{path}: {point.label}: says neither its scheme nor its model; say one of the two")
            self._asked(point)
        return self

    @cached_property
    def _points(self) -> tuple[GridPoint, ...]:
        """Seed by seed; within one, network by network."""
        table = self.table
        networks = table.networks or tuple(self._bare())
        if not networks:
            raise InputError(f'{table.path}: names no network; write [[networks]] blocks, or grid.scheme = ["lm"], say')
        together = [(network, *self._of(network)) for network in networks]
        count = sum(math.prod(len(values) for values in axes.values()) for _, _, axes in together)
        if count > MOST_RUNS:
            raise InputError(
                f"{table.path}: asks for {count:,} runs, the most is {MOST_RUNS:,}; make it several tables"
            )
        points = [point for network, constants, axes in together for point in _product(network, constants, axes)]
        return tuple(sorted(points, key=lambda point: point.settings["seed"]))

    def _bare(self) -> Iterator[TableNetwork]:
        """Networks where the file has no block of them: those of the axes `scheme` and `model`."""
        for kind in ("scheme", "model"):
            values = self.table.axes.get(kind, ())
            values = values or ((self.table.common[kind],) if kind in self.table.common else ())
            yield from (TableNetwork(re.sub("_?{depth}", "", stem(value)), {kind: value}, {}) for value in values)

    def _of(self, network: TableNetwork) -> tuple[dict[str, Any], dict[str, tuple[Any, ...]]]:
        """Constants and axes of one network: what it says itself comes before what the table says for all."""
        own = {**network.settings, **network.axes}
        out = {"model"} if "scheme" in own and "model" not in own else set()
        out |= {"scheme"} if "model" in own and "scheme" not in own else set()
        axes = {key: values for key, values in self.table.axes.items() if key not in own and key not in out}
        axes |= network.axes
        constants = {key: v for key, v in self.table.common.items() if key not in axes and key not in out}
        constants = {**USUAL, **constants, **network.settings}
        names = [str(name) for name in axes.get("model", (constants.get("model", "{depth}"),))]
        if not any("{depth}" in name for name in names):  # they say their depth themselves
            axes.pop("depth", None)
            constants.pop("depth", None)
        return {key: value for key, value in constants.items() if key not in axes}, axes

    def _settled(self) -> Iterator[tuple[GridPoint, tuple[int, Matched] | None]]:
        """The points, the depth of each chosen where the table matches networks."""
        if self.table.match is None:
            yield from ((point, None) for point in self._points)
            return
        matcher = Matcher(self.table.match, self._points)
        for point in self._points:
            try:
                yield point, matcher.settle(point)
            except InputError as error:
                raise InputError(f"{self.table.path}: {point.label}: {error}") from None

    def _asked(self, point: GridPoint) -> RunSpec:
        try:
            return asked_by(point.settings)
        except InputError as error:
            raise InputError(f"{self.table.path}: {point.label}: {error}") from None

    def _run(self, point: GridPoint, matched: tuple[int, Matched] | None) -> TableRun:
        column = point.settings.get("depth")
        settings = dict(point.settings) if matched is None else {**point.settings, "depth": matched[0]}
        depth, seed = settings.get("depth"), settings["seed"]
        parts = [point.label, *([str(depth)] if depth is not None else []), f"seed{seed}"]
        return TableRun(
            label=point.label,
            depth=column,
            seed=seed,
            key=", ".join([point.label, *([f"depth {column}"] if column is not None else []), f"seed {seed}"]),
            folder=self.out / "-".join(map(_plain, parts)),
            asked=self._asked(replace(point, settings=settings)),
            published=point.network.published_at(column),
            matched=None if matched is None else matched[1],
        )


def _product(network: TableNetwork, constants: Settings, axes: Mapping[str, tuple[Any, ...]]) -> Iterator[GridPoint]:
    """Every point of the axes; what is neither depth nor seed is told in the label."""
    told = [key for key in axes if key not in ("depth", "seed") and len(axes[key]) > 1]
    for values in itertools.product(*axes.values()):
        at = dict(zip(axes, values, strict=True))
        more = [f"{key.rpartition('.')[2]}={_said(at[key])}" for key in told]
        label = f"{network.name} ({', '.join(more)})" if more else network.name
        yield GridPoint(network, label, {**constants, **at})


def _said(value: Any) -> str:
    return stem(value) if isinstance(value, str) else str(value).replace(" ", "")


def _plain(text: str) -> str:
    """Text as part of a folder's name."""
    return re.sub(r"[^\w.]+", "-", text).strip("-.")[:100]


def _distinct(runs: Iterator[TableRun]) -> Iterator[TableRun]:
    """The runs; raises InputError where two that differ would share a folder."""
    there: dict[str, TableRun] = {}
    for run in runs:
        other = there.setdefault(str(run.folder).casefold(), run)
        if (other.label, other.folder, other.asked) != (run.label, run.folder, run.asked):
            raise InputError(
                f"{run.folder}: would hold two runs, {other.key} and {run.key}; give the networks names that differ in "
                "letters or digits"
            )
        yield run
