"""Where commands print tables."""

from __future__ import annotations

from rich.console import Console

LEAST = 20  # columns: a terminal that says it has fewer is not asked for them


class Terminal(Console):
    """A console that reads no markup into what it prints, names and titles being other people's, and for which a reader
    that has gone is no failure of ours: rich's own ends with status 1."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False, emoji=False)
        self.width = max(self.width, LEAST)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError
