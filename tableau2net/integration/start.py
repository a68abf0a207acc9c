"""The first steps of a scheme that remembers earlier ones: accurate enough that its order shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import sympy
import torch
from torch import Tensor

from tableau2net.analysis import order
from tableau2net.errors import InputError
from tableau2net.integration.one_step import OneStep
from tableau2net.integration.passage import Passage
from tableau2net.integration.system import CountedField, States, System
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.step import Input, Step, lower

# the cheapest start whose error does not show in a multistep method of the given order: a start-up step's own
# error is of one order more than its method
STARTS = ((2, "euler"), (3, "explicit-midpoint"), (5, "rk4"), (9, "cooper-verner-8"), (99, "hairer-10"))
EXPONENTIAL_STARTS = (
    *((2, "etd-1"), (3, "hochbruck-ostermann-2"), (4, "hochbruck-ostermann-3"), (5, "hochbruck-ostermann-4")),
    (99, "luan-ostermann-5"),  # in sub-steps: what is of higher order is Lawson's, of stiff order 1
)
PROPAGATION_STARTS = ((3, "exponential-rosenbrock-euler"), (4, "exprb-32"), (5, "exprb-43"), (99, "exprb-53s3"))
IMPLICIT_STARTS = ((2, "backward-euler"), (3, "sdirk-21"), (4, "radau-iia-2"), (6, "radau-iia-3"), (99, "radau-iia-4"))


def starter(scheme: Scheme, given: Scheme | str | None) -> Scheme:
    """The one-step method that starts a scheme. Raises InputError where the one that is given cannot."""
    p, own = order(scheme), lower(scheme)
    if own.derivative == 2 or any(i.stage or i.nordsieck for i in own.history):
        p += 1  # first differences are divided by h once more, or a step takes more than the solution itself
    name = next(name for enough_for, name in _starts(own) if p <= enough_for)
    chosen = as_scheme(name if given is None else given)
    step = lower(chosen.at_defaults())
    if step.history or len(step.states) > 1 or step.derivative == 2 or step.parts not in (1, own.parts):
        raise InputError(f"start = {chosen.name!r}: a one-step method for the same problem is needed, such as {name}")
    return chosen.at_defaults()


def _starts(step: Step) -> tuple[tuple[int, str], ...]:
    if step.operators("linear"):
        return EXPONENTIAL_STARTS
    if step.operators("jacobian"):
        return PROPAGATION_STARTS
    return STARTS if step.explicit or step.derivative == 2 else IMPLICIT_STARTS


def sub_steps(scheme: Scheme, method: Scheme) -> int:
    """How many steps of a starting method a step of the scheme is, for the order of the scheme to show: where h^p, what
    the scheme misses, is 1e-15 and rounding begins, (h/m)^(q+1)·m is no more than that, q the order of the method."""
    p, q = order(scheme), order(method)
    return max(1, math.ceil(10 ** (15 * (p - q - 1) / (p * q))))


def first_states(
    method: Scheme, system: System, grid: Sequence[float], parts: int = 1, passage: Passage | None = None
) -> list[States]:
    """The states at each of the times, by so many steps of the method from one to the next."""
    inner, unpacked = for_start(method, system)
    stepper = OneStep(method, inner)
    found = [inner.states]
    for t, end in pairwise(grid):
        states, h = found[-1], (end - t) / parts
        if passage is not None:
            passage.begins(t, end - t, unpacked(states))
        for n in range(parts):
            states = stepper.take(t + n * h, h, states).states
        found.append(states)
    return [unpacked(states) for states in found]


def for_start(method: Scheme, system: System) -> tuple[System, Callable[[States], States]]:
    """The problem as the starting method takes it: a sum of fields as one, y'' = f as a system of first order."""
    step = lower(method)
    if system.velocity is not None:
        (field,) = system.fields
        both = torch.stack((system.states[0], system.velocity))
        first_order = CountedField(lambda t, z: torch.stack((z[1], field(t, z[0]))), system.solver)
        return System(step, (first_order,), (both,)), lambda states: (states[0][0],)
    if step.parts < len(system.fields):
        whole = CountedField(lambda t, y: system.slopes(t, (y,))[0], system.solver)
        return System(step, (whole,), system.states), lambda states: states
    return System(step, system.fields, system.states), lambda states: states


class Start:
    """What a scheme's step takes, made from the solution at the first points of an even grid.

    names: the inputs that the generated step takes. advance: that step, called with h and t before them."""

    def __init__(self, scheme: Scheme, names: Sequence[str], advance: Callable[..., Any], system: System) -> None:
        self.step: Step = lower(scheme)
        known = {i.name: i for i in self.step.inputs}
        self.inputs: list[Input] = [known[name] for name in names]
        self.p, self.advance, self.system = max(order(scheme), 1), advance, system
        self._slopes: dict[tuple[int, int], Tensor] = {}

    @property
    def points(self) -> int:
        """How many steps the starting method takes."""
        needed = max((i.age for i in self.inputs), default=0)
        if self._stages:  # each step brings the field at stages right to one order more
            needed += self.p + 2
        orders = [len(i.nordsieck) - 2 for i in self.inputs if i.nordsieck is not None]
        return max(needed, self.p, *orders) if orders else needed

    @property
    def _stages(self) -> list[Input]:
        return [i for i in self.inputs if i.stage]

    def made(self, states: list[States], grid: Sequence[float], h: float) -> list[Tensor]:
        """The inputs at the last of the points."""
        last = len(states) - 1
        if not self._stages:
            return [self._exact(i, last, states, grid, h) for i in self.inputs]
        values = [self._slope(i.part, 0, states, grid) for i in self._stages]
        first = max(i.age for i in self.inputs if not i.stage)
        for n in range(first, last + 1):
            stages = iter(values)
            inputs = [next(stages) if i.stage else self._exact(i, n, states, grid, h) for i in self.inputs]
            if n == last:
                break
            out = self.advance(h, grid[n], *inputs)
            values = [value for i, value in zip(self.inputs, out, strict=False) if i.stage]
        return inputs

    def _exact(self, given: Input, n: int, states: list[States], grid: Sequence[float], h: float) -> Tensor:
        """What an input stands for at the n-th point."""
        if given.nordsieck is not None:
            return self._nordsieck([float(q) for q in given.nordsieck], n, states, grid, h)
        if given.kind == "f":
            return self._slope(given.part, n - given.age, states, grid)
        return states[n - given.age][given.component]

    def _slope(self, part: int, n: int, states: list[States], grid: Sequence[float]) -> Tensor:
        if (part, n) not in self._slopes:
            self._slopes[part, n] = self.system.fields[part](grid[n], states[n][0])
        return self._slopes[part, n]

    def _nordsieck(self, q: list[float], n: int, states: list[States], grid: Sequence[float], h: float) -> Tensor:
        """Σ q_k h^k y^(k), with derivatives of the polynomial through the slopes at the last points."""
        width = min(n, max(self.p, len(q) - 2))
        value = states[n][0] * q[0]
        for k, weight in enumerate(q[1:], 1):
            if weight:
                differences = sympy.finite_diff_weights(k - 1, list(range(-width, 1)), 0)[-1][-1]
                for j, d in enumerate(differences):
                    value = value + self._slope(0, n - width + j, states, grid) * (weight * h * float(d))
        return value
