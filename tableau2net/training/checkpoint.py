"""A checkpoint: one safetensors file that holds all a run needs to go on, and that cannot run code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import SGD

from tableau2net.errors import InputError
from tableau2net.files import write_atomically
from tableau2net.training.recipe import completed

FORMAT = "tableau2net-checkpoint-1"
FIX = "remove its folder to start again, or choose another --out"


@dataclass(frozen=True)
class Progress:
    """How far a run has come: what it is (`run`), where it started (`before`), and a row per finished epoch."""

    run: dict[str, Any]
    before: Any
    rows: list[dict[str, Any]]


def write_checkpoint(path: Path, progress: Progress, model: nn.Module, optimiser: SGD) -> None:
    """Write the model, the momentum buffers and the progress. Raises InputError when it cannot be written."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        buffer = optimiser.state.get(parameter, {}).get("momentum_buffer")
        if buffer is not None:
            tensors[f"momentum.{name}"] = buffer
    tensors = detached(tensors)
    about = {"run": progress.run, "before": progress.before, "rows": progress.rows, "digest": _digest(tensors)}
    metadata = {"format": FORMAT, "progress": json.dumps(about)}
    write_atomically(path, save(tensors, metadata))


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds: how far its run had come, and the tensors of its network and optimiser."""

    path: Path
    progress: Progress
    tensors: Mapping[str, Tensor]

    def put_into(self, model: nn.Module, optimiser: SGD) -> None:
        """Give a network and its optimiser these tensors. Raises InputError where they do not fit."""
        try:
            model.load_state_dict(_below("model.", self.tensors))
        except RuntimeError as error:
            said = " ".join(str(error).split())
            raise InputError(f"{self.path}: does not fit this network ({said}); {FIX}") from error
        parameters = dict(model.named_parameters())
        for name, buffer in _below("momentum.", self.tensors).items():
            optimiser.state[parameters[name]]["momentum_buffer"] = torch.empty_like(parameters[name]).copy_(buffer)


def read_checkpoint(path: Path, run: Mapping[str, Any]) -> Checkpoint:
    """A checkpoint of the run that is about to go on, which `run` describes.

    Raises InputError when the file is damaged, or is a checkpoint of a run that differs from it; the message names the
    differences.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata.get("format") != FORMAT:
            raise InputError(f"{path}: is not a checkpoint of this version; {FIX}")
        about = json.loads(metadata["progress"])
        progress = Progress(run=about["run"], before=about["before"], rows=about["rows"])
        intact = about["digest"] == _digest(tensors)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {FIX}") from error
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: is damaged or cut short ({error}); {FIX}") from error
    if not intact:
        raise InputError(f"{path}: is damaged (its digest does not match its contents); {FIX}")
    if changes := differences(completed(progress.run), completed(run)):
        raise InputError(f"{path}: belongs to another run ({'; '.join(changes)}); ask for the same, or {FIX}")
    return Checkpoint(path, progress, tensors)


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Every setting that is not the same in both, as "recipe.lr: 0.1 there, 0.2 here"."""
    found = []
    for key in [*old, *(key for key in new if key not in old)]:
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append(f"{prefix}{key}: {a} there, {b} here")
    return found


def detached(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, contiguous and sharing no memory, as safetensors wants them."""
    return {k: v.detach().to("cpu", copy=True, memory_format=torch.contiguous_format) for k, v in tensors.items()}


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _digest(tensors: Mapping[str, Tensor]) -> str:
    sha = hashlib.sha256()
    for name in sorted(tensors):
        sha.update(name.encode())
        sha.update(tensors[name].numpy().tobytes())
    return sha.hexdigest()
