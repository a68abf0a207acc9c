"""Readings of a stencil, exact: moments and order, the symbol and what it says of waves, summation by parts."""
