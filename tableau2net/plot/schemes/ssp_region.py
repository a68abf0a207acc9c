"""The steps with each of two fields, in units of forward Euler's, with which a pair keeps convex bounds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sympy import Rational, oo

from tableau2net.analysis.ssp.additive import additive_ssp
from tableau2net.errors import InputError
from tableau2net.plot.style import INK, check_number, image, legend_beside, line_style, plain
from tableau2net.scheme import AdditiveRungeKutta, Scheme

RAYS = 32
SIZE = 4.2  # inches
NARROW = 3.2  # how far a region is shown, where it goes on, in steps with both fields alike
SHARES = [Rational(1, 1000), *(Rational(k, RAYS) for k in range(1, RAYS)), Rational(999, 1000)]  # of the second field


def draw_ssp_region(schemes: Mapping[str, Scheme], format: str = "png") -> bytes:
    """The set of (r_1, r_2) of each pair, its boundary found exactly on rays; open where it has no end.

    Raises InputError for schemes that are no pair for two fields, and where every region is the origin alone."""
    check_number(len(schemes))
    found: dict[str, list[float]] = {}
    for label, scheme in schemes.items():
        if not isinstance(scheme, AdditiveRungeKutta) or len(scheme.parts) != 2:
            raise InputError(f"{label}: a region is drawn of additive Runge–Kutta schemes for two fields")
        found[label] = [_number(additive_ssp(scheme, (1 - share, share))) for share in SHARES]
    if not any(r for ends in found.values() for r in ends):
        raise InputError(f"{', '.join(found)}: no step keeps convex bounds, the region is 0 alone")
    return image(_figure(found), format)


def _number(r: object) -> float:
    return np.inf if r == oo else float(r)  # type: ignore[arg-type]


def _figure(found: Mapping[str, list[float]]) -> Figure:
    second = np.array([float(share) for share in SHARES])
    directions = np.stack([1 - second, second], axis=1)
    ends = {label: np.array(r)[:, None] * directions for label, r in found.items()}
    top = max(min(NARROW * float(points[len(points) // 2, 0]), float(points.max())) for points in ends.values())
    top = 1.25 * top if np.isfinite(top) else 1.0
    figure = Figure(figsize=(SIZE, SIZE), dpi=160)
    axes = figure.add_axes((0, 0, 1, 1))
    for i, (label, points) in enumerate(ends.items()):
        name = label if np.any(points) else f"{label}: 0 alone"
        _draw(axes, np.where(np.isfinite(points), points, 4 * top * directions), name, line_style(i), len(found))
    plain(axes)
    axes.set(xlim=(0, top), ylim=(0, top), aspect="equal")
    axes.set_xlabel("r₁, steps with the first field", color=INK, fontsize=9)
    axes.set_ylabel("r₂, steps with the second field", color=INK, fontsize=9)
    legend_beside(axes, "convex bounds are kept below")
    return figure


def _draw(axes: Axes, points: NDArray[np.float64], name: str, style: tuple[str, str], number: int) -> None:
    colour, dashes = style
    x, y = points.T
    axes.fill([0, *x, 0], [0, *y, 0], color=colour, alpha=min(0.16, 0.3 / number), lw=0)
    axes.plot(x, y, color=colour, ls=dashes, lw=1.8, label=name)
