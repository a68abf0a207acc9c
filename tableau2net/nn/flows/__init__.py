"""Continuous normalizing flows: densities that a field carries along, and what is summed up on the way."""
