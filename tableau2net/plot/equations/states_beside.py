"""The truth, what found equations make of the same start, and the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tableau2net.plot.runs.axes import new_figure
from tableau2net.plot.style import INK, image, legend_beside, line_style, plain

Doubles = NDArray[np.float64]
FIELD, DIFFERENCE = "RdBu_r", "PuOr"


def draw_states(
    truth: Doubles, found: Mapping[str, Doubles], state: str, times: Sequence[float], title: str, format: str = "png"
) -> bytes:
    """truth: (times, *space), one state at the times shown.  found: the same by each scheme, not finite once lost.

    In the plane a column a time: the truth, then prediction and error of each scheme. On a line a panel a time."""
    if truth.ndim == 2:
        return _lines(truth, found, state, times, title, format)
    planes = truth if truth.ndim == 3 else truth[..., truth.shape[-1] // 2]
    others = {
        name: values if values.ndim == 3 else values[..., values.shape[-1] // 2] for name, values in found.items()
    }
    rows = 1 + 2 * len(found)
    figure = new_figure(2.0 * len(times) + 2.2, 1.75 * rows + 0.6, title)
    panels = figure.subplots(rows, len(times), squeeze=False)
    high = float(np.abs(planes).max())
    shown = _row(panels[0], planes, high, FIELD, f"{state}, truth")
    figure.colorbar(shown, ax=list(panels[0]), fraction=0.05, pad=0.01)
    for n, t in enumerate(times):
        panels[0][n].set_title(f"t = {t:.3g}", color=INK, fontsize=9.5)
    for i, (name, values) in enumerate(others.items()):
        above, below = panels[1 + 2 * i], panels[2 + 2 * i]
        shown = _row(above, values, high, FIELD, name)
        figure.colorbar(shown, ax=list(above), fraction=0.05, pad=0.01)
        errors = values - planes
        size = np.abs(errors[np.isfinite(errors)])
        worst = min(float(size.max(initial=0.0)), high) or 1e-300
        shown = _row(below, errors, worst, DIFFERENCE, "error")
        bar = figure.colorbar(shown, ax=list(below), fraction=0.05, pad=0.01)
        bar.formatter.set_powerlimits((-2, 3))  # type: ignore[attr-defined]
    return image(figure, format)


def _plane(values: Doubles) -> Doubles:
    """Of a volume the plane in the middle of its last axis."""
    return values if values.ndim == 3 else values[..., values.shape[-1] // 2]


def _row(panels: Sequence[Axes], values: Doubles, high: float, colours: str, name: str) -> Any:
    shown: Any = None
    for n, (panel, value) in enumerate(zip(panels, values, strict=True)):
        finite = np.ma.masked_invalid(value)
        shown = panel.imshow(finite.T, origin="lower", cmap=colours, vmin=-high, vmax=high, interpolation="nearest")
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
        if finite.mask.all() if np.ma.is_masked(finite) else False:
            panel.text(
                0.5, 0.5, "no number", transform=panel.transAxes, ha="center", va="center", color=INK, fontsize=8.5
            )
        if n == 0:
            panel.set_ylabel(name, color=INK, fontsize=9.5)
    return shown


def _lines(
    truth: Doubles, found: Mapping[str, Doubles], state: str, times: Sequence[float], title: str, format: str
) -> bytes:
    figure = new_figure(3.0 * len(times) + 1.6, 4.6, title)
    panels = figure.subplots(2, len(times), squeeze=False, sharex=True, sharey="row")
    x = np.arange(truth.shape[1])
    low, high = float(truth.min()), float(truth.max())
    room = 0.15 * (high - low)
    for n, t in enumerate(times):
        panels[0][n].plot(x, truth[n], color=INK, lw=2.6, alpha=0.35, label="truth")
        for i, (name, values) in enumerate(found.items()):
            colour, dashes = line_style(i)
            panels[0][n].plot(x, values[n], color=colour, ls=dashes, lw=1.3, label=name)
            panels[1][n].plot(x, np.abs(values[n] - truth[n]), color=colour, ls=dashes, lw=1.3)
        panels[0][n].set_title(f"t = {t:.3g}", loc="left", color=INK, fontsize=9.5)
        panels[0][n].set_ylim(low - room, high + room)
        panels[1][n].set_yscale("log")
        panels[1][n].set_xlabel("point", color=INK, fontsize=9)
        for panel in panels[:, n]:
            plain(panel)
    panels[0][0].set_ylabel(state, color=INK, fontsize=9.5)
    panels[1][0].set_ylabel("|error|", color=INK, fontsize=9.5)
    legend_beside(panels[0][-1])
    return image(figure, format)
