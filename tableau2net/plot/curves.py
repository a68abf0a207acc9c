"""A run's curves: loss, errors and learnt coefficients over the epochs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tableau2net.plot.style import FAINT, INK, LINES

COLOURS = {"train": "#8a94a3", "validation": "#d9822b", "test": "#2166ac"}
MAX_NAMED = 12  # lines that a legend can still tell apart


def draw_curves(rows: Sequence[Mapping[str, Any]], before: Mapping[str, Any], title: str) -> bytes:
    """A PNG of the rows of log.jsonl (at least one): loss, errors in per cent, and coefficients if any are learnt.

    `before` holds the learnt coefficients as they were before the first epoch; empty where none are learnt."""
    learnt = [dict(leaves(found or {})) for found in (before, *(row["coefficients"] for row in rows))]
    learns = bool(learnt[0])
    epochs = [row["epoch"] for row in rows]
    panels = 3 if learns else 2
    width = 4.6 * panels + (1.6 if learns else 0)
    figure = Figure(figsize=(width, 4.0), dpi=150, layout="constrained", facecolor="white")
    figure.suptitle(title, color=INK, fontsize=12, fontweight="bold", x=0.01, ha="left")
    axes = figure.subplots(1, panels, width_ratios=[1, 1, 1.35][:panels])
    _draw(axes[0], "training loss", epochs, {"train": [row["train_loss"] for row in rows]}, COLOURS, "{:.3g}")
    errors = {
        name: [row[f"{name}_error"] for row in rows]
        for name in COLOURS if rows[0][f"{name}_error"] is not None
    }  # fmt: skip
    _draw(axes[1], "error, %", epochs, errors, COLOURS, "{:.3g}")
    for axis in axes[:2]:
        _logarithmic(axis)
    if learns:
        names = {name: LINES[i % len(LINES)] for i, name in enumerate(learnt[0])}
        series = {name: [row[name] for row in learnt] for name in names}
        _draw(axes[2], "learnt coefficients", [0, *epochs], series, names, "{:.3f}")
    for axis in axes:
        _mark_drops(axis, rows)
    image = BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()


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


def _draw(
    axis: Axes,
    name: str,
    epochs: Sequence[int],
    series: Mapping[str, Sequence[float]],
    colours: Mapping[str, str],
    number: str,
) -> None:
    """Lines over the epochs; the legend gives each its last value, the highest first as in the picture."""
    crowd = len(series) > MAX_NAMED
    used: Counter[str] = Counter()
    for key in sorted(series, key=lambda key: -series[key][-1]):
        style = ("-", "--")[used[colours[key]] % 2]  # where colours run out
        used[colours[key]] += 1
        axis.plot(
            epochs, series[key], color=colours[key], label=f"{key}  {number.format(series[key][-1])}", ls=style,
            lw=0.7 if crowd else 1.7, alpha=0.5 if crowd else 1, marker="o" if len(epochs) < 15 else "", ms=3.5,
        )  # fmt: skip
    axis.set_title(f"{name} ({len(series)})" if crowd else name, loc="left", color=INK, fontsize=10.5)
    axis.set_xlabel("epoch", color=INK, fontsize=9)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.tick_params(which="both", colors=INK, labelsize=8.5, length=0)
    axis.grid(axis="y", which="both", color=FAINT, lw=0.6)
    axis.spines[:].set_visible(False)
    axis.spines["bottom"].set(visible=True, color=FAINT)
    if not crowd:
        beside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if len(series) > 3 else {"loc": "best"}
        axis.legend(frameon=False, fontsize=8.5, labelcolor=INK, handlelength=1.8, **beside)


def _logarithmic(axis: Axes) -> None:
    """Errors fall by factors, so equal factors get equal height; a value of zero leaves the scale linear."""
    values = [float(value) for line in axis.get_lines() for value in np.asarray(line.get_ydata())]
    if min(values) > 0:
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_locator(NullLocator())


def _mark_drops(axis: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """A dotted line before each epoch that starts with another learning rate."""
    for before, after in pairwise(rows):
        if after["lr"] != before["lr"]:
            axis.axvline((before["epoch"] + after["epoch"]) / 2, color=INK, lw=0.8, ls=":", alpha=0.6, zorder=0)
