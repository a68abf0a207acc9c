"""One step by its program, operation by operation: another way than series and generated code."""

from __future__ import annotations

from collections.abc import Callable

from tableau2net.errors import InputError
from tableau2net.scheme.lowering import Operator
from tableau2net.step import Call, Input, Operation, Solve, Step
from tableau2net.step.operation import Assignment, Terms
from tableau2net.testing.advanced import Advanced, Given, State, settle


def told_step(step: Step, at: Given) -> Advanced:
    """One step by its program, operation by operation."""
    values = _Values(step, at)
    for operation in step.operations:
        _carry_out(operation, values, at)
    after = [values.of(name) for name in step.outputs]
    embedded = None if step.estimate is None else values.of(step.estimate)
    velocity = None if step.velocity is None else after[step.inputs.index(step.velocity)]
    told = None if step.velocity_estimate is None else values.of(step.velocity_estimate)
    states = after[: len(step.states)]
    return Advanced(states, embedded, external=tuple(after), velocity=velocity, embedded_velocity=told)


def _carry_out(operation: Operation, values: _Values, at: Given) -> None:
    if not isinstance(operation, Solve):
        for op in operation.members:
            values.known[op.target] = op.on_numbers(values)
        return
    for op in operation.members:  # a guess, where an equation begins
        values.known[op.target] = values.guess(op)

    def sweep(_: list[State]) -> list[State]:
        for op in operation.members:
            values.known[op.target] = op.on_numbers(values)
        return [values.known[op.target] for op in operation.members]

    settle(at, sweep, [values.known[op.target] for op in operation.members])


class _Values:
    """What each name stands for (a `NumberValues`)."""

    def __init__(self, step: Step, at: Given) -> None:
        self.step, self.at, self.h = step, at, at.h**step.derivative
        self.known = {given.name: self._input(given) for given in step.inputs}

    def _input(self, given: Input) -> State:
        if given.nordsieck is not None:
            return self.at.nordsieck(given.nordsieck)
        if given.stage is not None:
            return self.at.k(next(call.slot for call in self.step.calls if call.target == given.stage))
        if given.kind == "f":
            return self.at.f(given.part, given.age)
        return self.at.y(given.component, given.age)

    def operator(self, kind: Operator, part: int) -> Callable[[State], State]:
        """Of a Jacobian or a matrix, which states of any kind have not."""
        raise InputError("a step that solves linear systems is compared with a formula: register one, advance.register")

    def of(self, value: str) -> State:
        return self.known[value]

    def sum(self, terms: Terms) -> State:
        factors = {"y": 1, "f": self.h}
        first, *others = ((self.at.number(c) * factors[self.step.kinds[v]]) * self.known[v] for c, v in terms)
        return sum(others, first)

    def field(self, call: Call, values: tuple[State, ...]) -> State:
        if self.step.derivative == 2:
            y, *velocities = values
            own = [y, *((1 / self.at.h) * hv for hv in velocities)]
            return self.at.field(call.part, self.at.number(call.time), own, call.slot)
        states = [state for _, state in sorted(self._current().items())]
        for component, value in zip(call.reads, values, strict=True):
            states[component] = value
        return self.at.field(call.part, self.at.number(call.time), states, call.slot)

    def guess(self, op: Assignment) -> State:
        """The state as it is, or the field there."""
        states = self._current()
        return self.field(op, tuple(states[i] for i in op.reads)) if isinstance(op, Call) else states[0]

    def _current(self) -> dict[int, State]:
        return {given.component: self.known[given.name] for given in self.step.states}
