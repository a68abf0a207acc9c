"""The step program: the one form that every family of schemes is lowered to, and every analysis reads.

One step takes what is known (``y``, and for multistep schemes older ``y`` and ``f``), forms linear combinations,
evaluates the field, and hands on the same things one step later. Values are named; a value is either a *state*
or a *field value*, and in a combination a field value counts with a factor h, as in Hairer, Nørsett, Wanner.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from sympy import Expr, S

from tableau2net.scheme.lowering import Operator
from tableau2net.scheme.parameters import Parameter
from tableau2net.step.combine import Combine
from tableau2net.step.evaluate import Evaluate
from tableau2net.step.operation import Assignment, Call, Kind, Operation, Solve, Terms
from tableau2net.step.transform import LETTERS, Transform

VELOCITY = (S.Zero, S.One)  # the Nordsieck vector h·y'


@dataclass(frozen=True)
class Input:
    """Something known when the step begins: a state or a field value, `age` steps old (0: at t_n).

    component: which state, where the system has several (partitioned methods).
    part: which field, where there are several (additive methods).
    stage: for a field value at a stage of an earlier step, not at the solution: the target of its evaluation.
    nordsieck: q where the input stands for Σ q_k h^k y^(k)(t_n) instead of y.
    """

    name: str
    kind: Kind
    age: int
    component: int = 0
    part: int = 0
    stage: str | None = None
    nordsieck: tuple[Expr, ...] | None = None


@dataclass(frozen=True)
class Step:
    """One step of a scheme as a straight-line program.

    outputs: for each of the inputs, the value that stands in its place when the next step begins.
    estimate: the state an embedded method gives at the new time, where there is one.
    velocity_estimate: h·y' as it gives that, where a step for y'' = f hands it on.
    derivative: d in y^(d) = f, so that a field value counts with h^d.
    fields: how many fields the system has at least, those that no step evaluates among them.
    """

    inputs: tuple[Input, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]
    estimate: str | None = None
    velocity_estimate: str | None = None
    parameters: tuple[Parameter, ...] = ()
    derivative: int = 1
    fields: int = 1

    @property
    def states(self) -> tuple[Input, ...]:
        """The current state: one input a component of the system. They come first."""
        return tuple(i for i in self.inputs if i.kind == "y" and i.age == 0 and i.nordsieck is None)

    @property
    def parts(self) -> int:
        """How many fields the system has."""
        return 1 + max([op.part for op in self.calls] + [*self.operators("linear")], default=0)

    @property
    def colours(self) -> int:
        """How many colours its trees have: those of its fields, and of matrices that are none of them."""
        return max(self.parts, 1 + max(self.operators("matrix"), default=0))

    def operators(self, kind: Operator) -> frozenset[int]:
        """The parts of the operators of a kind that are applied as they are, without a field being called."""
        return self._operators.get(kind, frozenset())

    @cached_property
    def _operators(self) -> dict[Operator, frozenset[int]]:
        applied = {(op.operator, op.part) for op in self.flat() if isinstance(op, Transform)}
        return {kind: frozenset(part for k, part in applied if k == kind) for kind, _ in applied}

    @property
    def reads(self) -> tuple[tuple[int, ...], ...] | None:
        """For each field the states that it depends on, where there are several states; one that is never evaluated
        depends, for all that shows, on its own."""
        if len(self.states) < 2:
            return None
        found = {op.part: op.reads for op in self.calls}
        return tuple(found.get(part, (part,)) for part in range(self.parts))

    @property
    def velocity(self) -> Input | None:
        """h·y' at y, where a step for y'' = f takes that: y then belongs to the trees of y, this to those of y'."""
        known = (i for i in self.history if i.nordsieck == VELOCITY)
        return next(known, None) if self.derivative == 2 else None

    @property
    def arguments(self) -> tuple[tuple[str, str], ...]:
        """What a field is a function of, by component: the value at the beginning of the step, and at its end."""
        known = [*self.states, *([self.velocity] if self.velocity else [])]
        return tuple((i.name, self.outputs[self.inputs.index(i)]) for i in known)

    def written_at(self, call: Call) -> tuple[str, ...]:
        """What a field is called with, in letters: of y'' = f with y', where the step has h·y'."""
        y, *others = call.values
        return (y, *(f"{v}/h" for v in others)) if self.derivative == 2 else call.values

    @property
    def estimates(self) -> tuple[str, ...]:
        """What the embedded method gives."""
        return tuple(name for name in (self.estimate, self.velocity_estimate) if name)

    def without_estimates(self) -> Step:
        """The step without its embedded method."""
        return replace(self, estimate=None, velocity_estimate=None)

    @property
    def result(self) -> str:
        """The name of the new state (the first component's, where there are several)."""
        return self.outputs[0]

    @property
    def results(self) -> tuple[str, ...]:
        """The names of the new state, one a component."""
        return self.outputs[: len(self.states)]

    @property
    def history(self) -> tuple[Input, ...]:
        """What must be remembered from earlier steps: every input but the current state."""
        return self.inputs[len(self.states) :]

    @property
    def explicit(self) -> bool:
        """Whether no equation has to be solved, a linear one neither."""
        return not any(isinstance(op, Solve) or (isinstance(op, Transform) and op.solves) for op in self.operations)

    @cached_property
    def plain(self) -> bool:
        """Whether it is made of combinations and evaluations alone, which is all that some theorems know of."""
        return all(isinstance(op, Combine | Evaluate) for op in self.flat())

    @property
    def evaluations(self) -> int:
        """How many times one step evaluates the field."""
        return len(self.calls)

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The operations that call a field."""
        return tuple([op for op in self.flat() if isinstance(op, Call)])

    def flat(self) -> tuple[Assignment, ...]:
        """The operations one by one, those inside a `Solve` included."""
        return self._flat

    @cached_property
    def _flat(self) -> tuple[Assignment, ...]:
        return tuple([o for op in self.operations for o in op.members])

    @cached_property
    def kinds(self) -> Mapping[str, Kind]:
        """Every value by name, and whether it is a state or a field value."""
        return {i.name: i.kind for i in self.inputs} | {op.target: op.kind for op in self.flat()}

    def kind(self, name: str) -> Kind:
        """Whether a value is a state or a field value."""
        return self.kinds[name]

    def coefficients(self) -> Iterator[Expr]:
        """Every exact number in the program."""
        for op in self.flat():
            yield from op.coefficients

    def __str__(self) -> str:
        """The program as a person would write it, a line an operation."""
        lines, writer = [f"given {', '.join(i.name for i in self.inputs)}"], _Plain(self)
        for op in self.operations:
            mark = "  solve " if isinstance(op, Solve) else "  "
            lines += [f"{mark}{o.target} = {o.written(writer)}" for o in op.members]
        return "\n".join([*lines, f"hand on {', '.join(self.outputs)}"])


@dataclass
class _Plain:
    """Operations in plain letters, every number in full."""

    step: Step
    language: Literal["text"] = "text"

    def name(self, value: str) -> str:
        return value

    def sum(self, terms: Terms) -> str:
        h = "h·" if self.step.derivative == 1 else f"h^{self.step.derivative}·"
        return " + ".join(f"({c})·{h if self.step.kind(v) == 'f' else ''}{v}" for c, v in terms) or "0"

    def field(self, call: Call) -> str:
        return f"f{call.part + 1}" if self.step.parts > 1 else "f"

    def time(self, call: Call) -> str:
        return f"t + {call.time}·h"

    def scaled(self, coefficient: Expr) -> str:
        return f"({coefficient})·h"

    def operator(self, kind: Operator, part: int) -> str:
        return LETTERS[kind]

    def evaluation(self, call: Call) -> str:
        return f"{self.field(call)}({self.time(call)}, {', '.join(self.step.written_at(call))})"

    def number(self, value: Expr) -> str:
        return str(value)
