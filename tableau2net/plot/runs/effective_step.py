"""How long the steps of a trained network are, as an integrator: over the epochs, and along its depth.

A step of size h of a learnt scheme need not go on by h: LM-ResNet's goes on by h/(1 + k). The length follows from the
scheme's exact coefficients as an expression in its parameters, which learnt values are put into.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from sympy import Expr, Integer, cancel, lambdify

from tableau2net.analysis import effective_step, order
from tableau2net.plot.runs.axes import mark, new_figure, over_epochs
from tableau2net.plot.runs.learnt_coefficients import draw_bundles
from tableau2net.plot.runs.levels import Floats, LearntLevel, levels
from tableau2net.plot.style import INK, LINES, image
from tableau2net.scheme import RungeKutta, Scheme

LENGTH = "step"
START = "#8a94a3"


def step_length(scheme: Scheme) -> Expr | None:
    """How far a step goes on, in units of h, in the scheme's open parameters: σ(1)/ρ'(1) of a multistep method, Σ b of
    a Runge–Kutta method, 1 where the scheme has order 1 at least for all their values.

    None where it goes on by no such length: not even a constant solution is kept, say."""
    found = effective_step(scheme)
    if found is None and isinstance(scheme, RungeKutta):
        found = cancel(sum(scheme.b))
    if found is None and order(scheme, 1) >= 1:
        found = Integer(1)
    return found


def lengths(found: Sequence[LearntLevel], scheme: Scheme, length: Expr) -> list[LearntLevel]:
    """The length of each step in each epoch, under the names of the blocks, from the values that were learnt.

    scheme: its parameters are the coefficients that each block learns (LM's "k" of "blocks.0.k"). length: in them.
    A pole is nan. Raises ValueError where a block lacks one of them."""
    names = [p.name for p in scheme.parameters]
    value: Callable[..., Any] = lambdify([p.symbol for p in scheme.parameters], length, "numpy", dummify=True)
    return [LearntLevel(level.epochs, _of_blocks(level, names, value)) for level in found]


def _of_blocks(level: LearntLevel, names: Sequence[str], value: Callable[..., Any]) -> dict[str, Floats]:
    result = {}
    for block in dict.fromkeys(name.rpartition(".")[0] for name in level.values):
        learnt = [level.values.get(f"{block}.{name}".lstrip(".")) for name in names]
        known = [array for array in learnt if array is not None]
        if len(known) < len(names):
            raise ValueError(f"{block or 'the network'} learns other coefficients than {', '.join(names)}")
        with np.errstate(all="ignore"):
            length = np.broadcast_to(np.asarray(value(*known), dtype=float), known[0].shape)
        result[block or LENGTH] = np.where(np.isfinite(length), length, np.nan)
    return result


def draw_effective_step(
    rows: Sequence[Mapping[str, Any]],
    before: Mapping[str, Any],
    title: str,
    scheme: Scheme,
    length: Expr,
    format: str = "png",
) -> bytes:
    """A figure of how long each step is, in units of its h: over the epochs, and along the depth, before training and
    after the last of the rows.

    scheme, length: as in `lengths`. Raises ValueError where nothing is learnt, or something else."""
    found = lengths(levels(rows, before), scheme, length)
    if not found:
        raise ValueError("nothing is learnt")
    figure = new_figure(13.4, 4.2, title)
    over, along = figure.subplots(1, 2, width_ratios=[1, 1.1])
    draw_bundles(over, found)
    over_epochs(over, "length of a step, in units of its h")
    mark([over], rows)
    _along(along, found)
    for axis in (over, along):
        axis.axhline(1, color=INK, lw=0.8, alpha=0.5, zorder=0)
        axis.ticklabel_format(axis="y", useOffset=False)
    return image(figure, format)


def _along(axis: Axes, found: Sequence[LearntLevel]) -> None:
    """Step by step, block after block of equal width: a refined block has the same width, and narrower steps."""
    first, last = found[0], found[-1]
    when = "before training" if first.epochs[0] == 0 else f"after epoch {first.epochs[0]}"
    blocks = list(dict.fromkeys([*first.values, *last.values]))
    for level, row, colour, width in ((first, 0, START, 1.4), (last, -1, LINES[0], 2.0)):
        label: str | None = when if row == 0 else f"after epoch {level.epochs[-1]}"
        for place, block in enumerate(blocks):
            if block not in level.values:
                continue
            steps = level.values[block][row]
            steps = steps.reshape(len(steps) if steps.ndim else 1, -1)  # steps × channels
            edges = np.linspace(place, place + 1, len(steps) + 1)
            axis.stairs(np.median(steps, axis=1), edges, baseline=None, color=colour, lw=width, label=label)
            if steps.shape[1] > 1:
                axis.stairs(steps.max(axis=1), edges, baseline=steps.min(axis=1), color=colour, alpha=0.2, fill=True)
            label = None
    over_epochs(axis, "along the depth", "")
    axis.set_xticks([i + 0.5 for i in range(len(blocks))], blocks if len(blocks) <= 12 else [""] * len(blocks))
    for place in range(1, len(blocks)):
        axis.axvline(place, color=INK, lw=0.6, alpha=0.25, zorder=0)
    axis.legend(frameon=False, fontsize=8.5, labelcolor=INK, handlelength=1.8, loc="best")
