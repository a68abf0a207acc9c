"""Convergence: the error that a scheme's generated code makes, beside the order that was proved for it."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from tableau2net.analysis import order
from tableau2net.codegen import integrate
from tableau2net.scheme import Scheme

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito: told apart by everyone
STEPS = (4, 8, 16, 32, 64, 128, 256)
ROUNDING = 1e-13  # below it a double shows its own error, not the scheme's


def global_error(scheme: Scheme, steps: int) -> float:
    """The error at t = 2 of y' = y cos t, y(0) = 1, in `steps` equal steps of an explicit scheme; float64."""
    y = integrate(scheme, lambda t, y: y * math.cos(t), 1.0, 0.0, 2.0, steps)
    return abs(float(y) - math.exp(math.sin(2.0)))


def draw_convergence(schemes: Mapping[str, Scheme], title: str, steps: Sequence[int] = STEPS) -> bytes:
    """A PNG of the error against the number of steps, a line for each labelled scheme, with its exact order and
    a dashed line of that slope."""
    figure = Figure(figsize=(7.2, 4.4), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    for (label, scheme), colour in zip(schemes.items(), COLOURS, strict=False):
        scheme = scheme.at_defaults()
        p = order(scheme)
        errors = [global_error(scheme, n) for n in steps]
        seen = [(n, e) for n, e in zip(steps, errors, strict=True) if e > ROUNDING]
        axes.loglog(*zip(*seen, strict=True), "o-", color=colour, ms=4, lw=1.6, label=f"{label}: order {p}, proved")
        last_n, last_e = seen[-1]
        axes.loglog(steps, [last_e * (last_n / n) ** p for n in steps], "--", color=colour, lw=0.8, alpha=0.6)
    axes.set_ylim(ROUNDING, 3)
    axes.set_xticks(steps, [str(n) for n in steps])
    axes.minorticks_off()
    axes.set_xlabel("steps")
    axes.set_ylabel("error")
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(True, which="major", lw=0.4, alpha=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="lower left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
