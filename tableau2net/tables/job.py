"""A run on its way: its state, and what its log tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

from tableau2net.tables.grid import TableRun
from tableau2net.tables.processes import Worker
from tableau2net.tables.standing import rows

# "elsewhere": another process is at it; "stopped": asked to, goes on another time.
State = Literal["waiting", "running", "elsewhere", "done", "failed", "stopped"]


@dataclass(eq=False)
class Job:
    """A run, its state, the worker at it, and what was said of it last. `before`: it was finished when we came."""

    run: TableRun
    state: State = "waiting"
    worker: Worker | None = None
    said: str = ""
    deaths: int = 0
    look_at: float = 0.0  # not before this time, in seconds of `time.monotonic`
    before: bool = False
    ended: float = 0.0  # when, in seconds of `time.monotonic`
    log: list[dict[str, Any]] = field(default_factory=list)
    pace: float | None = None  # seconds an epoch; None before the first
    _stamp: tuple[int, int] = (0, 0)

    @property
    def epochs(self) -> int:
        """Of the whole run."""
        return self.run.asked.recipe.epochs

    def read_log(self) -> None:
        """See how far the run has come."""
        try:
            found = (self.run.folder / "log.jsonl").stat()
        except OSError:
            self.log = []
            return
        stamp = (found.st_mtime_ns, found.st_size)
        if stamp != self._stamp:
            self.log, self._stamp = rows(self.run.folder), stamp
            times = [row["seconds"] for row in self.log if isinstance(row.get("seconds"), int | float)]
            self.pace = fmean(times) if times else None

    def last(self, key: str) -> float | None:
        """A number of the last epoch."""
        value = self.log[-1].get(key) if self.log else None
        return float(value) if isinstance(value, int | float) else None

    @property
    def size(self) -> float:
        """What its time is in proportion to, at a guess."""
        return float(self.run.asked.network.depth or 1)


@dataclass(frozen=True)
class Paces:
    """Seconds an epoch takes: of runs of one label and depth, and of any run in proportion to its size."""

    alike: Mapping[tuple[str, int | None], float]
    general: float | None

    @classmethod
    def of(cls, jobs: Sequence[Job]) -> Paces:
        """As the runs that have finished an epoch tell."""
        found: dict[tuple[str, int | None], list[float]] = defaultdict(list)
        for job in jobs:
            if job.pace is not None:
                found[job.run.label, job.run.depth].append(job.pace)
        sizes = [job.pace / job.size for job in jobs if job.pace is not None]
        return cls({key: fmean(values) for key, values in found.items()}, fmean(sizes) if sizes else None)

    def left(self, job: Job) -> float | None:
        """How long a run will take from now on: by its own pace, by that of its like, else by its size."""
        epochs = job.epochs - len(job.log)
        if job.state in ("done", "failed") or epochs <= 0:
            return 0.0
        pace = job.pace or self.alike.get((job.run.label, job.run.depth))
        if pace is None and self.general is not None:
            pace = self.general * job.size
        return None if pace is None else pace * epochs

    def total(self, jobs: Sequence[Job], at_once: int) -> float | None:
        """How long all of them will take, so many at once; None where that is not known yet."""
        each = [seconds for job in jobs if (seconds := self.left(job)) is not None]
        return max([sum(each) / at_once, *each], default=0.0) if len(each) == len(jobs) else None
