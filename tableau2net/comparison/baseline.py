"""Rows against a baseline: which run is paired with which, and what the paired test says."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from statistics import fmean, stdev
from typing import Any

import numpy as np

from tableau2net.comparison.rows import Row, data_of, plain
from tableau2net.comparison.significance import holm, mcnemar, paired_t
from tableau2net.errors import InputError
from tableau2net.recipes.recipe import Recipe
from tableau2net.recipes.task import CLASSIFY
from tableau2net.runs.finished import Finished

LEVEL = 0.05


@dataclass(frozen=True)
class Against:
    """A row against its baseline.

    difference: of the test errors in points, or of another measure in its unit, row minus baseline, the mean over the
    seeds that both have, or over the images of one seed, and std its standard deviation. p is of the test named, on n
    pairs; p_holm corrected for all tests of the table. Where there is no p, `why` says so. discordant: the images that
    only the row, and only the baseline, got right.
    """

    difference: float | None = None
    std: float | None = None
    test: str | None = None
    n: int | None = None
    discordant: tuple[int, int] | None = None
    p: float | None = None
    p_holm: float | None = None
    why: str | None = None

    @property
    def significant(self) -> bool:
        """Whether p, corrected, is below 0.05."""
        return self.p_holm is not None and self.p_holm < LEVEL

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def against(rows: Sequence[Row], name: str, attacks: Sequence[str] = ()) -> list[list[Against]]:
    """Each row against the baseline of this label, or network's name, at the same depth and on the same data: by the
    test error, and by that under each of the attacks. All their p are one family.

    Raises InputError where no row has the name, or where several could be meant.
    """
    known = list(dict.fromkeys(each for names in zip(*map(_names, rows), strict=True) for each in names))
    if plain(name) not in known:
        near = difflib.get_close_matches(plain(name), known, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(f"baseline {plain(name)!r}: no row has this name{hint}; there are {', '.join(known[:8])}")
    pairs = [(row, _baseline(row, rows, plain(name))) for row in rows]
    found = [_against(*pair, attack) for attack in (None, *attacks) for pair in pairs]
    tested = [index for index, each in enumerate(found) if each.p is not None]
    for index, p in zip(tested, holm([p for each in found if (p := each.p) is not None]), strict=True):
        found[index] = replace(found[index], p_holm=p)
    return [found[start : start + len(rows)] for start in range(0, len(found), len(rows))]


def _baseline(row: Row, rows: Sequence[Row], name: str) -> Row | None:
    """The row that this one is measured by. A label counts for more than a name, and an equal recipe than another."""
    near = [each for each in rows if _place(each) == _place(row)]
    for names in zip(*map(_names, near), strict=True):
        fit = [each for each, own in zip(near, names, strict=True) if own == name]
        if any(each is row for each in fit):
            return row
        for alike in (_terms, _recipe):
            fit = [each for each in fit if alike(each) == alike(row)] or fit if len(fit) > 1 else fit
        if len(fit) > 1:
            ways = list(zip(*map(_names, fit), strict=True))[1:4]  # the first that tells them apart
            called = next((names for names in ways if len(set(names)) == len(fit)), ways[-1])
            full = ", ".join(map(repr, called[:3]))
            raise InputError(f"baseline {name!r}: {row.network} has {len(fit)} rows of this name beside it, {full}")
        if fit:
            return fit[0]
    return None


def _names(row: Row) -> tuple[str, ...]:
    """What a row may be called, the best name first."""
    trained = row.adversary or "natural"
    ends = ("", f" {trained}", f" {row.coefficients}", f" {row.scheme}", f" {row.scheme} {row.coefficients}")
    return tuple(name + end for name in (row.network, row.model) for end in ends)


def _place(row: Row) -> str:
    """What two rows must share to be compared."""
    return json.dumps([row.column, data_of(row.runs[0].result), row.epochs], sort_keys=True)


def _recipe(row: Row) -> Recipe:
    return row.runs[0].result.asked.recipe


def _terms(row: Row) -> tuple[object, ...]:
    return _recipe(row), row.coefficients, row.precision, row.device, row.adversary


def _against(row: Row, baseline: Row | None, attack: str | None) -> Against:
    if baseline is row:
        return Against(why="the baseline itself")
    if baseline is None:
        return Against(why="no baseline of the same depth, data and epochs")
    if attack is not None and not (row.robust.get(attack) and baseline.robust.get(attack)):
        return Against(why=f"not both measured under {attack}")
    common = [seed for seed in row.by_seed if seed in baseline.by_seed]
    pairs = [(_tested(row.by_seed[seed], attack), _tested(baseline.by_seed[seed], attack)) for seed in common]
    differences = [first - second for first, second in pairs]
    if not differences:
        return Against(why="no seed in common")
    if len(differences) == 1:
        (seed,) = common
        told = Against(difference=float(differences[0]))
        return _by_images(told, row.by_seed[seed], baseline.by_seed[seed], attack)
    floats = list(map(float, differences))
    told = Against(fmean(floats), stdev(floats), "paired t", len(floats), p=paired_t(differences))
    return told if told.p is not None else replace(told, why="the same difference for every seed")


def _tested(runs: Sequence[Finished], attack: str | None) -> Fraction:
    return sum((run.exactly_tested(attack) for run in runs), Fraction(0)) / len(runs)


def _by_images(told: Against, first: Sequence[Finished], second: Sequence[Finished], attack: str | None) -> Against:
    """McNemar's test, where one run of each network has left what it said of the same test images; of a task without
    labels the paired t-test on what each image came to."""
    if len(first) > 1 or len(second) > 1:
        return replace(told, why="one seed in common, run more than once")
    if first[0].result.task is not CLASSIFY:
        return _by_figures(told, first[0], second[0])
    said, base = first[0].predictions(attack), second[0].predictions(attack)
    if said is None or base is None:
        return replace(told, why="one seed in common, and no predictions.safetensors of both")
    if not np.array_equal(said.truth, base.truth):
        return replace(told, why="one seed in common, and other test images")
    only = int(np.sum(said.right & ~base.right)), int(np.sum(base.right & ~said.right))
    return replace(told, test="McNemar", n=len(said.truth), discordant=only, p=float(mcnemar(*only)))


def _by_figures(told: Against, first: Finished, second: Finished) -> Against:
    mine, its = first.each(), second.each()
    if mine is None or its is None:
        return replace(told, why="one seed in common, and no predictions.safetensors of both")
    if len(mine) != len(its):
        return replace(told, why="one seed in common, and other test images")
    differences = [Fraction(a) - Fraction(b) for a, b in zip(mine.tolist(), its.tolist(), strict=True)]
    p = paired_t(differences)
    found = replace(told, std=stdev(map(float, differences)) if len(differences) > 1 else None)
    return (
        replace(found, why="the same difference for every image")
        if p is None
        else replace(found, test="paired t, images", n=len(differences), p=p)
    )
