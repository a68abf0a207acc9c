"""The error of found equations against the steps that they predict, with bands over the trajectories."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from tableau2net.plot.runs.axes import new_figure
from tableau2net.plot.style import INK, image, legend_beside, line_style, plain

LOST = 1e4  # of the variance: what is beyond is not drawn


def draw_errors(errors: Mapping[str, NDArray[np.float64]], last: int, title: str, format: str = "png") -> bytes:
    """errors: of each scheme (trajectories, steps + 1), over the variance of the truth; infinite once it blew up.

    Lines are medians, in bands from the best to the worst trajectory.  last: steps of the longest block, marked."""
    figure = new_figure(7.4, 3.9, title)
    axes = figure.subplots()
    for i, (name, values) in enumerate(errors.items()):
        colour, dashes = line_style(i)
        steps = np.arange(1, values.shape[1])
        middle, low, high = (f(values[:, 1:], axis=0) for f in (np.median, np.min, np.max))
        there = middle < LOST
        axes.fill_between(steps[there], low[there], np.minimum(high[there], LOST), color=colour, alpha=0.16, lw=0)
        label = name if there.all() else f"{name}: lost after {int(there.argmin())} steps"
        axes.plot(steps[there], middle[there], color=colour, ls=dashes, lw=1.9, label=label)
        if not there.all() and there.any():
            axes.plot(steps[there][-1:], middle[there][-1:], marker="x", ms=7, mew=2, color=colour)
    axes.axvline(last, color=INK, lw=0.8, ls=":")
    axes.annotate(
        f" fitted to {last} step{'s' * (last > 1)}", (last, 1), xycoords=("data", "axes fraction"), va="bottom",
        color=INK, fontsize=8,
    )  # fmt: skip
    axes.set_yscale("log")
    axes.set_xlim(0, max(values.shape[1] for values in errors.values()) - 1)
    plain(axes)
    axes.yaxis.set_major_locator(LogLocator(numticks=9))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("steps predicted", color=INK, fontsize=9)
    axes.set_ylabel("squared error / variance", color=INK, fontsize=9)
    legend_beside(axes)
    return image(figure, format)
