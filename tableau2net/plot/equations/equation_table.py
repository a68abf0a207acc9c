"""The equations that were found, as a table: a line a term, a column a scheme, the truth beside them."""

from __future__ import annotations

from collections.abc import Sequence

from tableau2net.plot.runs.axes import new_figure
from tableau2net.plot.style import FAINT, INK, image

HEIGHT, CHARACTER = 0.29, 0.082  # inches


def draw_table(head: Sequence[str], lines: Sequence[Sequence[str]], title: str, format: str = "png") -> bytes:
    """Cells as text, the first column at the left; a rule stands over each line whose first cell is not empty."""
    widths = [max(len(row[n]) for row in (head, *lines)) * CHARACTER + 0.25 for n in range(len(head))]
    total, height = sum(widths), HEIGHT * (len(lines) + 1)
    figure = new_figure(max(total, len(title) * 0.1) + 0.3, height + 0.5, title)
    axes = figure.subplots()
    axes.set(xlim=(0, max(total, 1.0)), ylim=(-height, 0))
    axes.axis("off")
    edges = [sum(widths[: n + 1]) for n in range(len(widths))]
    for i, row in enumerate((head, *lines)):
        y = -HEIGHT * (i + 0.5)
        for n, cell in enumerate(row):
            at, side = (0.0, "left") if n == 0 else (edges[n] - 0.1, "right")
            weight = "bold" if i == 0 else "normal"
            axes.text(at, y, cell, ha=side, va="center", color=INK, fontsize=9.5, fontweight=weight)
        if i and row[0]:
            axes.plot([0, total], [y + HEIGHT / 2] * 2, color=INK if i == 1 else FAINT, lw=0.8, clip_on=False)
    return image(figure, format)
