"""A scheme's coefficients as a person would write them: one layout, several renderings (text, LaTeX, HTML)."""

from tableau2net.scheme.typeset.html import html
from tableau2net.scheme.typeset.latex import latex

__all__ = ["html", "latex"]
