"""What the folder of a run says of it: finished, damaged, another's, how far it has come, and whether it is taken."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tableau2net.errors import InputError
from tableau2net.files import opened, read_text
from tableau2net.runs.result import RESULT, Result
from tableau2net.runs.run_folder import LOG
from tableau2net.runs.run_spec import RunSpec

BESIDE = ".table"  # a folder beside those of the runs, for what is not of their results
DAMAGED = ".damaged"
MAX_LOG = 256 * 2**20


def beside(folder: Path, ending: str) -> Path:
    """A file about a run that is not in its folder, which a run that begins wants empty."""
    return folder.parent / BESIDE / f"{folder.name}{ending}"


class RunTaken(Exception):
    """Another process is at this run."""


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a run for this process alone, until it ends, however it ends. Raises RunTaken where another has it.

    Raises InputError where a lock cannot be made.
    """
    path = beside(folder, ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(opened(path, os.O_RDWR | os.O_CREAT))
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another --out") from error
    held = FileLock(path, timeout=0, fallback_to_soft=False)
    try:
        held.acquire()
    except Timeout:
        raise RunTaken from None
    except OSError as error:
        raise InputError(f"{path}: cannot be locked ({error.strerror}); choose an --out on another disk") from error
    try:
        yield
    finally:
        held.release()


def is_taken(folder: Path) -> bool:
    """Whether another process is at this run now."""
    try:
        with lock(folder):
            return False
    except RunTaken:
        return True


def is_finished(folder: Path, asked: RunSpec) -> bool:
    """Whether the run that is asked for has left its result. A result that cannot be read is none.

    Raises InputError where the result is another run's; the line names the differences.
    """
    path = folder / RESULT
    if not path.exists():
        return False
    try:
        result = Result.read(path)
        there = result.asked
    except InputError:
        return False
    if asked.data.limit_train is not None and there.data.limit_train is None:  # all there were
        there = replace(there, data=replace(there.data, limit_train=result.data.get("train")))
    if found := there.differences(asked.beside(there)):
        raise InputError(
            f"{path}: belongs to another run ({'; '.join(found)}); ask for the same, or choose another --out"
        )
    return result.measured_by(asked)


def put_damaged_aside(folder: Path) -> str | None:
    """Rename a result that cannot be read, so that the run writes it anew; returns a line that says so."""
    path = folder / RESULT
    if not path.exists():
        return None
    try:
        Result.read(path)
    except InputError as error:
        os.replace(path, path.with_name(RESULT + DAMAGED))
        return f"{error}; kept as {RESULT}{DAMAGED} and written anew"
    return None


def rows(folder: Path) -> list[dict[str, Any]]:
    """The epochs that a run has finished, as its log tells them; none where there is no log to read."""
    try:
        found = [json.loads(line) for line in read_text(folder / LOG, MAX_LOG).splitlines()]
    except (ValueError, RecursionError):  # an InputError too
        return []
    return [row for row in found if isinstance(row, dict)]
