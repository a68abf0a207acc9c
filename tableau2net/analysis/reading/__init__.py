"""Readings of a step that the analyses share: rooted trees, B-series, rows on y' = λy, tables."""
