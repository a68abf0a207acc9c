"""How a run computes: where, in which precision, and how a step is run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from tableau2net.errors import InputError
from tableau2net.multigrid import Plan
from tableau2net.training.parallel import Ranks

PRECISIONS = ("float32", "bfloat16")
ENGINES = ("eager", "compile", "graph", "compile-graph")


@dataclass(frozen=True)
class Execution:
    """A device, a precision of the forward pass, and an engine; `asked`, whether somebody named the engine. The
    batches, or by a `plan` the steps of blocks, are shared by `ranks`."""

    device: torch.device
    precision: str
    engine: str
    asked: bool
    ranks: Ranks
    plan: Plan | None = None

    @classmethod
    def of(
        cls, device: torch.device, precision: str | None, engine: str | None, ranks: Ranks, plan: Plan | None = None
    ) -> Execution:
        """What is asked for, and where nothing is, bfloat16 and a compiled graph on a GPU, float32 and eager on a CPU.

        Raises InputError for a precision that there is none of, and as `choose_engine` does; with a plan for any engine
        but eager."""
        if precision not in (None, *PRECISIONS):
            raise InputError(f"--precision {precision}: must be {' or '.join(PRECISIONS)}")
        usual = "bfloat16" if device.type == "cuda" else "float32"
        if plan is not None and engine not in (None, "eager"):
            raise InputError(f"--engine {engine}: with --layer-parallel, steps are called one by one; write eager")
        chosen = choose_engine("eager" if plan else engine, device)
        ranks = replace(ranks, layers=plan is not None)
        return cls(device, precision or usual, chosen, engine is not None, ranks, plan)

    def computing(self) -> contextlib.AbstractContextManager[Any]:
        """Where the forward pass computes in this precision; weights and sums stay float32."""
        return computing(self.device, self.precision)


def computing(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """Where a forward pass computes in a precision; weights and sums stay float32."""
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def choose_engine(name: str | None, device: torch.device) -> str:
    """The engine of a name, "compile-graph" on a GPU and "eager" on a CPU where none is asked for.

    "eager": as Python calls it. "compile": the network through torch.compile. "graph": a whole step, augmentation,
    forward, loss, backward and optimiser, as one CUDA graph. "compile-graph": both. Raises InputError for another, and
    for a graph on a device that has none.
    """
    if name is None:
        return "compile-graph" if device.type == "cuda" else "eager"
    if name not in ENGINES:
        raise InputError(f"--engine {name[:40]}: must be one of {', '.join(ENGINES)}")
    if "graph" in name and device.type != "cuda":
        raise InputError(f"--engine {name}: a {device.type} has no graphs; use eager or compile there")
    return name


@contextlib.contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Where torch computes with so many threads of the CPU; None leaves them as they are."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
