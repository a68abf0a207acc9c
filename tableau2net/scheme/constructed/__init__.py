"""Constructed families: methods made exactly, for any number of stages or steps, by name."""
