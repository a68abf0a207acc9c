"""Learnt coefficients over the epochs: few of them each with its name, many as bundles with their median."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from tableau2net.plot.runs.axes import dots, mark, new_figure, over_epochs, tint
from tableau2net.plot.runs.levels import Floats, LearntLevel, levels
from tableau2net.plot.style import INK, LINES, image, line_style

MAX_NAMED = 12  # lines that a legend can still tell apart
MAX_PANELS = 12
MAX_THIN = 600  # lines of a bundle that are drawn beside its median
MAX_FEW = 6  # lines of a bundle that are drawn where there are other bundles


def draw_coefficients(
    rows: Sequence[Mapping[str, Any]], before: Mapping[str, Any], title: str, format: str = "png"
) -> bytes:
    """A figure of what is learnt: a panel for each coefficient, in it a colour for each block; where lines are many,
    a panel for each coefficient of each block, in it every line, paler the earlier the step.

    rows: of log.jsonl, at least one; before: the coefficients before the first epoch, may be empty. Lines are those of
    the level they belong to: where steps are halved, as many new ones begin. Raises ValueError where nothing is learnt.
    """
    found = levels(rows, before)
    if not found:
        raise ValueError("nothing is learnt")
    own = (lambda name: name) if crowded(found) else short
    names = list(dict.fromkeys(own(name) for level in found for name in level.values))
    shown = names[:MAX_PANELS]
    columns = min(len(shown), 3)
    lines = -(-len(shown) // columns)
    figure = new_figure(6.4 * columns, 0.4 + 3.7 * lines, title)
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axis, name in zip(panels, shown, strict=False):
        parts = [
            LearntLevel(level.epochs, {key: value for key, value in level.values.items() if own(key) == name})
            for level in found
        ]
        draw_bundles(axis, [part for part in parts if part.values])
        over_epochs(axis, name)
    for axis in panels[len(shown) :]:
        axis.remove()
    mark(panels[: len(shown)], rows)
    if len(shown) < len(names):
        figure.supxlabel(f"and {len(names) - len(shown)} more", color=INK, fontsize=9)
    return image(figure, format)


def short(name: str) -> str:
    """The coefficient alone: "k" of "blocks.0.k"."""
    return name.rpartition(".")[2]


def crowded(found: Sequence[LearntLevel]) -> bool:
    """Whether there are more lines in a level than a legend can tell apart."""
    return max(map(_count, found)) > MAX_NAMED


def _count(level: LearntLevel) -> int:
    return sum(level.flat(name).shape[1] for name in level.values)


def draw_bundles(axis: Axes, found: Sequence[LearntLevel], number: str = "{:.3f}") -> int:
    """The values of each level over its epochs, and a legend with the last ones; returns how many these are.

    A bundle is what belongs to one name ("blocks.0.k"), in one colour, paler the earlier the step. Up to MAX_NAMED
    lines have names of their own; with more a bundle has one, for its median, which is drawn bold. Where even bundles
    are too many, those of one coefficient in all blocks are one."""
    total = _count(found[-1])
    crowd = crowded(found)
    groups = list(dict.fromkeys(name for level in found for name in level.values))
    if len(groups) > MAX_NAMED:
        found = [_by_coefficient(level) for level in found]
        groups = list(dict.fromkeys(name for level in found for name in level.values))
    epochs = sum(len(level.epochs) for level in found)
    draw = _lines if not crowd else _every if len(groups) == 1 else _bundle
    for i, group in enumerate(groups):
        own = [(level.epochs, level.flat(group)) for level in found if group in level.values]
        for part, (at, values) in enumerate(own):
            labels = part == len(own) - 1
            draw(axis, np.array(at), values, group if labels else None, i, number, dots(epochs))
    if len(groups) <= MAX_NAMED:
        _legend(axis)
    return total


def _by_coefficient(level: LearntLevel) -> LearntLevel:
    """The blocks' coefficients of the same name side by side."""
    together: dict[str, list[Floats]] = {}
    for name in level.values:
        together.setdefault(short(name), []).append(level.flat(name))
    return LearntLevel(level.epochs, {name: np.concatenate(parts, axis=1) for name, parts in together.items()})


Points = dict[str, Any]


def _lines(axis: Axes, at: Floats, values: Floats, name: str | None, number: int, text: str, points: Points) -> None:
    """Every value a line, with a label where the bundle has a name."""
    colour, dashes = line_style(number)
    count = values.shape[1]
    for i, column in enumerate(values.T):
        index = f"[{i}]" if count > 1 else ""
        label = f"{name}{index}  {_written(column[-1], text)}" if name else None
        axis.plot(at, column, color=tint(colour, (i + 1) / count), ls=dashes, lw=1.7, label=label, **points)


def _every(axis: Axes, at: Floats, values: Floats, name: str | None, number: int, text: str, points: Points) -> None:
    """A bundle with all its lines."""
    _thin(axis, at, values, LINES[0])
    _bundle(axis, at, values, name, number, text, points)


def _thin(axis: Axes, at: Floats, values: Floats, colour: str) -> None:
    """Thin lines, paler the earlier the step."""
    kept = values.T[np.linspace(0, values.shape[1] - 1, min(values.shape[1], MAX_THIN)).astype(int)]
    for i, column in enumerate(kept):
        axis.plot(at, column, color=tint(colour, (i + 1) / len(kept)), lw=0.6, alpha=0.6, zorder=1)


def _bundle(axis: Axes, at: Floats, values: Floats, name: str | None, number: int, text: str, points: Points) -> None:
    """The range that the values fill, the middle half of them, and their median; the values too, where they are few."""
    colour, dashes = line_style(number)
    if values.shape[1] <= MAX_FEW:
        _thin(axis, at, values, colour)
    low, first, median, third, high = np.quantile(values, [0, 0.25, 0.5, 0.75, 1], axis=1)
    for bottom, top, alpha in ((low, high, 0.09), (first, third, 0.2)):
        axis.fill_between(at, bottom, top, color=colour, alpha=alpha, lw=0, zorder=0)
    ends = " … ".join(dict.fromkeys(_written(value, text) for value in (low[-1], high[-1])))
    said = f"{name}: {values.shape[1]}, {ends}" if name else None
    axis.plot(at, median, color=colour, ls=dashes, lw=2.2, label=said, **points)


def _written(value: float, text: str) -> str:
    """A number with the minus sign of the axes."""
    return text.format(value).replace("-", "−")


def _legend(axis: Axes) -> None:
    """The highest first, as in the figure; beside it where it is long."""
    handles, labels = axis.get_legend_handles_labels()
    height = [float(np.asarray(handle.get_ydata())[-1]) for handle in handles]  # type: ignore[attr-defined]
    order = sorted(range(len(handles)), key=lambda i: -height[i])
    beside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if len(handles) > 3 else {"loc": "best"}
    axis.legend(
        [handles[i] for i in order], [labels[i] for i in order],
        frameon=False, fontsize=8.5, labelcolor=INK, handlelength=1.8, **beside,
    )  # fmt: skip
