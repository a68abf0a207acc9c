"""Steps as large as a tolerance allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch

from tableau2net.integration.control import FACTORS, Factors, Tolerance, first_step
from tableau2net.integration.one_step import TakenStep
from tableau2net.integration.output import Outputs
from tableau2net.integration.passage import Passage
from tableau2net.integration.solution import IntegrationError
from tableau2net.integration.system import States, System
from tableau2net.runtime.stage_solve import ConvergenceError

ROUNDED = 1 + 1e-9  # by how much the last step may be more than the largest, that rounding leaves none behind it

LOOKS_STIFF = 2.0  # h·|λ| at which stability, not accuracy, is what keeps explicit steps so small
LOOKED = 2000  # steps that get on by less than
ONWARD, SHRUNK = 1e-4, 1e-3  # such a part of the way so far, with steps of so much of the largest, are stuck
STUCK = "steps have shrunk to nothing there: f may jump; name the time in jumps=, or end at it by an event="
TURNS = 10  # of the power method


@dataclass(frozen=True)
class StepBounds:
    """What steps may be. first: the first one's size, None for one found here. least, largest: of any. tried: how many.
    factors: of a step over the last: safety, the least, the largest."""

    first: float | None
    largest: float
    tried: int
    least: float = 0.0
    factors: Factors = FACTORS


class NextStep(Protocol):
    """What decides on the next step."""

    def accepted(self, size: float) -> float:
        """The factor of the next step after one with an error of this size, which is at most 1."""

    def rejects(self, size: float) -> float:
        """The same after one that was too large, or no number."""


class Stepper(Protocol):
    """What takes steps of sizes that a tolerance chooses."""

    @property
    def error_order(self) -> int:
        """q where the error of the first step is of O(h^q)."""

    def control(self, factors: Factors) -> NextStep:
        """What decides on the next step, within bounds."""

    def forget(self) -> None:
        """f jumps where the step has ended."""

    def take(self, t: float, h: float, states: States) -> TakenStep:
        """A step, with its error."""

    def ended(self, t: float, taken: TakenStep) -> None:
        """The step that ended at t is kept."""

    def between(self, t: float, h: float, states: States, taken: TakenStep, time: float) -> States:
        """The states at a time inside the step that was just taken."""


def adaptive(
    stepper: Stepper,
    system: System,
    t0: float,
    t1: float,
    outputs: Outputs | None,
    tolerance: Tolerance,
    sizes: StepBounds,
    passage: Passage | None = None,
) -> tuple[States, list[float], int]:
    """The states at t1, or at the end of the step in which an event ended it all, where steps ended, and how many were
    rejected. Raises IntegrationError where it gets stuck.

    Step sizes are numbers, not part of any gradient: that of the solution is through the steps as they were taken."""
    order = stepper.error_order
    states, t, forward = system.states, t0, t1 > t0
    if passage is not None:
        passage.enters(t0)
    goal = t1 if passage is None else passage.next_stop(t0)
    h = first_step(system, tolerance, t0, t1, states, order) if sizes.first is None else sizes.first
    control, grid, rejected, why = stepper.control(sizes.factors), [t0], 0, ""
    mark, largest, unmet = t0, 0.0, "" if outputs is None or outputs.watch is None else "no event was met; "
    for tried in range(sizes.tried):
        if tried % LOOKED == 0:
            if tried and abs(t - mark) < ONWARD * abs(t - t0) and abs(h) < SHRUNK * largest:
                raise IntegrationError(f"{unmet}at t = {t:.6g} {LOOKED} steps did not get on: {STUCK}")
            mark = t
        h = wanted = math.copysign(min(max(abs(h), sizes.least), sizes.largest), t1 - t0)
        further = 1.01 if abs(h) < sizes.largest else ROUNDED  # that no tiny step is left
        last = abs(t + further * h - t0) >= abs(goal - t0)
        if last:
            h = goal - t
        if abs(h) < 16 * math.ulp(t):
            raise IntegrationError(f"at t = {t:.6g} the step would have to be below {abs(h):.0e}{why}")
        if passage is not None:
            passage.begins(t, h, states)
        try:
            taken = stepper.take(t, h, states)
        except ConvergenceError:
            size, why = math.nan, ": implicit stages are not solved"
        else:
            assert taken.error is not None
            size = tolerance.size(taken.error, states, taken.states)
            why = ": the error stays too large" if math.isfinite(size) else ": f is not finite"
        accepted = size <= 1 or (abs(h) <= sizes.least and math.isfinite(size))
        jumped = passage is not None and passage.tried(t, h, states, accepted=accepted)
        if not accepted:
            if abs(h) <= sizes.least:
                raise IntegrationError(f"at t = {t:.6g} the step would have to be below min_step = {abs(h):.6g}{why}")
            rejected += 1
            h *= control.rejects(size)
            continue
        end = goal if last else t + h
        ended = False
        if outputs is not None and outputs.pending:
            ended = outputs.reach(end, taken.states, forward, lambda time: stepper.between(t, h, states, taken, time))  # noqa: B023
        if jumped:
            stepper.forget()
        else:
            stepper.ended(end, taken)
        states, t, largest = taken.states, end, max(largest, abs(h))
        grid.append(t)
        if (last and goal == t1) or ended:
            return states, grid, rejected
        h *= control.accepted(size)
        if last and passage is not None:  # the step was cut to end at the stop
            h, goal = max(h, wanted, key=abs), passage.next_stop(t)
    told = f"{unmet}max_steps = {sizes.tried} were tried, to t = {t:.6g}: give more, or a larger tolerance"
    if system.step.explicit and (bound := stiffness(system, t, states) * abs(h)) >= LOOKS_STIFF:
        told += f"; the problem looks stiff (h·|λ| is about {bound:.2g}), which an implicit scheme is for, bdf say"
    raise IntegrationError(told)


@torch.no_grad()
def stiffness(system: System, t: float, states: States) -> float:
    """The largest |λ| of ∂f/∂y, roughly, by the power method on differences of f; 0 for what is no single field."""
    if len(system.fields) != 1 or len(states) != 1 or not system.moves:
        return 0.0
    (field,), (y,) = system.fields, states
    base = field(t, y)
    towards, size = base, 0.0
    distance = 1e-2 * torch.finfo(y.dtype).eps ** 0.25 * (float(y.norm()) or 1.0)
    for _ in range(TURNS):
        length = float(towards.norm())
        if not 0 < length < math.inf:
            return 0.0
        change = field(t, y + towards * (distance / length)) - base
        towards, size = change, float(change.norm()) / distance
    return size if math.isfinite(size) else 0.0
