"""Figures, each a function from plain data to the bytes of a PNG."""

from tableau2net.plot.runs.curves import draw_curves

__all__ = ["draw_curves"]
