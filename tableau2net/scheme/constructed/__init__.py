"""Families without end: methods constructed exactly, for any number of stages or steps, by name."""
