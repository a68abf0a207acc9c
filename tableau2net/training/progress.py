"""What a person sees while a network trains: a bar in a terminal, else a plain line per epoch."""

from __future__ import annotations

import time
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn


class ProgressDisplay:
    """Shows a run of `epochs` epochs of `pictures` pictures each, of which `done` epochs are behind it.

    Goes to stderr, so that stdout holds results alone. With `quiet`, shows nothing.
    """

    def __init__(self, epochs: int, pictures: int, done: int, *, quiet: bool) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self.epochs, self.pictures = epochs, pictures
        self.seen = self.first = done * pictures
        self.start = time.perf_counter()
        self.bar: Progress | None = None
        if self.console.is_terminal and not quiet:
            columns = (SpinnerColumn(), BarColumn(bar_width=None), TextColumn("{task.fields[note]}"))
            self.bar = Progress(*columns, console=self.console, transient=True)
            self.task = self.bar.add_task("train", total=epochs * pictures, completed=self.seen, note="starting")

    def __enter__(self) -> Self:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def advance(self, pictures: int) -> None:
        """Count `pictures` more as trained on."""
        self.seen += pictures
        if self.bar:
            epoch = (self.seen - 1) // self.pictures + 1
            note = f"epoch {epoch}/{self.epochs}  {self._rate():,.0f} images/s  {self._left()} left"
            self.bar.update(self.task, completed=self.seen, note=note)

    def epoch(self, row: dict[str, Any]) -> None:
        """Show a finished epoch's row of the log."""
        errors = "  ".join(
            f"{name} {row[f'{name}_error']:6.2f} %" for name in ("train", "validation", "test")
            if row[f"{name}_error"] is not None
        )  # fmt: skip
        number = str(row["epoch"]).rjust(len(str(self.epochs)))
        self.note(
            f"epoch {number}/{self.epochs}  lr {row['lr']:<7.4g} loss {row['train_loss']:.4f}  errors: {errors}  "
            f"{row['images_per_second']:7,.0f} images/s  {self._left()} left"
        )

    def refinement(self, found: dict[str, Any], change: object) -> None:
        """Show what a refinement has done; the pace is from now on that of the new steps."""
        self.first, self.start = self.seen, time.perf_counter()
        self.note(f"refined before epoch {found['epoch']}: {change}")

    def note(self, text: str) -> None:
        """Show a line of text."""
        self.console.print(text, markup=False, soft_wrap=True)

    def _rate(self) -> float:
        """Pictures a second since the start, evaluation included."""
        return (self.seen - self.first) / max(time.perf_counter() - self.start, 1e-9)

    def _left(self) -> str:
        left = (self.epochs * self.pictures - self.seen) / max(self._rate(), 1e-9)
        minutes, seconds = divmod(round(left), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
