"""Rows of a table: runs that differ by their seed alone taken together."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from tableau2net.declared import canonical
from tableau2net.errors import InputError
from tableau2net.recipes.presets import PRESETS
from tableau2net.recipes.recipe import Recipe
from tableau2net.recipes.task import CLASSIFY, PARTS, Measure, TaskKind
from tableau2net.runs.finished import Finished
from tableau2net.runs.result import Result
from tableau2net.runs.run_spec import USUAL

LONGEST = 100  # of a name, in letters; strangers' may be longer


@dataclass(frozen=True)
class Spread:
    """A mean over seeds, and their sample standard deviation (None for a single one)."""

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
        return self.shown(".2f")

    def shown(self, form: str) -> str:
        """As text, numbers in a form of `format`."""
        return f"{self.mean:{form}}" if self.std is None else f"{self.mean:{form}} ± {self.std:{form}}"


@dataclass(frozen=True)
class Row:
    """One line of a comparison: runs alike in all but their seed. Errors are per cent; of a task without labels there
    are its `figures` in their place, "test_psnr" say.

    network: the label of a grid where there is one, else the network's name with the options that it does not have by
    itself. column: the depth that it stands for; its own, but where a grid matches networks. train, held_out, test:
    images. full_epochs: those of the recipe as published. seconds: of a run. A seed that was run more than once
    counts once, by its mean. adversary: who changed the images that it was trained on; robust: errors under attack.
    """

    network: str
    model: str
    scheme: str | None
    order: int | None
    depth: int | None
    column: int | None
    coefficients: str | None
    parameters: int
    flops: int | None
    evaluations: int | None
    data: str
    train: int | None
    held_out: int | None
    test: int | None
    epochs: int
    full_epochs: int
    preset: str | None
    precision: str
    adversary: str | None
    seeds: tuple[int, ...]
    validation_error: Spread | None
    test_error: Spread | None
    robust: dict[str, Spread | None]
    published: float | None
    seconds: float
    images_per_second: float
    device: str
    runs: tuple[Finished, ...] = field(repr=False)
    figures: dict[str, Spread | None] = field(default_factory=dict)

    @property
    def task(self) -> TaskKind:
        """What was learnt."""
        return self.runs[0].result.task

    @property
    def learnt(self) -> str | None:
        """The same in a few words; None of labels."""
        return self.runs[0].result.asked.task.told

    @property
    def terms(self) -> tuple[object, ...]:
        """What figures depend on besides the images: of noise, the deviations that are measured at, and the clamp."""
        task = self.runs[0].result.asked.task
        return task.test_sigma, task.clamp

    @property
    def tested(self) -> Spread:
        """What the test came to by the main measure of the task."""
        found = self.figure("test", self.task.main)
        assert found is not None  # every result has it
        return found

    def figure(self, part: str, measure: Measure) -> Spread | None:
        """What a "test" or a "validation" came to by a measure of the task."""
        key = f"{part}_{measure.name}"
        return getattr(self, key) if key in CLASSIFY.keys else self.figures.get(key)

    @property
    def labelled(self) -> bool:
        """Whether `network` is the label of a grid."""
        return self.runs[0].label is not None

    @property
    def short(self) -> bool:
        """Whether there were fewer epochs than the recipe has as published."""
        return self.epochs < self.full_epochs

    @cached_property
    def by_seed(self) -> dict[int, list[Finished]]:
        """The runs of each seed, seeds increasing."""
        return _by_seed(self.runs)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        found: dict[str, Any] = {}
        for own in fields(self):
            if own.name == "validation_error" and self.task is not CLASSIFY:
                found |= self.figures
            elif own.name not in ("runs", "figures") and (own.name not in CLASSIFY.keys or self.task is CLASSIFY):
                found[own.name] = getattr(self, own.name)
        found["robust"] = {attack: spread and asdict(spread) for attack, spread in self.robust.items()}
        return {key: asdict(value) if isinstance(value, Spread) else value for key, value in found.items()}


def compare(runs: Iterable[Finished]) -> list[Row]:
    """A row for each set of runs that differ in nothing but seed, speed and outcome.

    Rows of a grid come in its order, by depth for each label; others by depth. Raises InputError for runs of two tasks.
    """
    runs = list(runs)
    tasks = {run.result.task.name: run for run in reversed(runs)}
    if len(tasks) > 1:
        (first, one), (second, other) = list(tasks.items())[:2]
        raise InputError(
            f"{other.folder}: is of --task {second}, {one.folder} of --task {first}; their figures cannot be compared, "
            "make a table of each"
        )
    alike: dict[str, list[Finished]] = defaultdict(list)
    labels: dict[str | None, int] = {None: -1}
    for run in runs:
        labels.setdefault(run.label, len(labels))
        alike[_setting(run)].append(run)
    rows = map(_row, alike.values())
    return sorted(
        rows,
        key=lambda row: (row.data, row.train or 0, row.epochs, labels[row.runs[0].label], row.column or 0),
    )


def data_of(result: Result) -> dict[str, Any]:
    """What is said of the images but their place: a copy elsewhere is the same data."""
    return {key: value for key, value in result.data.items() if key != "source"}


def _setting(run: Finished) -> str:
    """All that was chosen but the seed, and the device, as text."""
    r = run.result
    asked = replace(r.asked, seed=0, data=replace(r.asked.data, source=""))
    device = {name: value for name, value in r.device.items() if name != "threads"}  # of them speed alone depends
    return canonical([run.label, asked.decided(), r.model, r.scheme, r.order, r.depth, r.parameters, device])


def _by_seed(runs: Iterable[Finished]) -> dict[int, list[Finished]]:
    found: dict[int, list[Finished]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.result.seed):
        found[run.result.seed].append(run)
    return dict(found)


def _row(runs: list[Finished]) -> Row:
    first, result = runs[0], runs[0].result
    seeds = _by_seed(runs)
    figures = {
        f"{part}_{measure.name}": _spread(seeds.values(), part, measure)
        for part in PARTS[1:]
        for measure in result.task.measures
    }
    return Row(
        network=plain(first.label or named(result)),
        model=plain(result.model),
        scheme=result.scheme and plain(result.scheme),
        order=result.order,
        depth=result.depth,
        column=result.depth if first.column is None else first.column,
        coefficients=_text(result.options.get("coefficients")),
        parameters=result.parameters,
        flops=result.flops,
        evaluations=result.evaluations,
        data=plain(Path(str(result.data.get("source"))).name),
        train=first.count("train"),
        held_out=first.count("validation"),
        test=first.count("test"),
        epochs=result.epochs,
        full_epochs=_whole(result),
        preset=result.preset and plain(result.preset),
        precision=plain(result.precision),
        adversary=result.asked.adversary.told,
        seeds=tuple(seeds),
        validation_error=figures.pop("validation_error", None),
        test_error=figures.pop("test_error", None),
        robust={
            attack: Spread.of(fmean(run.tested(attack) for run in same) for same in seeds.values())
            for attack in result.robust
            if all(attack in run.result.robust for run in runs)
        },
        published=first.published,
        seconds=fmean(run.result.seconds for run in runs),
        images_per_second=fmean(run.result.images_per_second for run in runs),
        device=plain(str(result.device.get("name"))),
        runs=tuple(runs),
        figures=figures,
    )


def _whole(result: Result) -> int:
    """Epochs of a run as its recipe has them by itself; of a task without a published recipe, its own."""
    preset = PRESETS.get(result.preset or "")
    if preset is None:
        return Recipe().epochs if result.task is CLASSIFY else result.epochs
    return preset.recipe.epochs


def _spread(seeds: Iterable[Sequence[Finished]], part: str, measure: Measure) -> Spread | None:
    """A figure over seeds, of each the mean of its runs; None where it was not measured in all."""
    found = [[run.result.figure(part, measure) for run in same] for same in seeds]
    known = [[value for value in values if value is not None] for values in found]
    return Spread.of(map(fmean, known)) if known == found else None


def named(result: Result) -> str:
    """The name of a network with the options that it does not have by itself."""
    return ", ".join([result.model, *_unusual(result.options)])


def _unusual(options: Mapping[str, Any]) -> list[str]:
    """The options of a network that are not what it has by itself; what coefficients and scheme are is said anyway."""
    told = {**USUAL, "coefficients": options.get("coefficients"), "scheme": options.get("scheme")}
    return [f"{name}={_text(value)}" for name, value in options.items() if told.get(name) != value]


def _text(value: Any) -> str | None:
    """A value of an option, short."""
    if value is None or isinstance(value, str):
        return value and plain(value)
    return plain(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def plain(text: str) -> str:
    """A stranger's name in one line: what cannot be printed told by its code, and not endlessly long."""
    shown = re.sub(r"\s", " ", text[: LONGEST + 1])
    shown = "".join(c if c.isprintable() else f"[U+{ord(c):04X}]" for c in shown)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"
