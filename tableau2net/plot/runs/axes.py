"""What the figures of runs share: axes over epochs, marks of refinements and of drops of the rate, logarithms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tableau2net.plot.runs.levels import drops, refinements
from tableau2net.plot.style import FAINT, INK

FEW_EPOCHS = 15  # below so many, each is a dot
HALVED = "#a6457a"


def new_figure(width: float, height: float, title: str) -> Figure:
    """An empty figure with its title at the left."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")
    figure.suptitle(title, color=INK, fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure


def over_epochs(axis: Axes, name: str, xlabel: str = "epoch") -> None:
    """Light axes with a name over them, and whole epochs along them."""
    axis.set_title(name, loc="left", color=INK, fontsize=10.5)
    axis.set_xlabel(xlabel, color=INK, fontsize=9)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.tick_params(which="both", colors=INK, labelsize=8.5, length=0)
    axis.grid(axis="y", which="both", color=FAINT, lw=0.6)
    axis.set_axisbelow(True)
    axis.spines[:].set_visible(False)
    axis.spines["bottom"].set(visible=True, color=FAINT)


def dots(epochs: int) -> dict[str, Any]:
    """How the points of a line look: dots where there are few of them."""
    return {"marker": "o" if epochs < FEW_EPOCHS else "", "ms": 3.5}


def logarithmic(axis: Axes) -> None:
    """Errors fall by factors, so equal factors get equal height; a value of zero leaves the scale linear."""
    values = [float(value) for line in axis.get_lines() for value in np.asarray(line.get_ydata())]
    if values and min(values) > 0:
        axis.set_yscale("log")
        ratio = max(values) / min(values)
        subs = (1,) if ratio > 1e4 else (1, 2, 5)
        few = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10])
        axis.yaxis.set_major_locator(LogLocator(subs=subs, numticks=20) if ratio > 5 else few)
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_locator(NullLocator())


def mark(axes: Iterable[Axes], rows: Sequence[Mapping[str, Any]]) -> None:
    """A dotted line where a schedule of steps drops the rate, a full one where steps are halved; the first of the axes
    says to what."""
    for number, axis in enumerate(axes):
        for where in drops(rows) or ():
            axis.axvline(where, color=INK, lw=0.8, ls=":", alpha=0.6, zorder=0)
        for where, change in refinements(rows):
            axis.axvline(where, color=HALVED, lw=1.1, alpha=0.8, zorder=0)
            if number == 0:
                axis.annotate(
                    change, (where, 1), xycoords=("data", "axes fraction"), xytext=(3, -3),
                    textcoords="offset points", rotation=90, va="top", ha="left", color=HALVED, fontsize=8,
                    bbox={"facecolor": "white", "alpha": 0.7, "pad": 0.5, "lw": 0},
                )  # fmt: skip


def tint(colour: str, part: float) -> tuple[float, float, float]:
    """A colour, as it is for 1, and paler the less `part` is."""
    depth = 0.4 + 0.6 * part
    red, green, blue = (1 - depth * (1 - c) for c in to_rgb(colour))
    return red, green, blue
