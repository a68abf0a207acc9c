"""Workers as processes of this machine."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tableau2net.children import command, environment
from tableau2net.errors import InputError
from tableau2net.files import opened
from tableau2net.tables.standing import beside
from tableau2net.tables.work import Outcome, Spec

LONGEST = 300  # characters of what is told of a worker's end


class Worker(Protocol):
    """A worker at a run."""

    def poll(self) -> Outcome | None:
        """What became of the run; None while it goes on."""

    def stop(self) -> None:
        """Ask it to stop with a checkpoint."""

    def kill(self) -> None:
        """End it at once."""


class Workers(Protocol):
    """What starts workers."""

    def start(self, spec: Spec) -> Worker:
        """A worker at the run of a spec."""


@dataclass(frozen=True)
class Process:
    """A worker process; its stdin is ours to close, its stdout ends with its outcome, its stderr is in a file."""

    process: subprocess.Popen[bytes]
    errors: Path

    def poll(self) -> Outcome | None:
        """See `Worker`."""
        status = self.process.poll()
        if status is None:
            return None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.process.stdin, self.process.stdout as told:
            last = told.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        try:
            return Outcome(**json.loads(last))
        except (ValueError, TypeError):
            return Outcome("died", f"{self._end(status)}; see {self.errors}")

    def _end(self, status: int) -> str:
        if status < 0:
            return f"its process was ended by {signal.Signals(-status).name}"
        try:
            last = self.errors.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
        except OSError:
            last = ""
        return f"its process ended with status {status}" + (f" ({last[:LONGEST]})" if last else "")

    def stop(self) -> None:
        """See `Worker`."""
        self.process.terminate()

    def kill(self) -> None:
        """See `Worker`."""
        self.process.kill()


class Processes:
    """Starts a process for each run, with so many threads each; None leaves their number to torch."""

    def start(self, spec: Spec) -> Process:
        """See `Workers`. Raises InputError where its files cannot be written."""
        path, errors = spec.write(), beside(Path(spec.folder), ".err")
        own = environment() | ({"OMP_NUM_THREADS": str(spec.threads)} if spec.threads else {})
        try:
            with open(errors, "ab", opener=opened) as file:
                process = subprocess.Popen(
                    command("from tableau2net.tables.worker import main; main()", str(path)),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=file,
                    env=own,
                    start_new_session=True,  # ctrl-C in the terminal is for us, who ask it to stop once
                )
        except OSError as error:
            raise InputError(f"{errors}: cannot start a worker ({error.strerror or error})") from error
        return Process(process, errors)
