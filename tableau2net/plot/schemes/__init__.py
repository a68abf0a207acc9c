"""Figures of schemes."""
