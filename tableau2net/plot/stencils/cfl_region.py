"""How far schemes are stable on stencils: the plane of convection and diffusion together, or the symbol in the
stability region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sympy import oo

from tableau2net.analysis.report.pieces import short_number
from tableau2net.analysis.space.cfl import CFL, cfl
from tableau2net.analysis.space.damping import equation_signs
from tableau2net.analysis.space.symbol import sampled
from tableau2net.errors import InputError
from tableau2net.plot.schemes.stability_region import stability_figure
from tableau2net.plot.style import FAINT, INK, check_number, image, legend_beside, line_style, plain
from tableau2net.scheme import CoefficientTable, Scheme, Stencil
from tableau2net.step import lower
from tableau2net.step.amplification import amplification, check_region, coarser

Floats = NDArray[np.float64]

POINTS, ANGLES, BISECTIONS = 140, 97, 16  # across the plane, and angles at each point
GROWN = 1e-9
ROOM = 1.25  # the window over the largest limit of a term alone
UNBOUNDED = 4.0  # where the window ends if no scheme has a limit


def draw_cfl_region(tables: Mapping[str, CoefficientTable], title: str = "", format: str = "png") -> bytes:
    """With stencils of u_x and u_xx: the steps at which each scheme is stable on u_t + a u_x = d u_xx, in the plane
    of a Δt/h and d Δt/h²; floats draw the region, its ends on the axes are the exact limits. With one stencil: ν ŝ(θ)
    at each scheme's limit within its stability region. Raises InputError for anything else."""
    schemes = {label: t for label, t in tables.items() if isinstance(t, Scheme)}
    stencils = [t for t in tables.values() if isinstance(t, Stencil)]
    if not schemes or not 1 <= len(stencils) <= 2:
        raise InputError("cfl-region: name schemes, and one stencil or two (of u_x and of u_xx)")
    for scheme in schemes.values():
        check_region(scheme)
    if len(stencils) == 1:
        return image(symbol_figure(schemes, stencils[0], title), format)
    pair = sorted(stencils, key=lambda s: s.orders)
    if [s.orders for s in pair] != [(1,), (2,)]:
        raise InputError("cfl-region: of two stencils one is of u_x and one of u_xx, on one axis")
    return image(plane_figure(schemes, pair[0], pair[1], title), format)


def plane_figure(schemes: Mapping[str, Scheme], first: Stencil, second: Stencil, title: str = "") -> Figure:
    """The plane of a Δt/h and d Δt/h²."""
    check_number(len(schemes))
    limits = {label: (cfl(scheme, first), cfl(scheme, second)) for label, scheme in schemes.items()}
    across, up = (_window([pair[k] for pair in limits.values()]) for k in (0, 1))
    figure = Figure(figsize=(5.2, 4.2), dpi=160)
    axes = figure.add_axes((0, 0, 1, 1))
    points = int(POINTS / coarser(schemes.values(), POINTS**2 * ANGLES))
    x = np.linspace(0, across, max(points, 20))
    rows = np.linspace(0, up, max(points, 20))
    for i, (label, scheme) in enumerate(schemes.items()):
        colour, dashes = line_style(i)
        end = limits[label][1].limit  # a row right at the end of the region
        y = np.union1d(rows, [float(end) * (1 - GROWN)]) if 0 < end < oo else rows
        ends = reach(scheme, first, second, x, y)
        kept = np.isfinite(ends)
        axes.fill_betweenx(y[kept], ends[kept], color=colour, alpha=min(0.2, 0.4 / len(schemes)), lw=0, zorder=1)
        edge = ends[kept], y[kept]
        if kept.any() and not kept[-1]:
            edge = np.append(edge[0], 0.0), np.append(edge[1], y[kept][-1])
        axes.plot(*edge, color=colour, ls=dashes, lw=1.7, zorder=2)
        axes.plot([], [], color=colour, ls=dashes, lw=1.8, label=f"{label}: {_told(limits[label])}")
        _mark(axes, limits[label], colour)
    plain(axes)
    axes.set_xlim(-0.015 * across, across)
    axes.set_ylim(-0.015 * up, up)
    axes.set_xlabel("a Δt/h, u_x by " + (first.name or "a stencil"), color=INK, fontsize=9.5)
    axes.set_ylabel("d Δt/h², u_xx by " + (second.name or "a stencil"), color=INK, fontsize=9.5)
    axes.set_title(title or "Stable steps of u_t + a u_x = d u_xx", loc="left", color=INK, fontsize=11)
    legend_beside(axes, "exact limits alone: of a, of d")
    return figure


def reach(scheme: Scheme, first: Stencil, second: Stencil, x: Floats, y: Floats) -> Floats:
    """For each d Δt/h² the first a Δt/h beyond which some wave grows, the last of x where none does; NaN where a = 0
    does."""
    theta = np.linspace(0, np.pi, ANGLES)
    c, d = -sampled(first.at_defaults(), theta), sampled(second.at_defaults(), theta)

    def grows(across: Floats, up: Floats) -> NDArray[np.bool_]:
        return np.asarray(~(amplification(scheme, across[:, None] * c + up[:, None] * d) <= 1 + GROWN).all(axis=1))

    found = np.full(len(y), np.nan)
    for i, up in enumerate(y):
        grown = grows(x, np.full(len(x), up))
        if not grown[0]:
            found[i] = x[int(np.argmax(grown)) - 1] if grown.any() else x[-1]
    low, high = found.copy(), found + (x[1] - x[0])
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        over = grows(middle, y)
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return np.asarray(np.minimum(low, x[-1]))


def _window(limits: Sequence[CFL]) -> float:
    bounded = [float(limit) for limit in limits if 0 < limit.limit < oo]
    return ROOM * max(bounded, default=UNBOUNDED)


def _told(pair: tuple[CFL, CFL]) -> str:
    return ", ".join(short_number(limit.limit) for limit in pair)


def _mark(axes: Axes, pair: tuple[CFL, CFL], colour: str) -> None:
    """The exact limits on the axes."""
    for limit, at in zip(pair, ((1, 0), (0, 1)), strict=True):
        if 0 < limit.limit < oo:
            nu = float(limit)
            axes.plot([nu * at[0]], [nu * at[1]], "o", color=colour, ms=4.5, clip_on=False, zorder=3)


def symbol_figure(schemes: Mapping[str, Scheme], stencil: Stencil, title: str = "") -> Figure:
    """ν ŝ(θ) at the limit of each scheme, within its region."""
    if stencil.dimension > 1:
        raise InputError("cfl-region: the symbol is drawn of a stencil of one axis")
    if any(lower(scheme).derivative == 2 for scheme in schemes.values()):
        raise InputError(
            "cfl-region: of methods for y'' = f the symbol stays on an axis; `tableau2net cfl` says the limit"
        )
    sign = (equation_signs(stencil) or (1,))[-1]
    wave = sign * sampled(stencil.at_defaults(), np.linspace(-np.pi, np.pi, 801))
    figure = stability_figure(schemes, title or f"The symbol of {stencil.name or 'the stencil'} at each limit")
    axes = figure.axes[0]
    edges = axes.get_xlim(), axes.get_ylim()
    for i, scheme in enumerate(schemes.values()):
        limit = cfl(scheme, stencil)
        if 0 < limit.limit < oo:
            z = float(limit) * wave
            label = f"ν = {short_number(limit.limit)}"
            axes.plot(z.real, z.imag, color=line_style(i)[0], lw=1.1, ls=(0, (1, 1)), zorder=4, label=label)
        else:
            told = "no limit" if limit.limit == oo else "no stable step"
            axes.plot([], [], color=FAINT, lw=1.1, label=told)
    axes.set_xlim(*edges[0])
    axes.set_ylim(*edges[1])
    legend_beside(axes, "stable on the shaded side; dotted ν ŝ(θ)")
    return figure
