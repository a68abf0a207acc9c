"""Coefficients that depend on the place: the truth, and what each scheme found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tableau2net.plot.runs.axes import new_figure
from tableau2net.plot.style import INK, image

Maps = Sequence[NDArray[np.float64]]


def draw_maps(terms: Sequence[str], rows: Mapping[str, Maps], title: str, format: str = "png") -> bytes:
    """terms: names of the coefficients, a column each.  rows: their maps in the plane, the truth first.

    All of a column share one scale, that of the first row; under a map its root mean square distance from the first."""
    figure = new_figure(2.15 * len(terms) + 1.2, 2.15 * len(rows) + 0.5, title)
    panels = figure.subplots(len(rows), len(terms), squeeze=False)
    first = next(iter(rows.values()))
    for i, (name, maps) in enumerate(rows.items()):
        for j, (term, values) in enumerate(zip(terms, maps, strict=True)):
            low, high = float(first[j].min()), float(first[j].max())
            apart = max(float(np.sqrt(np.square(each[j] - first[j]).mean())) for each in rows.values())
            room = max(0.1 * abs(high), apart, 1e-9) if high - low < 1e-9 else 0.0
            panel = panels[i][j]
            shown = panel.imshow(values.T, origin="lower", cmap="viridis", vmin=low - room, vmax=high + room)
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
            if i == 0:
                panel.set_title(term, color=INK, fontsize=10)
            elif len(rows) > 1:
                size = float(np.sqrt(np.square(first[j]).mean())) or 1.0
                away = float(np.sqrt(np.square(values - first[j]).mean()))
                told = f"{100 * away / size:.2g} %" if first[j].any() else f"± {away:.2g}"
                panel.set_xlabel(told, color=INK, fontsize=8.5)
            if j == 0:
                panel.set_ylabel(name, color=INK, fontsize=10)
            figure.colorbar(shown, ax=panel, fraction=0.046, pad=0.03).ax.tick_params(labelsize=7, length=0)
    return image(figure, format)
