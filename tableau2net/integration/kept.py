"""What an integration keeps for its gradient, and where that then comes from."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from tableau2net.analysis import order
from tableau2net.errors import InputError
from tableau2net.integration.captured import Captured, captured, wanted
from tableau2net.integration.continuous_adjoint import Adjoint, Back
from tableau2net.integration.output import Outputs
from tableau2net.integration.system import States, System
from tableau2net.integration.undone import UndoneSteps, undoable
from tableau2net.scheme import Scheme, VariableOrder
from tableau2net.step import lower

Backward = Literal["store", "checkpoint", "reversible", "adjoint"]


@dataclass(frozen=True)
class Kept:
    """One of `Backward` for a scheme. parameters: what f is made of, beyond what is seen. coupling: of a scheme that is
    not reversible by itself."""

    backward: Backward
    scheme: Scheme
    parameters: tuple[Tensor, ...] = ()
    coupling: str | None = None

    @property
    def apart(self) -> bool:
        """Whether the gradient comes from elsewhere than the steps as they were taken."""
        return self.backward in ("reversible", "adjoint")

    @property
    def undone(self) -> bool:
        """Whether the steps are undone."""
        return self.backward == "reversible"

    def running(self) -> AbstractContextManager[Any]:
        """Around the steps as they are taken."""
        return torch.no_grad() if self.apart else nullcontext()

    def fields(self, system: System, t0: float) -> tuple[Captured, ...]:
        """What the gradient comes from, where that is elsewhere: to be looked at before anything else is."""
        return captured(system, t0, self.parameters, self.backward) if self.apart else ()

    def undo(
        self, system: System, fields: tuple[Captured, ...], grid: tuple[float, ...], h: float | None, outputs: Outputs
    ) -> States:
        """The states at the end of a grid, by steps that are undone for the gradient. h: the size, where all are."""
        sizes = [b - a if h is None else h for a, b in pairwise(grid)]
        return UndoneSteps(undoable(self.scheme, self.coupling), fields).run(system.states, grid, sizes, outputs)

    def adjoint(
        self,
        system: System,
        fields: tuple[Captured, ...],
        times: tuple[float, ...],
        values: Sequence[Tensor],
        t0: float,
        back: Back,
        tolerance: float,
    ) -> list[Tensor]:
        """Values of the solution at some times, with the gradient of the exact one."""
        task = Adjoint(fields, fields[0].made_of, times, t0, back, self.parameters, tolerance)
        return task.attached(system.states[0], values)


def kept(backward: Any, chosen: Scheme | VariableOrder, parameters: Any, coupling: Any, watched: bool) -> Kept:
    """Raises InputError where there is no such way for the scheme. watched: whether events end the integration."""
    if backward not in get_args(Backward):
        raise InputError(f"backward = {backward!r}: write one of {', '.join(get_args(Backward))}")
    several = isinstance(chosen, VariableOrder)
    scheme = chosen.member(1) if isinstance(chosen, VariableOrder) else chosen
    name, step = chosen.name or scheme.family, lower(scheme)
    found = Kept(backward, scheme, wanted(parameters), coupling)
    if parameters is not None and not found.apart:
        raise InputError(f"parameters: backward={backward!r} sees itself what f is made of; leave them out")
    if coupling is not None and not found.undone:
        raise InputError("coupling: it is what makes a step reversible; write backward='reversible' too")
    if watched and found.apart:
        raise InputError(f"event: not with backward={backward!r}; write backward='checkpoint'")
    if backward == "checkpoint" and not step.plain:
        raise InputError(f"backward='checkpoint': {name} takes more than values of f; write backward='store'")
    if found.undone and several:
        raise InputError(f"backward='reversible': {name} remembers earlier steps; write backward='checkpoint'")
    if found.undone:
        undoable(scheme, coupling)
    remembers = bool(step.history) and not several
    alone = step.derivative == 1 and len(step.states) == 1 and not step.operators("linear")
    if backward == "adjoint" and (remembers or not alone or order(scheme) < 1):
        raise InputError(
            f"backward='adjoint': for one-step schemes of one state and order 1 at least, and {name} is none; write "
            "backward='checkpoint'"
        )
    return found
