"""What a person sees while a table runs: a live overview in a terminal, else a plain line when something happens."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tableau2net.recipes.task import ERROR, PARTS
from tableau2net.sinks import printable
from tableau2net.tables.job import Job, Paces, State
from tableau2net.tables.work import Outcome

NETWORK = "network"
LEAST = ("train", "images/s", "held out", "epoch")  # the first to go where a terminal is too narrow for all
SHORTEST = 24  # that a network's name is cut to
EVERY = 0.5  # seconds
FRAME = 6  # lines that are not of runs: headings, the foot
STYLES = {"running": "bold", "failed": "red", "done": "green", "elsewhere": "cyan"}
WORDS: dict[State, str] = {
    "done": "finished", "running": "running", "elsewhere": "elsewhere", "failed": "failed",
    "stopped": "stopped", "waiting": "to come",
}  # fmt: skip


class Overview:
    """Shows the jobs of a table, so many of which run at once, on stderr. With `quiet`, shows failures alone."""

    def __init__(self, jobs: Sequence[Job], at_once: int, *, quiet: bool) -> None:
        self.jobs, self.at_once, self.quiet = jobs, at_once, quiet
        self.console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self.drawn = 0.0
        self.live: Live | None = None
        if self.console.is_terminal and not quiet:
            self.live = Live(console=self.console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def begin(self) -> None:
        """Tell what is to be done."""
        count = Counter(job.state for job in self.jobs)
        there = f", {count['done']} of them finished before" if count["done"] else ""
        self._note(f"{len(self.jobs)} runs{there}; {self.at_once} at a time")

    def started(self, job: Job) -> None:
        """Tell that a worker is at a run."""
        if self.live is None:
            done = f", going on after epoch {len(job.log)}" if job.log else ""
            self._note(f"{self._number(job)} started {job.run.key}{done}")

    def elsewhere(self, job: Job) -> None:
        """Tell that another process is at a run."""
        if self.live is None:
            self._note(f"{self._number(job)} another process is at {job.run.key}")

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Tell what became of a run."""
        key, said = job.run.key, f": {outcome.said}" if outcome.said else ""
        match job.state:
            case "done":
                self._note(f"{self._number(job)} finished {key}: {_figures(job)}{said[1:] and f' ({outcome.said})'}")
            case "failed":
                self._note(f"{self._number(job)} failed {key}{said}", always=True)
            case "waiting":
                self._note(f"{self._number(job)} {key}{said}; it is gone on with", always=True)
            case _:
                self._note(f"{self._number(job)} stopped {key} after {_epochs(len(job.log))}")

    def end(self, stopped: str | None, left: int) -> None:
        """Tell how to go on with what is left."""
        if left:
            why = {"time": "the time is up", None: "stopped"}.get(stopped, f"{stopped}")
            runs = "1 run is" if left == 1 else f"{left} runs are"
            self._note(f"{why}: {runs} left; the same command goes on with them", always=True)

    def update(self) -> None:
        """Draw the overview anew, now and then."""
        if self.live and time.monotonic() - self.drawn > EVERY:
            self.live.update(self.view(), refresh=True)
            self.drawn = time.monotonic()

    def view(self) -> Group:
        """The runs that matter now, as many as there is room for, and how many there are of each state."""
        jobs = self._shown(max(3, self.console.height - FRAME))
        paces = Paces.of(self.jobs)
        rows = [dict(self._cells(job, paces)) for job in jobs]
        widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
        label = widths.pop(NETWORK)
        for name in LEAST:
            if sum(widths.values()) + 2 * len(widths) + min(label, SHORTEST) > self.console.width:
                del widths[name]
        room = max(SHORTEST, self.console.width - sum(widths.values()) - 2 * len(widths))
        table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(NETWORK, no_wrap=True, overflow="ellipsis", max_width=room)
        for name in widths:
            table.add_column(name, justify="left" if name == "state" else "right", no_wrap=True)
        for row, job in zip(rows, jobs, strict=True):
            table.add_row(row[NETWORK], *(row[name] for name in widths), style=STYLES.get(job.state))
        return Group(table, Text(), self._foot(paces))

    def _shown(self, room: int) -> list[Job]:
        """Those that run, those that failed, the last that were finished and the next to come, in this order."""
        by = {state: [job for job in self.jobs if job.state == state] for state in WORDS}
        ended = sorted((job for job in by["done"] if not job.before), key=lambda job: job.ended)
        chosen = [*by["running"], *by["stopped"], *by["failed"][-5:], *by["elsewhere"][:5], *by["waiting"][:3]]
        chosen = chosen[:room]
        return ended[max(0, len(ended) - min(5, room - len(chosen))) :] + chosen if room > len(chosen) else chosen

    def _cells(self, job: Job, paces: Paces) -> Iterator[tuple[str, str]]:
        run = job.run
        yield NETWORK, run.label
        yield "depth", "" if run.depth is None else str(run.depth)
        yield "seed", str(run.seed)
        yield "state", WORDS[job.state]
        yield "epoch", f"{len(job.log)}/{job.epochs}"
        measure = job.run.asked.task.kind.main
        for name, part in (("train", "train"), ("held out", "validation"), ("test", "test")):
            value = job.last(f"{part}_{measure.name}")
            yield name, "" if value is None else measure.shown(value)
        value = job.last("images_per_second")
        yield "images/s", "" if value is None else f"{value:,.0f}"
        seconds = paces.left(job)
        yield "left", duration(seconds) if seconds else ""

    def _foot(self, paces: Paces) -> Text:
        count = Counter(job.state for job in self.jobs)
        counts = ", ".join(f"{count[state]} {word}" for state, word in WORDS.items() if count[state])
        left = paces.total(self.jobs, self.at_once)
        return Text(f"{len(self.jobs)} runs: {counts}" + ("" if left is None else f"; about {duration(left)} left"))

    def _number(self, job: Job) -> str:
        width = len(str(len(self.jobs)))
        return f"[{self.jobs.index(job) + 1:>{width}}/{len(self.jobs)}]"

    def _note(self, text: str, *, always: bool = False) -> None:
        if always or not self.quiet:
            self.console.print(printable(text), soft_wrap=True)


def _figures(job: Job) -> str:
    """Errors, or what its task has in their place, time and speed of a run that is finished."""
    measure = job.run.asked.task.kind.main
    parts = [
        f"{part} {measure.shown(value)}"
        for part in PARTS[1:]
        if (value := job.last(f"{part}_{measure.name}")) is not None
    ]
    speed = job.last("images_per_second")
    took = [duration((job.pace or 0) * len(job.log)), *([f"{speed:,.0f} images/s"] if speed else [])]
    return ", ".join([f"{'errors' if measure is ERROR else measure.title} {', '.join(parts)}", *took])


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"


def duration(seconds: float) -> str:
    """As 1:02:03, or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
