"""Exact arithmetic: number fields and parameters, integers without fractions, balls, real roots, enclosures."""
