"""Steps that are undone by their inverse for the gradient: their last states alone are kept, and those handed out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tableau2net.codegen import CompiledBlock, CompileOptions, compile
from tableau2net.errors import InputError
from tableau2net.integration.captured import Captured
from tableau2net.integration.output import Outputs, near
from tableau2net.integration.system import States
from tableau2net.runtime.reversible import reversible
from tableau2net.scheme import Scheme
from tableau2net.step import lower

GROWTH_LIMIT = 1e4  # of rounding errors on the way back


@cache
def undoable(scheme: Scheme, coupling: str | None) -> type[CompiledBlock]:
    """The class of a one-step scheme that has an inverse, by itself or coupled with a second state. InputError, with
    the way out, for others."""
    if lower(scheme).history or lower(scheme).derivative != 1:
        raise InputError(
            f"backward='reversible': for one-step schemes for y' = f, and {scheme.name} is none; write "
            "backward='checkpoint'"
        )
    options: CompileOptions = {"time_dependent": True, "statistics": "shared", "backward": "reversible"}
    if coupling is not None:
        options["coupling"] = coupling
    return compile(scheme, **options)


@dataclass(frozen=True)
class UndoneSteps:
    """Steps of such a class on fields."""

    made: type[CompiledBlock]
    fields: Sequence[Captured]

    def run(self, states: States, grid: Sequence[float], sizes: Sequence[float], outputs: Outputs) -> States:
        """The states at the end of the grid; those at the times of `outputs` go there. InputError where one of these is
        no end of a step."""
        wanted = [_end(grid, time) for time in outputs.times[outputs.found :]]
        named = [self.fields[int(name.partition("_")[2] or 1) - 1] for name in self.made.field_names]
        copies = len(self.made.history) // len(states)
        handed: tuple[Any, ...] = states * (1 + copies)
        begun, pull = 0, self.made.pull  # type: ignore[attr-defined]
        for stop in sorted({*wanted, len(grid) - 1}):
            steps = [(*named, sizes[n], grid[n]) for n in range(begun, stop)]
            handed = reversible(self.made.step, pull, steps, handed, GROWTH_LIMIT)
            begun = stop
            for _ in range(wanted.count(stop)):
                outputs.add(handed[: len(states)])
        return handed[: len(states)]


def _end(grid: Sequence[float], time: float) -> int:
    """Which end of a step a time is, but for rounding."""
    n = min(range(len(grid)), key=lambda n: abs(grid[n] - time))
    if near(time, grid[n]) != grid[n]:
        raise InputError(
            f"at: {time:.6g} is no end of a step, as backward='reversible' needs; write backward='checkpoint'"
        )
    return n
