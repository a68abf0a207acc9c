"""Where commands print tables."""

from __future__ import annotations

from rich.console import Console


class Terminal(Console):
    """A console for which a reader that has gone is no failure of ours: rich's own ends with status 1."""

    def __init__(self) -> None:
        super().__init__(highlight=False)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError
