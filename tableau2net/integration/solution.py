"""What an integration returns, and what it raises when it cannot."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

State = Tensor | tuple[Tensor, ...]


class IntegrationError(RuntimeError):
    """The integration did not get to the end: steps too small or too many, or a field that is not finite."""


@dataclass(frozen=True)
class Ending:
    """Where an event ended an integration.

    t: when, a number in double precision, with a gradient where one is wanted; of events that give one number for each
        member of a batch, one for each, nan where none ended it.
    event: which of the events, counted from 0: like t, −1 where none.
    states: the states there, of members that nothing ended at t1.
    """

    t: Tensor
    event: Tensor
    states: tuple[Tensor, ...]


@dataclass(frozen=True)
class Solution:
    """A solution, and what it took.

    y: y(t1), or with `at` one value a time along the first dimension; a tuple of such for a system of several states.
    t: t1, or the times `at`; with an event, where it ended, or those before.
    grid: where steps began and ended.
    steps, rejected: how many steps were taken, and how many tried and thrown away.
    evaluations: how often the fields were evaluated, one by one.
    order: of the method.
    ending: where an event ended it; None where none did.
    """

    y: State
    t: tuple[float, ...]
    grid: tuple[float, ...]
    steps: int
    rejected: int
    evaluations: int
    order: int
    ending: Ending | None = None
