"""Order stars: where a method grows more than the exact solution, {z : |R(z)| > |e^z|} (Wanner, Hairer, Nørsett 1978;
Hairer and Wanner II, IV.4). At the origin p + 1 dark sectors meet p + 1 light ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tableau2net.errors import InputError
from tableau2net.plot.style import INK, LINES, check_number, image, plain
from tableau2net.scheme import Scheme
from tableau2net.step import lower
from tableau2net.step.amplification import amplification, check_region, coarser

POINTS = 500
MAX_STARS = 9
PANEL = 3.4  # inches


def draw_order_stars(schemes: Mapping[str, Scheme], format: str = "png") -> bytes:
    """An order star for each scheme, side by side, on the same scale.

    Raises InputError for schemes that are not one-step methods for one field: their |ζ/e^z| lives on several sheets."""
    check_number(len(schemes))
    if len(schemes) > MAX_STARS:
        raise InputError(f"{len(schemes)} order stars in one figure: at most {MAX_STARS}")
    for label, scheme in schemes.items():
        check_region(scheme)
        if lower(scheme).history or lower(scheme).derivative != 1:
            raise InputError(f"{label}: an order star is drawn for one-step methods for y' = f")
    columns = min(3, len(schemes))
    rows = -(-len(schemes) // columns)
    figure = Figure(figsize=(PANEL * columns, (PANEL + 0.25) * rows), dpi=160, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    points = int(POINTS / coarser(schemes.values(), POINTS**2 // 2))
    half = 2.0 + max(_stages(scheme) for scheme in schemes.values())
    for i, (label, scheme) in enumerate(schemes.items()):
        _star(panels.flat[i], label, scheme, half, LINES[i % len(LINES)], points)
    for empty in list(panels.flat)[len(schemes) :]:
        empty.set_visible(False)
    return image(figure, format)


def _stages(scheme: Scheme) -> int:
    return min(12, lower(scheme).evaluations)


def _star(axes: Axes, label: str, scheme: Scheme, half: float, colour: str, points: int) -> None:
    x = np.linspace(-half, half, points)
    y = np.linspace(0, half, points // 2)
    grown = np.log(np.maximum(amplification(scheme, x[None, :] + 1j * y[:, None]), 1e-300)) - x[None, :]
    level = np.concatenate([grown[:0:-1], grown]).clip(-50, 50)
    both = np.concatenate([-y[:0:-1], y])
    plain(axes)
    axes.grid(False)
    axes.contourf(x, both, level, levels=[0, 51], colors=[colour], alpha=0.75)
    axes.contour(x, both, level, levels=[0], colors=[INK], linewidths=0.6)
    axes.axhline(0, color=INK, lw=0.6)
    axes.axvline(0, color=INK, lw=0.6)
    axes.set_aspect("equal")
    axes.set_title(label, loc="left", color=INK, fontsize=10)
    axes.set_xlabel("Re(hλ)", color=INK, fontsize=9)
    axes.set_ylabel("Im(hλ)", color=INK, fontsize=9)
