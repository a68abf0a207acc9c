"""Convergence: the error that a scheme makes, its slope as measured, beside the order that was proved for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tableau2net.analysis.order.conditions import order
from tableau2net.plot.style import INK, check_number, image, legend_beside, line_style, plain
from tableau2net.scheme import Scheme

STEPS = (4, 8, 16, 32, 64, 128, 256)
ROUNDING = 1e-13  # below it a double shows its own error, not the scheme's
Error = Callable[[Scheme, int], float]


def generated_error(scheme: Scheme, steps: int) -> float:
    """What the generated code does: its error at t = 2 of y' = y cos t, y(0) = 1, in `steps` equal steps of an
    explicit scheme; float64. (`measured.global_error` is for every scheme, in many digits.)"""
    from tableau2net.integration import integrate

    y = integrate(scheme, lambda t, y: y * math.cos(t), 1.0, 0.0, 2.0, steps)
    return abs(float(y) - math.exp(math.sin(2.0)))


def draw_convergence(
    schemes: Mapping[str, Scheme],
    title: str = "",
    steps: Sequence[int] = STEPS,
    *,
    error: Error = generated_error,
    rounding: float = ROUNDING,
    format: str = "png",
) -> bytes:
    """The error against the number of steps, a line for each labelled scheme: its exact order, a dashed line of that
    slope through the last point, and the slope measured between the last two."""
    check_number(len(schemes))
    figure = Figure(figsize=(5.6, 4.4), dpi=160)
    axes = figure.add_axes((0, 0, 1, 1))
    smallest: list[float] = []
    for i, (label, scheme) in enumerate(schemes.items()):
        scheme = scheme.at_defaults()
        errors = [(n, error(scheme, n)) for n in steps]
        seen = [(n, e) for n, e in errors if rounding < e < 1e6]
        smallest += [e for _, e in seen]
        _line(axes, label, order(scheme), seen, steps, i)
    axes.set(xscale="log", yscale="log")
    axes.set_ylim(bottom=min(smallest, default=1e-3) / 5)
    axes.set_xticks(steps, [str(n) for n in steps])
    axes.minorticks_off()
    plain(axes)
    axes.set_xlabel("steps", color=INK, fontsize=9.5)
    axes.set_ylabel("error", color=INK, fontsize=9.5)
    if title:
        axes.set_title(title, loc="left", color=INK, fontsize=11)
    legend_beside(axes, "order proved, slope measured")
    return image(figure, format)


def _line(axes: Axes, label: str, p: int, seen: list[tuple[int, float]], steps: Sequence[int], i: int) -> None:
    colour, dashes = line_style(i)
    proved = f"order {p}" if p >= 0 else "no order"
    if not seen:
        axes.plot([], [], "o-", color=colour, label=f"{label}: {proved}, no error to see")
        return
    text = f"{label}: {proved}"
    if len(seen) > 1:
        (n0, e0), (n1, e1) = seen[-2:]
        text += f", slope {math.log(e0 / e1) / math.log(n1 / n0):.2f}"
    axes.plot(*zip(*seen, strict=True), marker="o", ls=dashes, color=colour, ms=4, lw=1.6, label=text)
    n1, e1 = seen[-1]
    if p > 0:
        axes.plot(steps, [e1 * (n1 / n) ** p for n in steps], "--", color=colour, lw=0.8, alpha=0.5, zorder=1)
