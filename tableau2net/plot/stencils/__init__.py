"""Figures of stencils."""
