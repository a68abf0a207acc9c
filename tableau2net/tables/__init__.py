"""Tables of many runs: a grid from a file, its runs each once, several at a time, resumable, whoever is at them."""

from tableau2net.tables.grid import Grid, TableRun
from tableau2net.tables.runner import Ran, Runner

__all__ = ["Grid", "Ran", "Runner", "TableRun"]
