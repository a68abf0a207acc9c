"""Regions of absolute stability, several in one figure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tableau2net.errors import InputError
from tableau2net.plot.schemes.window import SLACK, window
from tableau2net.plot.style import INK, check_number, image, legend_beside, line_style, plain
from tableau2net.scheme import Scheme
from tableau2net.step import lower
from tableau2net.step.amplification import amplification, check_region, coarser

Floats = NDArray[np.float64]

POINTS = 360  # across the figure
SIZE = 5.2  # inches of the region's longer side
BAND = 0.022  # of the figure: how far the darker shade reaches in from the boundary


def draw_stability(schemes: Mapping[str, Scheme], title: str = "", format: str = "png") -> bytes:
    """The sets {z : |R(z)| ≤ 1} (all roots ζ(z) in the closed unit disk, for several steps), a colour a scheme.

    Raises InputError for schemes without a region in one hλ, and for first and second derivatives in one figure."""
    return image(stability_figure(schemes, title), format)


def stability_figure(schemes: Mapping[str, Scheme], title: str = "") -> Figure:
    """`draw_stability` before it is written; its axes fill the figure."""
    check_number(len(schemes))
    for scheme in schemes.values():
        check_region(scheme)
    if len({lower(scheme).derivative for scheme in schemes.values()}) > 1:
        raise InputError("schemes for y' = f and for y'' = f have different hλ: draw them apart")
    apart = coarser(schemes.values(), POINTS**2 // 2)
    left, right, top = window(list(schemes.values()), apart)
    points = int(POINTS / apart)
    x = np.union1d(np.linspace(left, right, points), [0.0])
    half = np.linspace(0, top, max(int(60 / apart), int(points * top / (right - left))))
    longer = max(right - left, 2 * top)
    figure = Figure(figsize=(max(1.8, SIZE * (right - left) / longer), max(1.6, SIZE * 2 * top / longer)), dpi=160)
    axes = figure.add_axes((0, 0, 1, 1))
    for i, (label, scheme) in enumerate(schemes.items()):
        levels = _levels(scheme, x, half)
        _draw(axes, x, half, levels, *line_style(i), shade=min(0.16, 0.3 / len(schemes)), band=BAND * longer)
        axes.plot([], [], color=line_style(i)[0], ls=line_style(i)[1], lw=1.8, label=label)
    _axes(axes, (left, right), top, "h²λ" if _second_order(schemes) else "hλ")
    if title:
        axes.set_title(title, loc="left", color=INK, fontsize=11)
    legend_beside(axes, "stable on the shaded side")
    return figure


def _second_order(schemes: Mapping[str, Scheme]) -> bool:
    return any(lower(scheme).derivative == 2 for scheme in schemes.values())


def _levels(scheme: Scheme, x: Floats, half: Floats) -> Floats:
    """log |R| over the figure's upper half; the other half is its mirror image."""
    grown = amplification(scheme, x[None, :] + 1j * half[:, None])
    return np.asarray(np.log(np.maximum(grown, 1e-12)).clip(-30, 30))


def _draw(
    axes: Axes, x: Floats, half: Floats, level: Floats, colour: str, dashes: str, *, shade: float, band: float
) -> None:
    """One region: shaded, darker along the inner side of its boundary."""
    inside = level <= SLACK
    if not (inside[:, :-1] & inside[:, 1:]).any():  # a segment, as the leapfrog's, has no inside to shade
        segment = np.where(level[:, np.searchsorted(x, 0.0)] <= 1e-6, half, np.nan)
        axes.plot(np.zeros_like(half), segment, color=colour, ls=dashes, lw=2.6, solid_capstyle="butt")
        axes.plot(np.zeros_like(half), -segment, color=colour, ls=dashes, lw=2.6, solid_capstyle="butt")
        return
    y, level = np.concatenate([-half[:0:-1], half]), np.concatenate([level[:0:-1], level])
    size = np.exp(np.minimum(level, 1))
    slopes = np.hypot(*np.gradient(size, y, x))
    distance = np.divide(size - 1, slopes, out=np.full_like(size, -1e9), where=slopes > 1e-9)  # to first order
    axes.contourf(x, y, level, levels=[-31, SLACK], colors=[colour], alpha=shade, zorder=1)
    axes.contourf(x, y, distance, levels=[-band, SLACK], colors=[colour], alpha=0.2, zorder=1.2)
    axes.contour(x, y, level, levels=[SLACK], colors=[colour], linestyles=[dashes], linewidths=1.7, zorder=2)


def _axes(axes: Axes, across: tuple[float, float], top: float, variable: str) -> None:
    plain(axes)
    axes.set_xlim(*across)
    axes.set_ylim(-top, top)
    axes.set_aspect("equal")
    axes.axhline(0, color=INK, lw=0.7, zorder=1.5)
    axes.axvline(0, color=INK, lw=0.7, zorder=1.5)
    axes.set_xlabel(f"Re({variable})", color=INK, fontsize=9.5)
    axes.set_ylabel(f"Im({variable})", color=INK, fontsize=9.5)
