"""Error constants: how large the first error that is left is, and what accuracy costs in evaluations."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tableau2net.analysis.order.conditions import order
from tableau2net.analysis.order.error_constants import errors
from tableau2net.analysis.structure import fsal
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.plot.style import INK, LINES, check_number, image, plain
from tableau2net.scheme import Scheme
from tableau2net.step import lower
from tableau2net.step.passes import prune


def draw_error_constants(schemes: Mapping[str, Scheme], format: str = "png") -> bytes:
    """A row a scheme, by order: the principal error norm ‖e‖ (of a multistep method, its error constant |C|), and
    evaluations · ‖e‖^(1/(p+1)), the work for a given error in one unit for all orders (less is better).

    Raises InputError for a scheme that has none."""
    check_number(len(schemes))
    found = [(label, *_constants(label, scheme)) for label, scheme in schemes.items()]
    rows = sorted(found, key=lambda row: (row[1], -row[2]))
    figure = Figure(figsize=(8.6, 1.1 + 0.3 * len(rows)), dpi=160, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    names = [f"{label}  (order {p}, {_count(n)})" for label, p, _, n in rows]
    _dots(left, names, [norm for _, _, norm, _ in rows], "principal error norm\n(multistep: error constant)")
    work = [max(n, 1) * norm ** (1 / (p + 1)) for _, p, norm, n in rows]
    _dots(right, names, work, "work for equal error:\nevaluations · norm^(1/(p+1))")
    left.set_xscale("log")
    right.set_xlim(left=0)
    return image(figure, format)


def _constants(label: str, scheme: Scheme) -> tuple[int, float, int]:
    """Order, principal error norm (or error constant), evaluations a step."""
    scheme = scheme.at_defaults()
    found = errors(scheme)
    norm = found.error_constant if found.principal is None else found.principal.euclidean
    if norm is None or norm.is_zero:
        raise InputError(f"{label}: has no principal error norm and no error constant")
    return order(scheme), abs(float_of(norm)), evaluations_a_step(scheme)


def evaluations_a_step(scheme: Scheme) -> int:
    """Of a step among many: what nothing reads is not evaluated, and what the step before ended with is there."""
    needed = prune(lower(scheme)).evaluations
    return needed - (bool(fsal(scheme)) and needed == lower(scheme).evaluations)


def _count(evaluations: int) -> str:
    return f"{evaluations} evaluation{'s' * (evaluations != 1)}"


def _dots(axes: Axes, names: list[str], values: list[float], title: str) -> None:
    plain(axes)
    at = list(range(len(names)))
    axes.plot(values, at, "o", color=LINES[0], ms=6)
    axes.set_yticks(at, names)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_title(title, loc="left", color=INK, fontsize=9.5)
    for y, value in zip(at, values, strict=True):
        axes.annotate(
            f"{value:.3g}", (value, y), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8, color=INK
        )
    axes.margins(x=0.2, y=0.5 / len(at))
