"""A scheme's coefficients as a person would write them: one layout, several renderings (text, LaTeX, HTML)."""

from tableau2net.scheme.typeset.html import html
from tableau2net.scheme.typeset.latex import latex
from tableau2net.scheme.typeset.layout import CellGrid, Label, grids

__all__ = ["CellGrid", "Label", "grids", "html", "latex"]
