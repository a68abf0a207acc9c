"""A change of a network's grids, as numbers: what a file can hold, and be done again from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import nn

from tableau2net.errors import InputError
from tableau2net.nn.refinement import Refines, refine

LARGEST = 64  # parts of one interval


@runtime_checkable
class Coarsens(Protocol):
    """A network with two grids, which it makes coarser by a method of its own."""

    def coarsen(self, states: int, controls: int) -> nn.Module: ...


@dataclass(frozen=True)
class Change:
    """`how`: "refine", every interval in so many parts, or "coarsen", so many intervals to one.

    states, controls: how many, of the grid of steps and of that of weights. Raises InputError for another `how`, and
    for numbers that are not 1 to 64.
    """

    how: str
    states: int = 2
    controls: int = 2

    def __post_init__(self) -> None:
        if self.how not in ("refine", "coarsen"):
            raise InputError(f"a change of a grid is 'refine' or 'coarsen', not {str(self.how)[:40]!r}")
        given: tuple[tuple[str, object], ...] = (("states", self.states), ("controls", self.controls))
        for name, value in given:
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
                raise InputError(f"{name}={value!r}: write a whole number from 1 to {LARGEST}")

    def apply(self, network: nn.Module) -> nn.Module:
        """The changed network, which shares nothing with the given one; that stays as it is.

        A network with two grids changes them by its own method. Of any other, whose steps have weights each for itself,
        `refine` doubles both, and there is no way back. Raises InputError for a change that the network does not have.
        """
        kind = type(network).__name__
        if self.how == "coarsen":
            if isinstance(network, Coarsens):
                return network.coarsen(self.states, self.controls)
            raise InputError(f"a {kind} cannot be coarsened: a dynamic network can (dynamic_rk4_parabolic, say)")
        if isinstance(network, Refines):
            return network.refine(self.states, self.controls)
        if self.states != self.controls:
            raise InputError(
                f"states={self.states}, controls={self.controls}: a {kind} has its weights at its steps; say the same "
                "for both"
            )
        return refine(network, self.states)


HALVED = Change("refine", 2, 2)  # every interval, of both grids: what a run does at a refinement
