"""Blocks taken back: the inverse of one-step blocks, and the determinant of their Jacobian."""
