"""What a person sees while a network trains: a bar in a terminal, and a plain line for an epoch, there or in a file.

Lines are at most BURST at once and then one a second, and the last epoch's: a run of very short epochs is no flood (all
epochs are in log.jsonl). What goes to a file has no control characters, and its columns are aligned.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from tableau2net.recipes.task import ERROR, PARTS, task_of_row
from tableau2net.sinks import printable

BURST = 20  # lines
EVERY = 0.25  # seconds between two drawings of the bar
WINDOW = 8  # epochs that the pace is measured over: the first, with all that is made ready in it, is soon forgotten


class ProgressDisplay:
    """Shows a run of `epochs` epochs of `images` images each, of which `seen` images in all are behind it.

    Goes to stderr, so that stdout holds results alone. With `quiet`, shows nothing.
    """

    def __init__(self, epochs: int, images: int, seen: int, *, quiet: bool) -> None:
        terminal = sys.stderr.isatty()  # rich takes FORCE_COLOR for one
        self.console = Console(
            stderr=True, quiet=quiet, highlight=False, markup=False, emoji=False, force_terminal=terminal
        )
        self.epochs, self.images, self.seen = epochs, images, seen
        now = time.perf_counter()
        self.marks = deque([(now, seen)], maxlen=WINDOW)
        self.allowed, self.asked, self.due = float(BURST), now, now
        self.last = ""
        self.bar: Progress | None = None
        if terminal and not quiet and not self.console.is_dumb_terminal:
            columns = (BarColumn(bar_width=None), TaskProgressColumn(), TextColumn("{task.fields[note]}"))
            self.bar = Progress(*columns, console=self.console, transient=True, auto_refresh=False)
            self.task = self.bar.add_task("train", total=epochs * images, completed=seen, note="starting")

    def __enter__(self) -> Self:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def advance(self, images: int) -> None:
        """Count `images` more as trained on. Costs next to nothing: the bar is drawn four times a second."""
        self.seen += images
        if self.bar and (now := time.perf_counter()) >= self.due:
            self.due = now + EVERY
            self._draw(self.bar)

    def epoch(self, row: dict[str, Any]) -> None:
        """Show a finished epoch's row of the log."""
        self.marks.append((time.perf_counter(), self.seen))
        self.last = f"loss {row['train_loss']:.4g}  " if "train_error" not in row else f"loss {row['train_loss']:.4f}  "
        if self._allowed() or row["epoch"] == self.epochs:
            self.note(self._line(row))
        if self.bar:
            self._draw(self.bar)

    def refinement(self, found: dict[str, Any], change: object) -> None:
        """Show what a refinement has done; the pace is from now on that of the new steps."""
        self.marks.clear()
        self.marks.append((time.perf_counter(), self.seen))
        self.note(f"refined before epoch {found['epoch']}: {change}")

    def robust(self, errors: Mapping[str, float]) -> None:
        """Show what a network comes to under attack."""
        told = ", ".join(f"{attack} {error:.2f} %" for attack, error in errors.items())
        self.note(f"test error under attack: {told}")

    def note(self, text: str) -> None:
        """Show a line of text."""
        self.console.print(printable(text), soft_wrap=True)

    def _line(self, row: dict[str, Any]) -> str:
        measure = task_of_row(row).main
        found = {part: row[f"{part}_{measure.name}"] for part in PARTS}
        figures = "  ".join(f"{part} {measure.shown(value, 6)}" for part, value in found.items() if value is not None)
        called = "errors" if measure is ERROR else measure.title
        loss = f"{row['train_loss']:7.4f}" if measure is ERROR else f"{row['train_loss']:.3e}"  # of pixels from 0 to 1
        line = f"{self._number(row['epoch'])}  lr {row['lr']:<8.3g}  loss {loss}  {called}: {figures}"
        # In a terminal the bar tells the rest.
        return line if self.bar else f"{line}  {row['images_per_second']:9,.0f} images/s  {self.time_left():>8} left"

    def _draw(self, bar: Progress) -> None:
        epoch = max((self.seen - 1) // self.images + 1, 1)
        note = f"{self._number(epoch)}  {self.last}{self._pace():,.0f} images/s  {self.time_left()} left"
        bar.update(self.task, completed=self.seen, note=note)
        bar.refresh()

    def _number(self, epoch: int) -> str:
        return f"epoch {str(epoch).rjust(len(str(self.epochs)))}/{self.epochs}"

    def _allowed(self) -> bool:
        """Whether there may be a line now; each takes one away, each second gives one back, up to BURST."""
        now = time.perf_counter()
        self.allowed, self.asked = min(self.allowed + now - self.asked, BURST), now
        if self.allowed < 1:
            return False
        self.allowed -= 1
        return True

    def _pace(self) -> float:
        """Images a second of late, evaluation included; 0 where there were none yet."""
        start, first = self.marks[0]
        return (self.seen - first) / max(time.perf_counter() - start, 1e-9)

    def time_left(self) -> str:
        pace = self._pace()
        if not pace:
            return "-:--"
        minutes, seconds = divmod(round((self.epochs * self.images - self.seen) / pace), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
