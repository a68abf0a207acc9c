"""Runs the runs of a table: each once, several at a time, whoever else is at the same table."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from tableau2net.errors import InputError
from tableau2net.tables.grid import Grid, TableRun
from tableau2net.tables.job import Job
from tableau2net.tables.overview import Overview
from tableau2net.tables.processes import Workers
from tableau2net.tables.standing import is_finished, is_taken
from tableau2net.tables.work import Outcome, Spec

RETRIES = 2  # of a run whose worker has died
LOOK = 0.1  # seconds from one look at the workers to the next
AGAIN = 2.0  # seconds from one look at a run that another process is at to the next
GRACE = 15.0  # seconds that workers have to stop by themselves when the time is up
PATIENCE = 120.0  # and then, asked to, before they are ended


@dataclass(frozen=True)
class Ran:
    """What became of the runs of a grid: finished, before or now; failed, with what was said; and left.

    stopped: why it ended before its end: "time", "SIGINT" or "SIGTERM".
    """

    grid: Grid
    finished: tuple[TableRun, ...] = ()
    failed: tuple[tuple[TableRun, str], ...] = ()
    left: tuple[TableRun, ...] = ()
    stopped: str | None = None

    @property
    def status(self) -> int:
        """Of the command's exit: 1 where a run failed, as a shell counts where a signal came, else 0."""
        signals = {"SIGINT": 130, "SIGTERM": 143}
        return signals.get(self.stopped or "", 1 if self.failed else 0)


class Runner:
    """Runs the runs of a grid, `at_once` at the same time, for `max_seconds` at most.

    threads: CPU threads of each worker.  quiet: shows nothing.
    """

    def __init__(
        self,
        grid: Grid,
        workers: Workers,
        *,
        at_once: int = 1,
        max_seconds: float | None = None,
        threads: int | None = None,
        quiet: bool = False,
    ) -> None:
        self.grid = grid
        once = {run.folder: run for run in reversed(grid.runs)}  # matched depths may be the same in two columns
        self.jobs = [Job(run) for run in reversed(once.values())]
        self.workers, self.at_once, self.threads = workers, at_once, threads
        self.deadline = None if max_seconds is None else time.monotonic() + max_seconds
        self.stopped: str | None = None
        self.asked = self.hurried = False
        self.show = Overview(self.jobs, at_once, quiet=quiet)

    def run(self) -> Ran:
        """Run what is not finished yet. Raises InputError, before anything is started, for a folder of another run."""
        for job in self.jobs:
            if is_finished(job.run.folder, job.run.asked):
                job.state, job.before = "done", True
            job.read_log()
        with self._signals(), self.show:
            self.show.begin()
            try:
                while self._go_on():
                    time.sleep(LOOK)
            finally:
                for job in self._of("running"):  # after a fault of ours alone
                    assert job.worker is not None
                    job.worker.kill()
            ran = self._ran()
            self.show.end(ran.stopped, len(ran.left))
        return ran

    def _go_on(self) -> bool:
        """Look after all workers once; whether there is more to be done."""
        for job in self._of("running"):
            assert job.worker is not None
            job.read_log()
            outcome = job.worker.poll()
            if outcome is not None:
                self._settle(job, outcome)
        self._look_at_time()
        if self.stopped is None:
            self._start()
        self.show.update()
        return bool(self._of("running")) or (self.stopped is None and bool(self._of("waiting", "elsewhere")))

    def _of(self, *states: str) -> list[Job]:
        return [job for job in self.jobs if job.state in states]

    def _start(self) -> None:
        """Start what there is room for, those that are another's last."""
        now = time.monotonic()
        for job in [*self._of("waiting"), *self._of("elsewhere")]:
            if len(self._of("running")) >= self.at_once:
                return
            if job.look_at > now:
                continue
            run = job.run
            try:
                if is_finished(run.folder, run.asked):
                    self._settle(job, Outcome("done"))
                elif is_taken(run.folder):
                    self._settle(job, Outcome("taken"))
                else:
                    left = None if self.deadline is None else time.time() + self.deadline - now
                    spec = Spec(str(run.folder.resolve()), run.asked, left, self.threads)
                    job.worker = self.workers.start(spec)
                    job.state, job.said = "running", ""
                    self.show.started(job)
            except InputError as error:
                self._settle(job, Outcome("failed", str(error)))

    def _settle(self, job: Job, outcome: Outcome) -> None:
        """Take note of what became of a run."""
        if outcome.state == "died" and self.asked:  # to stop, before it could say so
            outcome = Outcome("stopped", outcome.said)
        if outcome.state == "stopped" and self.stopped is None:
            if outcome.said == "time":
                self.stopped = "time"  # its clock was a little ahead of ours
            else:
                outcome = Outcome("died", f"its process was asked to stop ({outcome.said}), and not by us")
        job.worker, job.said, job.ended = None, outcome.said, time.monotonic()
        job.read_log()
        match outcome.state:
            case "taken":
                first = job.state != "elsewhere"
                job.state, job.look_at = "elsewhere", time.monotonic() + AGAIN
                if first:
                    self.show.elsewhere(job)
                return
            case "died":
                job.deaths += 1
                job.state = "waiting" if job.deaths <= RETRIES else "failed"
            case state:
                job.state = state
        self.show.ended(job, outcome)

    def _look_at_time(self) -> None:
        """Ask workers to stop when it is time to."""
        now = time.monotonic()
        over = 0.0 if self.deadline is None else now - self.deadline
        if over > 0 and self.stopped is None:
            self.stopped = "time"
        wanted = self.stopped is not None and (self.stopped != "time" or over > GRACE)
        if wanted and not self.asked:
            self.asked, self.asked_at = True, now
            for job in self._of("running"):
                assert job.worker is not None
                job.worker.stop()
        if self.hurried or (self.asked and now - self.asked_at > PATIENCE):
            for job in self._of("running"):
                assert job.worker is not None
                job.worker.kill()

    def _ran(self) -> Ran:
        jobs = {job.run.folder: job for job in self.jobs}
        of = [(run, jobs[run.folder]) for run in self.grid.runs]
        return Ran(
            self.grid,
            finished=tuple(run for run, job in of if job.state == "done"),
            failed=tuple((run, job.said) for run, job in of if job.state == "failed"),
            left=tuple(run for run, job in of if job.state not in ("done", "failed")),
            stopped=self.stopped,
        )

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Inside, the first SIGINT or SIGTERM stops all runs with their checkpoints, the second ends them at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._caught) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _caught(self, number: int, _: FrameType | None) -> None:
        self.hurried = self.asked
        if self.stopped in (None, "time"):
            self.stopped = signal.Signals(number).name
