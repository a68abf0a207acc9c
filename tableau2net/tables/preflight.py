"""All that can be asked of a table before its first run: networks, recipes, data and devices."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch

from tableau2net.data.load import load_data
from tableau2net.errors import InputError
from tableau2net.runs.run_spec import DataSpec, RunSpec
from tableau2net.tables.grid import TableRun
from tableau2net.tables.network_cost import build, parameters_of
from tableau2net.training.level import check_network


@dataclass(frozen=True)
class Checked:
    """Parameters of the networks of runs, by the run's key, and what there is to say of them, a line each."""

    parameters: Mapping[str, int]
    notes: tuple[str, ...]


def check_runs(runs: Iterable[TableRun]) -> Checked:
    """Make the network of each run, without its weights, each once.

    Raises InputError, one line with the run, for a network that there is not, or one that its recipe does not suit.
    """
    parameters: dict[str, int] = {}
    known: dict[RunSpec, int] = {}
    notes: list[str] = []
    for run in runs:
        alike = replace(run.asked, seed=0, data=DataSpec(run.asked.data.source))
        if alike not in known:
            known[alike], said = _check(run)
            notes += [f"{_without_seed(run)}: {text}" for text in said]
        if run.matched and not run.matched.near:
            notes.append(f"{_without_seed(run)}: the nearest that it comes is {run.matched}")
        parameters[run.key] = known[alike]
    return Checked(parameters, tuple(dict.fromkeys(notes)))


def _check(run: TableRun) -> tuple[int, list[str]]:
    """The parameters of a run's network, and what making it gave reason to say."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            network = build(run.asked)
            count = parameters_of(network)
            check_network(network, run.asked.recipe)
        _check_device(run.asked.execution.device)
    except InputError as error:
        raise InputError(f"{run.key}: {error}") from None
    return count, [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]


def _without_seed(run: TableRun) -> str:
    return run.key.removesuffix(f", seed {run.seed}")


def check_data(runs: Iterable[TableRun]) -> None:
    """Read the data of each run, each once, so that what has to be downloaded is so before several want it.

    Raises InputError, one line, for data that cannot be read, or split as asked.
    """
    requests = [run.asked.request() | {"workers": None} for run in runs]
    for i, request in enumerate(requests):
        if request not in requests[:i]:
            load_data(**request)


def _check_device(name: str | None) -> None:
    """By its name alone: what is asked of a GPU here would take its memory."""
    try:
        kind = torch.device(name or "cpu").type
    except RuntimeError as error:
        raise InputError(f"device {str(name)[:40]!r}: {str(error).splitlines()[0]}") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {name}: there is no GPU here that torch can use; write cpu")
