"""One run of a table, here and now: what a worker does, in whatever process."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from tableau2net.declared import plain
from tableau2net.errors import InputError
from tableau2net.files import write_atomically
from tableau2net.runs.run_spec import RunSpec
from tableau2net.tables.standing import RunTaken, beside, lock, put_damaged_aside
from tableau2net.training.loop import train
from tableau2net.training.stop import Stopped

State = Literal["done", "failed", "stopped", "taken", "died"]


@dataclass(frozen=True)
class Spec:
    """What a worker is to do.

    folder and run: where, and what.  until: when to stop, in seconds as `time.time` has them.  threads: of the CPU.
    """

    folder: str
    run: RunSpec
    until: float | None = None
    threads: int | None = None

    def write(self) -> Path:
        """Write it beside the run's folder, as a worker reads it. Raises InputError where it cannot be written."""
        path = beside(Path(self.folder), ".json")
        write_atomically(path, json.dumps(plain(self), indent=2) + "\n")
        return path


@dataclass(frozen=True)
class Outcome:
    """What became of a run, and what there is to say of it.

    "failed": it cannot go on as it is; "stopped": it was asked to, and goes on another time; "taken": another process
    is at it; "died": it ended without a word, and may be tried again.
    """

    state: State
    said: str = ""


def work(spec: Spec) -> Outcome:
    """Do a run, or go on with it, as no other process does."""
    folder = Path(spec.folder)
    said = None
    try:
        if spec.threads:
            torch.set_num_threads(spec.threads)
        with lock(folder):
            said = put_damaged_aside(folder)
            left = None if spec.until is None else spec.until - time.time()
            if left is not None and left <= 0:
                return Outcome("stopped", "time")
            train(spec.run, out=folder, resume=True, quiet=True, max_seconds=left)
    except InputError as error:
        return Outcome("failed", " ".join(str(error).split()))
    except RunTaken:
        return Outcome("taken")
    except Stopped as stopped:
        return Outcome("stopped", stopped.reason)
    except KeyboardInterrupt:
        return Outcome("stopped", "SIGINT")
    return Outcome("done", said or "")
