"""A run's log for TensorBoard, which is wanted only where it is asked for: the extra `tensorboard`.

Each time a run goes on, a new event file begins with all rows of log.jsonl, and tells its reader to forget what older
files said: what TensorBoard shows is the log, each epoch once, whatever was stopped and resumed. Older files stay; were
they removed, a TensorBoard that is open would stop reading.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tableau2net.errors import InputError
from tableau2net.plot.runs.levels import leaves
from tableau2net.recipes.task import PARTS, TASKS
from tableau2net.runs.logged import read_log
from tableau2net.runs.run_folder import LOG

FOLDER = "tensorboard"
TAGS = {
    "train_loss": "loss/train",
    **{
        f"{part}_{measure.name}": f"{measure.name}/{part}"
        for task in TASKS.values()
        for measure in task.measures
        for part in PARTS
    },
    "lr": "training/rate",
    "images_per_second": "training/images per second",
    "smoothness": "training/smoothness",
}


def check_installed() -> Any:
    """What writes event files. Raises InputError, one line, where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError("TensorBoard is not installed: pip install 'tableau2net[tensorboard]'") from error
    return SummaryWriter


@dataclass
class Board:
    """What TensorBoard shows of a run: `row` adds an epoch, `close` is the end of it.

    Nothing is written before the first row: its epoch says how much of the log is behind it."""

    folder: Path
    make: Any
    writer: Any = None

    @classmethod
    def of(cls, folder: str | Path) -> Self:
        """The board of a run, in the folder `tensorboard` of the run's. Raises InputError where TensorBoard is not
        installed."""
        return cls(Path(folder), check_installed())

    def row(self, row: Mapping[str, Any]) -> None:
        """Add a row of the log: loss, errors, rate, images a second, each learnt coefficient.

        Raises InputError where the log is damaged that the first row goes on from, or nothing can be written."""
        if self.writer is None:
            self._begin(row["epoch"])
        self._add(row, time.time())
        self.writer.flush()

    def close(self) -> None:
        """Write what is left."""
        if self.writer is not None:
            self.writer.close()

    def _begin(self, epoch: int) -> None:
        """A new file with the rows before an epoch, at the times at which they would have been without a stop."""
        log, place = self.folder / LOG, self.folder / FOLDER
        rows = [row for row in (read_log(log) if log.exists() else []) if row["epoch"] < epoch]
        try:
            self.writer = self.make(log_dir=str(place), purge_step=0)
        except OSError as error:
            raise InputError(f"{place}: cannot be written ({error.strerror or error})") from error
        at = time.time() - sum(row.get("seconds") or 0.0 for row in rows)
        for row in rows:
            at += row.get("seconds") or 0.0
            self._add(row, at)

    def _add(self, row: Mapping[str, Any], at: float) -> None:
        for name, value in scalars(row).items():
            self.writer.add_scalar(name, value, row["epoch"], walltime=at)


def scalars(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a row by the names that TensorBoard groups them by."""
    told = {tag: float(row[name]) for name, tag in TAGS.items() if row.get(name) is not None}
    return told | {f"coefficients/{name}": value for name, value in leaves(row.get("coefficients") or {})}
