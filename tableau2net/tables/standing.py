"""What the folder of a run says of it: finished, damaged, another's, how far it has come, and whether it is taken."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tableau2net.errors import InputError
from tableau2net.files import opened, read_text
from tableau2net.recipes.recipe import completed
from tableau2net.runs.result import MAX_BYTES, RESULT, Result
from tableau2net.runs.run_folder import LOG
from tableau2net.training.checkpoint import differences

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


def is_finished(folder: Path, arguments: Mapping[str, Any]) -> bool:
    """Whether the run with these arguments has left its result. A result that cannot be read is none.

    Raises InputError where the result is another run's; the line names the differences.
    """
    path = folder / RESULT
    if not path.exists():
        return False
    try:
        result = Result.read(path)
    except InputError:
        return False
    if found := _differences(result, arguments, _told(folder)):
        raise InputError(
            f"{path}: belongs to another run ({'; '.join(found)}); ask for the same, or choose another --out"
        )
    return True


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


def _told(folder: Path) -> Mapping[str, Any]:
    """The arguments that the run's last worker was given; none where that is not known."""
    try:
        found = json.loads(read_text(beside(folder, ".json"), MAX_BYTES))["arguments"]
    except (ValueError, KeyError, TypeError, RecursionError):  # an InputError too
        return {}
    return found if isinstance(found, dict) else {}


def _differences(result: Result, arguments: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    """Where a result says something else of its run than the table asks for, as far as it says so.

    How many images were left out is not in a result; what the worker was told is asked, where that is known.
    """
    asked = completed({"recipe": arguments["recipe"]})
    there = completed({"recipe": result.recipe})
    asked["seed"], there["seed"] = arguments.get("seed", 0), result.seed
    asked["validation"], there["validation"] = arguments.get("validation", 0), result.data.get("validation")
    # A copy elsewhere is the same data.
    asked["data"], there["data"] = (Path(str(s)).name for s in (arguments.get("data"), result.data.get("source")))
    if "limit_train" in arguments:
        asked["limit_train"], there["limit_train"] = arguments["limit_train"], result.data.get("train")
    elif told:
        asked["limit_train"], there["limit_train"] = None, told.get("limit_train")
    if "model_name" in arguments:
        asked["model"], there["model"] = arguments["model_name"], result.model
    else:
        asked["depth"], there["depth"] = arguments.get("depth"), result.depth
    asked["preset"], there["preset"] = arguments.get("preset"), result.preset
    if "precision" in arguments:
        asked["precision"], there["precision"] = arguments["precision"], result.precision
    named = {k: v for k, v in result.options.items() if k in arguments and k != "scheme"}
    asked["options"], there["options"] = {k: arguments[k] for k in named}, named
    return differences(there, asked)


def rows(folder: Path) -> list[dict[str, Any]]:
    """The epochs that a run has finished, as its log tells them; none where there is no log to read."""
    try:
        found = [json.loads(line) for line in read_text(folder / LOG, MAX_LOG).splitlines()]
    except (ValueError, RecursionError):  # an InputError too
        return []
    return [row for row in found if isinstance(row, dict)]
