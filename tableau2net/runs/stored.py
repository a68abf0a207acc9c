"""A network on disk: how it is made, as JSON, and its weights. A run leaves one; a changed grid makes another."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.files import check_file, read_text, write_atomically
from tableau2net.nn import create_model
from tableau2net.nn.change import HALVED, Change
from tableau2net.nn.registry import depth_of, find_model, told_to
from tableau2net.recipes.task import CLASSIFY
from tableau2net.runs.result import MAX_BYTES, RESULT, Result
from tableau2net.runs.run_folder import WEIGHTS
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.scheme.file import loads
from tableau2net.scheme.saved import dumps

NETWORK = "network.json"
MOST_WEIGHTS = 64 * 2**30  # bytes; they are mapped, and what does not fit its network is not read
FINEST = 4096  # parts of an interval, all changes together


@dataclass(frozen=True)
class Stored:
    """How a network is made: ``create_model(model, num_classes=classes, **options)``, and then each of the changes. One
    without classes is told the channels of its images.

    scheme: the text of its scheme's file, where the name alone does not say it.
    """

    model: str
    options: Mapping[str, Any]
    scheme: str | None
    classes: Annotated[int, msgspec.Meta(ge=1, le=10**6)] | None
    changes: tuple[Change, ...]
    channels: Annotated[int, msgspec.Meta(ge=1, le=10**6)] | None = None

    def build(self) -> nn.Module:
        """The network, with weights drawn anew."""
        options = {name: value for name, value in self.options.items() if name != "weights"}  # those of the run come
        if self.scheme is not None:
            options["scheme"] = loads(self.scheme)
        said = {"num_classes": self.classes, "in_channels": self.channels}
        known = {name: number for name, number in said.items() if number is not None}
        model = create_model(self.model, **{**told_to(self.model, known), **options})
        for change in self.changes:
            model = change.apply(model)
        return model

    def changed(self, change: Change) -> Stored:
        """How the network is made that this change makes of it."""
        return replace(self, changes=(*self.changes, change))

    @classmethod
    def of_run(cls, result: Result, classes: int | None, channels: int | None = None) -> Stored:
        """The network that a run has ended with. Raises InputError where it was given as a module."""
        try:
            find_model(result.model)
        except InputError as error:
            raise InputError(
                f"{' '.join(result.model.split())[:80]}: was given to train as a module; only its maker can make it"
            ) from error
        text = result.coefficients.get("file")
        if text is None and result.scheme is not None:  # a run of an older version
            text = dumps(_named(result.scheme))
        said = "scheme" in result.options or re.fullmatch(r"resnet\d+", result.model) is not None
        options = {name: value for name, value in result.options.items() if name != "scheme"}
        changes = (HALVED,) * len(result.refinements)
        return cls(result.model, options, text if said else None, classes, changes, channels)

    @classmethod
    def read(cls, path: Path) -> Stored:
        """What `network.json` says. Raises InputError, one line, for a file that says something else."""
        try:
            stored = msgspec.convert(json.loads(read_text(path, MAX_BYTES)), cls)
        except (msgspec.ValidationError, ValueError, RecursionError) as error:
            raise InputError(f"{path}: does not say how a network is made ({error})") from error
        halves = [max(change.states, change.controls) for change in stored.changes if change.how == "refine"]
        if max(math.prod(halves), len(stored.changes)) > FINEST:
            raise InputError(f"{path}: does not say how a network is made; write it again with tableau2net refine")
        return stored


def _named(scheme: str) -> Scheme:
    try:
        return as_scheme(scheme)
    except InputError:
        raise InputError(f"holds no text of its scheme {scheme!r}, and none of that name is in the library") from None


def load_network(folder: str | Path) -> nn.Module:
    """The trained network in a folder that `train` or ``tableau2net refine`` has written, with its weights, on the CPU.

    Raises InputError, one line, for a folder without a finished run, or of a run on a module of one's own.
    """
    return read_network(Path(folder))[1]


def find_network(folder: Path) -> Path:
    """The file that says how the network in a folder is made. Raises InputError for a folder without one."""
    for name in (NETWORK, RESULT):
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{folder}: holds no finished run ({RESULT}) and no network ({NETWORK})")


def read_network(folder: Path) -> tuple[Stored, nn.Module]:
    """How the network in a folder is made, and the network. Raises InputError as `load_network` does."""
    said = find_network(folder)
    tensors = _tensors(folder / WEIGHTS)
    try:  # what a file says may be no network's options
        stored = Stored.read(said) if said.name == NETWORK else _of_run(Result.read(said), tensors)
        _check_size(stored, tensors)
        with torch.random.fork_rng(devices=[]):
            model = stored.build()
        model.load_state_dict(tensors)
    except InputError as error:
        raise InputError(str(error) if str(folder) in str(error) else f"{folder}: {error}") from error
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: {WEIGHTS} does not fit the network that {said.name} describes") from error
    return stored, model


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        check_file(path, MOST_WEIGHTS)
        return load_file(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); the run may not be finished") from None
    except (SafetensorError, ValueError) as error:
        raise InputError(f"{path}: is damaged or cut short ({' '.join(str(error).split())})") from None


def _of_run(result: Result, tensors: Mapping[str, Tensor]) -> Stored:
    if result.task is not CLASSIFY:
        return Stored.of_run(result, None, result.data.get("channels"))
    classes = result.data.get("classes") or _classes(tensors)  # an older version did not tell
    return Stored.of_run(result, classes)


def _classes(tensors: Mapping[str, Tensor]) -> int:
    """How many classes the head tells apart: the only linear layer of the networks by name."""
    return next((len(t) for t in tensors.values() if t.dim() == 2), 1)


def _check_size(stored: Stored, tensors: Mapping[str, Tensor]) -> None:
    """RuntimeError unless the weights fit, before a network of any size takes memory: every layer has a tensor."""
    depth = depth_of(stored.model)
    if depth > len(tensors):
        raise RuntimeError(f"a network of depth {depth} has more than {len(tensors)} tensors")
    with torch.device("meta"):
        expected = stored.build().state_dict()
    if {n: t.shape for n, t in expected.items()} != {n: t.shape for n, t in tensors.items()}:
        raise RuntimeError("other tensors")


def write_network(folder: Path, stored: Stored, model: nn.Module, about: Mapping[str, Any]) -> None:
    """Write a network, how it is made, and what else is known `about` it. Raises InputError where it cannot be."""
    text = json.dumps({**asdict(stored), **about}, indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / WEIGHTS, save(detached(model.state_dict()), {"network": text}))
    write_atomically(folder / NETWORK, text)


def detached(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, contiguous and sharing no memory, as safetensors wants them."""
    return {k: v.detach().to("cpu", copy=True, memory_format=torch.contiguous_format) for k, v in tensors.items()}
