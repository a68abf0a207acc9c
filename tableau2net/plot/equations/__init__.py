"""Figures of equations that were found: states, errors, maps of coefficients, the equations themselves."""
