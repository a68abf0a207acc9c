"""What stencils do to waves: how fast they run, or what they are damped by, beside the derivative itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tableau2net.analysis.report.pieces import SUPERSCRIPTS
from tableau2net.analysis.space.damping import damped, damps_nothing, equation_signs
from tableau2net.analysis.space.dispersion import poles
from tableau2net.analysis.space.resolution import points_per_wavelength
from tableau2net.analysis.space.symbol import sampled
from tableau2net.errors import InputError
from tableau2net.plot.style import INK, check_number, image, legend_beside, line_style, plain
from tableau2net.scheme import Stencil

Floats = NDArray[np.float64]

POINTS = 721
SHARES = (0, 0.25, 0.5, 0.75, 1)  # of π, where angles are marked
LONGEST_WAVE, LEAST = 64, 1e-6  # points a wave, and the error, at the ends of the axes
CUT = 2  # times the derivative at θ = π
ANGLES = np.linspace(0, np.pi, POINTS)


def draw_dispersion(stencils: Mapping[str, Stencil], format: str = "png") -> bytes:
    """The part of the symbol that moves waves (of an even derivative, that damps them) beside that of the derivative,
    and its relative error by points a wave; the dot is where a percent is reached, as proved.

    Raises InputError for several axes, filters, and different derivatives in one figure."""
    order = _order(stencils)
    figure = Figure(figsize=(9.6, 4.0), dpi=160)
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.28})
    left.plot(ANGLES, ANGLES**order, color=INK, lw=1.0, ls=(0, (1, 2)), label="exact")
    waves = np.geomspace(2, LONGEST_WAVE, POINTS)
    _lines(left, ANGLES, {label: principal(stencil, ANGLES) for label, stencil in stencils.items()})
    exact = (2 * np.pi / waves) ** order
    _lines(right, waves, {n: np.abs(principal(s, 2 * np.pi / waves) / exact - 1) for n, s in stencils.items()})
    for i, stencil in enumerate(stencils.values()):
        if (proved := points_per_wavelength(stencil)) is not None:
            right.plot(float(proved), 0.01, "o", color=line_style(i)[0], ms=5)
    _angle_axis(left)
    left.set_ylim(bottom=0)
    _titled(left, f"{'Im' if order % 2 else 'Re'} ŝ, up to its sign")
    plain(right)
    right.set(xscale="log", yscale="log", xlim=(2, LONGEST_WAVE), ylim=(LEAST, 2))
    right.set_xticks([2, 4, 8, 16, 32, 64], ["2", "4", "8", "16", "32", "64"])
    right.minorticks_off()
    right.axhline(0.01, color=INK, lw=0.7, ls="--")
    right.set_xlabel("points a wave", color=INK, fontsize=9.5)
    _titled(right, "relative error; dashed: 1 %")
    legend_beside(right, of=left)
    return image(figure, format)


def draw_dissipation(stencils: Mapping[str, Stencil], format: str = "png") -> bytes:
    """σ Re ŝ(θ), the rate times h^m at which waves of u_t = σ Du grow; below 0 they are damped.

    σ is the sign that damps; see `analysis.space.damping`. Raises InputError for several axes, filters, different
    derivatives in one figure, and stencils that damp nothing."""
    order = _order(stencils)
    for label, stencil in stencils.items():
        if damps_nothing(stencil):
            raise InputError(f"{label} damps no wave, Re ŝ = 0: leave it out, or plot dispersion")
    figure = Figure(figsize=(6.0, 4.0), dpi=160)
    axes = figure.subplots()
    if order % 2 == 0:
        axes.plot(ANGLES, -(ANGLES**order), color=INK, lw=1.0, ls=(0, (1, 2)), label="exact")
    _lines(axes, ANGLES, damping_curves(stencils, ANGLES))
    axes.axhline(0, color=INK, lw=0.7)
    _angle_axis(axes)
    _titled(axes, f"growth of waves times h{str(order).translate(SUPERSCRIPTS) if order > 1 else ''}; below 0: damped")
    legend_beside(axes)
    return image(figure, format)


def damping_curves(stencils: Mapping[str, Stencil], angles: Floats) -> dict[str, Floats]:
    """σ Re ŝ of each, by its name, and of an odd derivative the equation."""
    found = {}
    for label, stencil in stencils.items():
        sign = (damped(stencil) or equation_signs(stencil))[0]
        said = f"{label}, u_t = {'−' if sign < 0 else ''}Du" if stencil.orders[0] % 2 else label
        found[said] = sign * _symbol(stencil, angles).real
    return found


def _lines(axes: Axes, x: Floats, curves: Mapping[str, Floats]) -> None:
    """A line each; one that lies under others is wider, so that it is seen."""
    every = list(curves.values())
    for i, (label, y) in enumerate(curves.items()):
        colour, dashes = line_style(i)
        over = sum(np.allclose(y, other, rtol=0, atol=1e-9, equal_nan=True) for other in every[i + 1 :])
        axes.plot(x, y, color=colour, ls=dashes, lw=1.6 + 2.4 * over, alpha=0.5 if over else 1, label=label)


def _order(stencils: Mapping[str, Stencil]) -> int:
    """The derivative of all of them. Raises InputError."""
    check_number(len(stencils))
    for label, stencil in stencils.items():
        if stencil.dimension != 1:
            raise InputError(f"{label} is a stencil on {stencil.dimension} axes: waves are drawn of those on one")
        if stencil.orders == (0,):
            raise InputError(f"{label} is a filter: waves are drawn of derivatives")
    orders = {stencil.orders[0]: label for label, stencil in stencils.items()}
    if len(orders) > 1:
        (m, a), (n, b) = list(orders.items())[:2]
        raise InputError(f"{a} is derivative {m} and {b} derivative {n}: draw them apart")
    return next(iter(orders))


def _symbol(stencil: Stencil, angles: Floats) -> NDArray[np.complex128]:
    """ŝ; what has no bound is cut off at a few times the derivative itself."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = sampled(stencil.at_defaults(), angles)
    for mode in poles(stencil) or ():
        at = np.isclose(np.cos(angles), float(mode.cosine))
        found[at | (np.abs(found) > CUT * np.pi ** stencil.orders[0])] = complex(np.nan, np.nan)
    return found


def principal(stencil: Stencil, angles: Floats) -> Floats:
    """The part of the symbol that the derivative has, with its sign taken off."""
    m = stencil.orders[0]
    values = _symbol(stencil, angles)
    return np.asarray((-1) ** (m // 2) * (values.imag if m % 2 else values.real))


def _angle_axis(axes: Axes) -> None:
    plain(axes)
    axes.set_xlim(0, np.pi)
    axes.set_xticks([x * np.pi for x in SHARES], ["0", "π/4", "π/2", "3π/4", "π"])
    axes.set_xlabel("θ, wave number times h", color=INK, fontsize=9.5)


def _titled(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", color=INK, fontsize=9.5)
