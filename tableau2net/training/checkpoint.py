"""A checkpoint: one safetensors file that holds all a run needs to go on, and that cannot run code."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from tableau2net.declared import plain, read
from tableau2net.errors import InputError
from tableau2net.files import check_file, write_atomically
from tableau2net.runs.run_folder import BEFORE, CHECKPOINT
from tableau2net.runs.run_spec import RunSpec
from tableau2net.runs.stored import detached
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level
from tableau2net.training.parallel import Ranks
from tableau2net.training.update import Update

FORMAT = "tableau2net-checkpoint-3"
MOST_BYTES = 64 * 2**30
MOST_SAID = 600  # characters of how two runs differ
FIX = "remove its folder to start again, or choose another --out"


@dataclass(frozen=True)
class Progress:
    """How far a run has come: what was asked for, where it started (`before`), a row per finished epoch; and of the
    epoch that it is in, how many images were `seen` in how many `seconds`, and the `refinement` it began with.

    facts: what is known of its network, for those who draw its curves."""

    run: RunSpec
    before: Any
    rows: list[dict[str, Any]]
    seen: int = 0
    seconds: float = 0.0
    refinement: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def refinements(self) -> list[dict[str, Any]]:
        """What was found at each refinement so far, in order."""
        finished = [row["refinement"] for row in self.rows if "refinement" in row]
        return finished + ([self.refinement] if self.refinement else [])


def write_checkpoint(path: Path, progress: Progress, tensors: Mapping[str, Tensor]) -> None:
    """Write the progress and the tensors; the checkpoint that was there is kept as the one before it.

    Raises InputError when it cannot be written.
    """
    own = detached(tensors)
    about = json.dumps(plain(progress))
    content = save(own, {"format": FORMAT, "progress": about, "digest": digest_of(own, about)})
    if path.exists():
        os.replace(path, path.with_name(BEFORE))
    write_atomically(path, content)


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds: how far its run had come, and tensors by name."""

    path: Path
    progress: Progress
    tensors: Mapping[str, Tensor]

    def unfit(self, why: str) -> InputError:
        """The error that says why it cannot be gone on from."""
        return InputError(f"{self.path}: {why}; {FIX}")

    def put_into(self, level: Level) -> None:
        """Give a level these tensors, which are such as it has."""
        level.model.load_state_dict(_below("model.", self.tensors))
        if level.average:
            level.average.network.load_state_dict(_below("average.", self.tensors))
        parameters = dict(level.model.named_parameters())
        for name, value in _below("optimiser.", self.tensors).items():
            weight, _, key = name.rpartition(".")
            state = level.optimiser.state[parameters[weight]]
            like = parameters[weight] if value.shape == parameters[weight].shape else level.rate
            state[key] = torch.empty_like(like).copy_(value)

    def put_into_epoch(self, update: Update, ranks: Ranks) -> None:
        """Let an epoch go on where it was left. At the end of one there is nothing to do: each begins anew.

        With another number of processes, or on another kind of device, chance (dropout, say) goes on from elsewhere."""
        if not self.progress.seen:
            return
        update.sums.copy_(self.tensors["sums"])
        torch.manual_seed(self.progress.seen + ranks.rank)
        for name, own in update.carried().items():
            given = self.tensors.get(name, torch.empty(0))
            if len(given) == ranks.count:
                if given.shape[1:] != own.shape:
                    raise self.unfit(f"does not fit this run ({name} is {tuple(given.shape)})")
                own.copy_(given[ranks.rank])
        if len(self.tensors["random.cpu"]) == ranks.count:
            torch.set_rng_state(self.tensors["random.cpu"][ranks.rank])
            if update.device.type == "cuda" and "random.cuda" in self.tensors:
                torch.cuda.set_rng_state(self.tensors["random.cuda"][ranks.rank], update.device)


def tensors_of(level: Level) -> dict[str, Tensor]:
    """All that a level has learnt, by name."""
    tensors = {f"model.{name}": value for name, value in level.model.state_dict().items()}
    for name, parameter in level.model.named_parameters():
        for key, value in level.optimiser.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"optimiser.{name}.{key}"] = value
    if level.average:
        tensors |= {f"average.{name}": value for name, value in level.average.network.state_dict().items()}
    return tensors


def random_state(execution: Execution) -> dict[str, Tensor]:
    """Where chance is at, by name, a row for each process."""
    states = {"random.cpu": torch.get_rng_state()}
    if execution.device.type == "cuda":
        states["random.cuda"] = torch.cuda.get_rng_state(execution.device)
    return {name: execution.ranks.sharing.gathered(state) for name, state in states.items()}


def find_checkpoint(folder: Path, run: RunSpec) -> tuple[Checkpoint, str | None]:
    """The last checkpoint of a run, or the one before it where the last is damaged or missing, and then why it is that.

    Raises InputError as `read_checkpoint` does, for the last one."""
    try:
        return read_checkpoint(folder / CHECKPOINT, run), None
    except Damaged as error:
        try:
            return read_checkpoint(folder / BEFORE, run), str(error)
        except InputError:
            raise error from None


def take_back(folder: Path) -> None:
    """Let the checkpoint before the last one be the last, in the place of one that is damaged or missing: the next one
    written would keep that instead. Raises InputError where that cannot be done."""
    try:
        os.replace(folder / BEFORE, folder / CHECKPOINT)
    except OSError as error:
        raise InputError(f"{folder / CHECKPOINT}: cannot be replaced ({error.strerror or error}); {FIX}") from error


class Damaged(InputError):
    """A file that is not what was written."""


def read_checkpoint(path: Path, run: RunSpec) -> Checkpoint:
    """A checkpoint of the run that is about to go on.

    Raises InputError when the file is damaged, or is a checkpoint of a run that differs from it; the message names the
    differences.
    """
    try:
        check_file(path, MOST_BYTES)
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata.get("format") != FORMAT:
            raise ValueError("or it is not a checkpoint of this version")
        intact = metadata["digest"] == digest_of(tensors, metadata["progress"])
        progress = read(Progress, json.loads(metadata["progress"]), "progress")
    except OSError as error:
        raise Damaged(f"{path}: cannot be read ({error.strerror or error}); {FIX}") from error
    except (SafetensorError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise Damaged(f"{path}: is damaged or cut short ({' '.join(str(error).split())[:200]}); {FIX}") from error
    if not intact:
        raise Damaged(f"{path}: is damaged (its digest does not match its contents); {FIX}")
    if changes := progress.run.differences(run):
        said = "; ".join(changes)
        said = said if len(said) <= MOST_SAID else f"{said[:MOST_SAID]}…"
        raise InputError(f"{path}: belongs to another run ({said}); ask for the same, or {FIX}")
    return Checkpoint(path, progress, tensors)


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def digest_of(tensors: Mapping[str, Tensor], about: str) -> str:
    sha = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        sha.update(name.encode())
        sha.update(tensors[name].numpy().tobytes())
    return sha.hexdigest()
