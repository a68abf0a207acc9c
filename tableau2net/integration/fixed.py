"""One-step schemes on a grid that is given."""

from __future__ import annotations

from collections.abc import Sequence

from tableau2net.integration.one_step import OneStep
from tableau2net.integration.output import Outputs
from tableau2net.integration.passage import Passage
from tableau2net.integration.system import States
from tableau2net.runtime.stage_solve import ConvergenceError


def fixed(
    stepper: OneStep,
    states: States,
    sizes: Sequence[float],
    grid: Sequence[float],
    outputs: Outputs,
    passage: Passage | None = None,
) -> States:
    """The states at the end of the grid; steps[n] is from grid[n] to grid[n + 1]."""
    forward = grid[-1] > grid[0]
    for h, t, end in zip(sizes, grid, grid[1:], strict=False):
        if passage is not None:
            passage.begins(t, h, states)
        try:
            taken = stepper.take(t, h, states)
        except ConvergenceError as error:
            raise ConvergenceError(
                f"at t = {t:.6g} the step of {h:.3g} is too large, or f not finite: {error}"
            ) from None
        if outputs.pending:
            old = states
            if outputs.reach(end, taken.states, forward, lambda time: stepper.between(t, h, old, taken, time)):  # noqa: B023
                return taken.states
        if passage is not None and passage.tried(t, h, states, accepted=True):
            stepper.system.forget()
        else:
            stepper.ended(end, taken)
        states = taken.states
    return states
