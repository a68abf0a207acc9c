"""What a run's folder tells of its training, finished or not: what it is, and a row for each epoch behind it.

Folders come from strangers: a log is read within bounds, and every number in it is looked at before it is used.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from safetensors import SafetensorError, safe_open

from tableau2net.codegen.compile_options import KEPT
from tableau2net.codegen.learnable import Learning, learning
from tableau2net.errors import InputError
from tableau2net.files import check_file
from tableau2net.recipes.task import task_of_row
from tableau2net.runs.result import RESULT, Result, of_older
from tableau2net.runs.run_folder import CHECKPOINT, LOG
from tableau2net.runs.run_spec import RunSpec
from tableau2net.scheme import as_scheme
from tableau2net.scheme.file import loads

MAX_BYTES = 256 * 2**20
MAX_CHECKPOINT = 64 * 2**30
NEEDED = ("lr", "train_loss")  # and the figures of the task
FACTS = ("model", "scheme", "order", "depth", "options")


@dataclass(frozen=True)
class Logged:
    """A run as its folder tells of it.

    about: what its network is, as in result.json: model, scheme, order, depth, options.  asked: the run as it was asked
    for. Empty and None where only a log is left.
    before: what is learnt, before the first epoch; empty where nothing is, or where this is not known.
    rows: of log.jsonl, one at least. text: of its scheme's file, where the folder has it.
    """

    folder: Path
    about: Mapping[str, Any]
    asked: RunSpec | None
    before: Mapping[str, Any]
    rows: list[dict[str, Any]]
    text: str | None

    @property
    def learns(self) -> bool:
        """Whether it learns coefficients: a block without a step of the scheme has none to learn."""
        return any(np.size(value) for row in self.rows for value in (row.get("coefficients") or {}).values())

    @property
    def title(self) -> str:
        """What a figure of it is called."""
        asked = self.asked
        if asked is None:
            return self.folder.resolve().name
        epochs = asked.recipe.epochs
        going = f", {len(self.rows)} of {epochs} epochs" if len(self.rows) < epochs else ""
        return f"{self.network}, {self.source}, seed {asked.seed}{going}"

    @property
    def network(self) -> str:
        """The network and its scheme."""
        model, scheme = self.about.get("model"), self.about.get("scheme")
        return f"{model} ({scheme})" if scheme else str(model)

    @property
    def source(self) -> str:
        """What it was trained on, without the way to it."""
        return "" if self.asked is None else Path(self.asked.data.source).name

    def family(self) -> Learning:
        """The scheme of its steps, its parameters being what is learnt.

        Raises InputError where the folder does not say it, or what it says is no scheme with such options."""
        scheme, options = self.about.get("scheme"), self.about.get("options", {})
        try:
            if self.text is None and not re.fullmatch(r"[\w+-]{1,80}", str(scheme or "")):
                raise InputError("says nothing of its scheme; that is in result.json, which a finished run has")
            found = as_scheme(str(scheme) if self.text is None else loads(self.text))
            kept = {name: options[name] for name in KEPT if options.get(name) is not None}
            how = options.get("coefficients") or ("learnable" if self.learns else "fixed")
            return learning(found, coefficients=how, **kept)
        except (InputError, TypeError, ValueError) as error:
            raise InputError(f"{self.folder}: {error}") from None


def read_logged(folder: str | Path) -> Logged:
    """The run in a folder, from log.jsonl and result.json, or before there is one, the checkpoint.

    Raises InputError, one line, for a folder without a log or a finished epoch, and for damaged files."""
    folder = Path(folder)
    rows = read_log(folder / LOG)
    if not rows:
        raise InputError(f"{folder / LOG}: no epoch is finished yet; wait for the first")
    text, asked = None, None
    if (folder / RESULT).is_file():
        result = Result.read(folder / RESULT)
        about: dict[str, Any] = {name: getattr(result, name) for name in FACTS}
        before, text = result.coefficients.get("before"), result.coefficients.get("file")
        with contextlib.suppress(InputError):  # an older version's, of something else
            asked = result.asked
    else:
        about, asked, before = _from_checkpoint(folder / CHECKPOINT)
    first = rows[0].get("coefficients") or {}
    if not isinstance(before, dict) or set(before) != set(first) or not all(map(_numbers, before.values())):
        before = {}  # exact ones, where they are fixed
    return Logged(folder, about if asked else {}, asked, before, rows, text if isinstance(text, str) else None)


def read_log(path: Path) -> list[dict[str, Any]]:
    """The rows of a log. Raises InputError, one line, that names the number of a damaged line."""
    try:
        if not path.is_file():
            raise InputError(f"{path}: there is no such log; name the folder of a run, the --out of tableau2net train")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: is larger than any log ({MAX_BYTES >> 20} MiB at most)")
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line.decode(), parse_constant=_refuse)
            _check(row, rows[-1]["epoch"] if rows else 0)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: line {number} is damaged ({error}); leave it and what follows out") from None
        rows.append(row)
    return rows


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _check(row: Any, last: int) -> None:
    """Raises ValueError for what no epoch's row holds."""
    if not isinstance(row, dict):
        raise ValueError("it is not an object")
    epoch = row.get("epoch")
    if isinstance(epoch, bool) or not isinstance(epoch, int) or not last < epoch <= 10**6:
        raise ValueError(f"epoch {str(epoch)[:20]} comes after epoch {last}")
    task = task_of_row(row)
    needed = {*NEEDED, *task.needed}
    for name in (*NEEDED, *task.keys, "images_per_second", "seconds", "smoothness"):
        value = row.get(name)
        known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
        if not (known or (value is None and name not in needed)):
            raise ValueError(f"{name} is {'missing' if value is None else 'no number'}")
    learnt = row.get("coefficients") or {}
    if not isinstance(learnt, dict) or not all(map(_numbers, learnt.values())):
        raise ValueError("coefficients are numbers, and lists of them, by name")


def _numbers(value: Any) -> bool:
    """Whether it is a number, a list of them, or a rectangle of them."""
    try:
        array = np.asarray(value)
    except ValueError:
        return False
    return not array.size or (array.dtype.kind in "if" and array.ndim <= 2 and bool(np.isfinite(array).all()))


def _from_checkpoint(path: Path) -> tuple[dict[str, Any], RunSpec | None, Any]:
    """What a run is, and what it learnt before its first epoch; nothing where there is no checkpoint to tell it."""
    try:
        check_file(path, MAX_CHECKPOINT)
        with safe_open(path, framework="numpy") as file:
            progress = json.loads((file.metadata() or {}).get("progress", "{}"))
        run = progress["run"]
        facts = progress.get("facts", run)  # an older version told all in one
        asked = RunSpec.read(run, str(path)) if "facts" in progress else of_older(run)
        about = {name: facts[name] for name in FACTS}
        return (about, asked, progress.get("before")) if isinstance(about["options"], dict) else ({}, None, None)
    except (OSError, SafetensorError, ValueError, RecursionError, LookupError, AttributeError, TypeError):
        return {}, None, None
