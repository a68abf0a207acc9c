"""The folder of a run: what it is asked for, its log, its result and its weights."""
