"""Several runs in one figure: loss and errors over the epochs, runs that differ by their seed alone as mean ± std."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from tableau2net.errors import InputError
from tableau2net.plot.runs.axes import dots, logarithmic, new_figure, over_epochs
from tableau2net.plot.runs.levels import Floats
from tableau2net.plot.style import MAX_SCHEMES, image, legend_beside, line_style
from tableau2net.recipes.task import PARTS, Measure, TaskKind, task_of_row

LOSS = Measure("loss", "loss", "")

Rows = Sequence[Mapping[str, Any]]


def draw_runs(groups: Mapping[str, Sequence[Rows]], format: str = "png") -> bytes:
    """A figure of runs: for each label the rows of log.jsonl of one run, or of runs that are to be taken together.

    Of several, the mean over the epochs that all have finished, in a band of one sample standard deviation;
    the runs themselves are thin lines. Raises InputError for more labels than can be told apart."""
    if len(groups) > MAX_SCHEMES:
        raise InputError(f"{len(groups)} runs in one figure: at most {MAX_SCHEMES} can be told apart")
    everything = [row for runs in groups.values() for rows in runs for row in rows]
    tasks = {task.name: task for task in map(task_of_row, everything)}
    if len(tasks) > 1:
        raise InputError(f"runs of {' and of '.join(tasks)}: their figures are not the same; draw each by itself")
    panels_of = _panels(*tasks.values())
    shown = [key for key in panels_of if any(row.get(key) is not None for row in everything)]
    figure = new_figure(4.3 * len(shown) + 2.6, 4.0, "")
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for axis, key in zip(panels, shown, strict=True):
        for i, (label, runs) in enumerate(groups.items()):
            _draw(axis, key, [run for run in runs if all(row.get(key) is not None for row in run)], i, label)
        part, measure = panels_of[key]
        over_epochs(axis, f"{part} {measure.axis}")
        if not measure.higher:
            logarithmic(axis)
    legend_beside(panels[-1])
    return image(figure, format)


def _panels(task: TaskKind) -> dict[str, tuple[str, Measure]]:
    """What is drawn, by the keys of rows: the loss, and the main measure of training, of what is held out and of the
    test."""
    parts = {"train": "training"}
    found = {f"{part}_{task.main.name}": (parts.get(part, part), task.main) for part in PARTS}
    return {"train_loss": ("training", LOSS), **found}


def _draw(axis: Axes, key: str, runs: Sequence[Rows], number: int, label: str) -> None:
    """One run is a line; several are their mean in a band."""
    colour, dashes = line_style(number)
    if not runs:  # for the legend
        axis.plot([], [], color=colour, ls=dashes, lw=1.8, label=label)
        return
    count = min(map(len, runs))
    epochs = [row["epoch"] for row in runs[0][:count]]
    values: Floats = np.array([[row[key] for row in run[:count]] for run in runs], dtype=float)
    mean = values.mean(axis=0)
    if len(runs) > 1:
        std = values.std(axis=0, ddof=1)
        low = np.where(mean > std, mean - std, values.min(axis=0))  # a logarithm knows nothing below 0
        axis.fill_between(epochs, low, mean + std, color=colour, alpha=0.18, lw=0)
        for run in runs:
            axis.plot([row["epoch"] for row in run], [row[key] for row in run], color=colour, lw=0.6, alpha=0.5)
    axis.plot(epochs, mean, color=colour, ls=dashes, lw=1.8, label=label, **dots(len(epochs)))
