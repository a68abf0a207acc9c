"""A run's rows as a figure wants them: what is learnt, level by level, where steps were halved, how the rate went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FEW_DROPS = 3  # of the rate in a level: so many are marked whatever the schedule


@dataclass(frozen=True)
class LearntLevel:
    """What a network learns between two refinements.

    epochs: of each value; the first level begins with 0, before training.
    values: by full name ("blocks.0.k"), an array of the epochs, and then the steps, and then the channels, where a
        coefficient has a value for each.
    """

    epochs: tuple[int, ...]
    values: Mapping[str, Floats]

    def flat(self, name: str) -> Floats:
        """The values of a name, epochs × (steps · channels)."""
        return self.values[name].reshape(len(self.epochs), -1)


def levels(rows: Sequence[Mapping[str, Any]], before: Mapping[str, Any]) -> list[LearntLevel]:
    """The levels of a run in which something is learnt: a new one where steps are halved, or names or shapes change.

    rows: of log.jsonl. before: what was learnt before the first epoch, as "coefficients" of a row; may be empty.
    Raises ValueError where a coefficient is not numbers in a rectangle."""
    start = [(0, dict(before), False)] if before else []
    points = [*start, *((row["epoch"], row.get("coefficients") or {}, "refinement" in row) for row in rows)]
    parts: list[list[tuple[int, dict[str, Floats]]]] = []
    for epoch, found, refined in points:
        arrays = {name: np.asarray(value, dtype=float) for name, value in found.items()}
        arrays = {name: array for name, array in arrays.items() if array.size}  # a block may be all start-up
        if refined or not parts or _shapes(arrays) != _shapes(parts[-1][-1][1]):
            parts.append([])
        parts[-1].append((epoch, arrays))
    return [
        LearntLevel(
            tuple(epoch for epoch, _ in part), {n: np.stack([arrays[n] for _, arrays in part]) for n in part[0][1]}
        )
        for part in parts
        if part[0][1]
    ]


def _shapes(arrays: Mapping[str, Floats]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of nested mappings and sequences, with the way to it: ("block1.beta1[0]", 1.05)."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, Sequence):
        for index, value in enumerate(tree):
            yield from leaves(value, f"{path}[{index}]")
    else:
        yield path, float(tree)


def refinements(rows: Iterable[Mapping[str, Any]]) -> list[tuple[float, str]]:
    """Where steps were halved, between two epochs, and what to say of it."""
    return [(row["epoch"] - 0.5, _change(row["refinement"])) for row in rows if "refinement" in row]


def _change(found: Any) -> str:
    known = isinstance(found, Mapping) and {"steps_before", "steps"} <= set(found)
    return f"{found['steps_before']} → {found['steps']} steps" if known else "refined"


def drops(rows: Sequence[Mapping[str, Any]]) -> list[float] | None:
    """Where the rate falls within a level, between two epochs; None where it is no schedule of steps but moves at most
    epochs, so that a line of its own tells more."""
    moves = [
        ((before["epoch"] + after["epoch"]) / 2, after["lr"] - before["lr"])
        for before, after in pairwise(rows)
        if "refinement" not in after
    ]
    changed = sum(by != 0 for _, by in moves)
    few = FEW_DROPS * (1 + sum("refinement" in row for row in rows))
    return None if changed > max(few, len(moves) / 2) else [where for where, by in moves if by < 0]
