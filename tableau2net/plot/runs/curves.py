"""A run's curves: loss, errors and learnt coefficients over the epochs, and the rate where it moves all the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from tableau2net.plot.runs.axes import dots, logarithmic, mark, new_figure, over_epochs
from tableau2net.plot.runs.learnt_coefficients import draw_bundles
from tableau2net.plot.runs.levels import drops, levels
from tableau2net.plot.style import INK, image
from tableau2net.recipes.task import task_of_row

COLOURS = {"train": "#8a94a3", "validation": "#d9822b", "test": "#2166ac"}


def draw_curves(rows: Sequence[Mapping[str, Any]], before: Mapping[str, Any], title: str, format: str = "png") -> bytes:
    """A figure of the rows of log.jsonl (at least one): loss, the main measure of the task (errors in per cent, say),
    and coefficients if any are learnt.

    `before` holds the learnt coefficients as they were before the first epoch; empty where none are learnt, or where
    this is not known. A dotted line is a drop of the rate, a full one is where steps were halved; a rate that moves at
    every epoch has a panel below the loss in the place of dotted lines."""
    learnt = levels(rows, before)
    moving = drops(rows) is None
    columns = 3 if learnt else 2
    figure = new_figure(4.6 * columns + (1.6 if learnt else 0), 4.0, title)
    # L loss, E errors or what the task has in their place, C coefficients, R the rate
    mosaic = ";".join(line[:columns] for line in ("LEC", "REC")[: 1 + moving])
    ratios: dict[str, Any] = {"width_ratios": [1, 1, 1.35][:columns], "height_ratios": [3, 1][: 1 + moving]}
    axes = figure.subplot_mosaic(mosaic, **ratios)
    epochs = [row["epoch"] for row in rows]
    losses = {"train": [row["train_loss"] for row in rows]}
    _draw(axes["L"], "training loss", epochs, losses)
    measure = task_of_row(rows[0]).main
    found = {name: [row[f"{name}_{measure.name}"] for row in rows] for name in COLOURS}
    _draw(axes["E"], measure.axis, epochs, {name: e for name, e in found.items() if None not in e})
    for name in "L" if measure.higher else "LE":
        logarithmic(axes[name])
    if moving:
        axes["R"].plot(epochs, [row["lr"] for row in rows], color=INK, lw=1.2, **dots(len(epochs)))
        over_epochs(axes["R"], "learning rate")
        axes["R"].set_ylim(bottom=0)
    if learnt:
        count = draw_bundles(axes["C"], learnt)
        over_epochs(axes["C"], f"learnt coefficients ({count})")
    mark(axes.values(), rows)
    return image(figure, format)


def _draw(axis: Axes, name: str, epochs: Sequence[int], series: Mapping[str, Sequence[float]]) -> None:
    """Lines over the epochs; the legend gives each its last value, the highest first as in the figure."""
    for key in sorted(series, key=lambda key: -series[key][-1]):
        label = f"{key}  {series[key][-1]:.4g}"
        axis.plot(epochs, series[key], color=COLOURS[key], label=label, lw=1.7, **dots(len(epochs)))
    over_epochs(axis, name)
    if series:
        axis.legend(frameon=False, fontsize=8.5, labelcolor=INK, handlelength=1.8, loc="best")
