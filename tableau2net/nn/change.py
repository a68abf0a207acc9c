"""A change of a network's grids, as numbers: what a file can hold, and be done again from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from tableau2net.errors import InputError
from tableau2net.nn.refinement import refine

LARGEST = 64  # parts of one interval


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
        for name in ("states", "controls"):
            value: Any = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
                raise InputError(f"{name}={value!r}: write a whole number from 1 to {LARGEST}")

    def apply(self, network: nn.Module) -> nn.Module:
        """The changed network, which shares nothing with the given one; that stays as it is.

        A network with two grids changes them by its own method. Of any other, whose steps have weights each for itself,
        `refine` doubles both, and there is no way back. Raises InputError for a change that the network does not have.
        """
        own = getattr(network, self.how, None)
        if callable(own):
            changed: nn.Module = own(self.states, self.controls)
            return changed
        kind = type(network).__name__
        if self.how == "coarsen":
            raise InputError(f"a {kind} cannot be coarsened: a dynamic network can (dynamic_rk4_parabolic, say)")
        if self.states != self.controls:
            raise InputError(
                f"states={self.states}, controls={self.controls}: a {kind} has its weights at its steps; say the same "
                "for both"
            )
        return refine(network, self.states)


HALVED = Change("refine", 2, 2)  # every interval, of both grids: what a run does at a refinement
