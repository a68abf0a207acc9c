"""The step program: the one form that every family of schemes is lowered to, and every analysis reads.

One step takes what is known (``y``, and for multistep schemes older ``y`` and ``f``), forms linear combinations,
evaluates the field, and hands on the same things one step later. Values are named; a value is either a *state*
or a *field value*, and in a combination a field value counts with a factor h, as in Hairer, Nørsett, Wanner.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from sympy import Add, Expr, cancel, radsimp

from tableau2net.scheme.base import Parameter

Kind = Literal["y", "f"]


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
class Combine:
    """``target = Σ coefficient · value``, field values times h. The target is a state.

    Each value stands in the terms once, with a coefficient that is not 0: equal values, which a pass may find, are
    added up, and what cancels is gone. So no reader has to think of a value that is there twice."""

    target: str
    terms: tuple[tuple[Expr, str], ...]

    def __post_init__(self) -> None:
        if len({v for _, v in self.terms}) < len(self.terms) or any(c.is_zero for c, _ in self.terms):
            object.__setattr__(self, "terms", collected(self.terms))


@dataclass(frozen=True)
class Evaluate:
    """``target = f(t_n + time·h, values…)`` with the weights of stage `slot` (0, 1, … in a network).

    part: which of an additive or partitioned method's fields f^[0], f^[1], … is evaluated.
    values, reads: the states it is evaluated at, and which component of the system each of them is."""

    target: str
    values: tuple[str, ...]
    time: Expr
    slot: int
    part: int = 0
    reads: tuple[int, ...] = (0,)

    @property
    def value(self) -> str:
        """The state, in a system that has one."""
        (value,) = self.values
        return value


@dataclass(frozen=True)
class Solve:
    """Operations that refer to each other's targets: an implicit stage, or coupled stages, solved together."""

    operations: tuple[Combine | Evaluate, ...]


Operation = Combine | Evaluate | Solve


def collected(terms: Iterable[tuple[Expr, str]]) -> tuple[tuple[Expr, str], ...]:
    """Terms with the coefficients of equal values added up, those that come to 0 dropped, in the order they came in."""
    found: dict[str, list[Expr]] = {}
    for c, v in terms:
        found.setdefault(v, []).append(c)
    totals = ((_sum(coefficients), v) for v, coefficients in found.items())
    return tuple((c, v) for c, v in totals if not c.is_zero)


def _sum(coefficients: list[Expr]) -> Expr:
    """What several coefficients come to, without what cancels; one alone stays as it is written."""
    return coefficients[0] if len(coefficients) == 1 else radsimp(cancel(Add(*coefficients)))


@dataclass(frozen=True)
class Step:
    """One step of a scheme as a straight-line program.

    outputs: for each of the inputs, the value that stands in its place when the next step begins.
    estimate: the state an embedded method gives at the new time, where there is one.
    derivative: d in y^(d) = f, so that a field value counts with h^d.
    """

    inputs: tuple[Input, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]
    estimate: str | None = None
    parameters: tuple[Parameter, ...] = ()
    derivative: int = 1

    @property
    def states(self) -> tuple[Input, ...]:
        """The current state: one input a component of the system. They come first."""
        return tuple(i for i in self.inputs if i.kind == "y" and i.age == 0 and i.nordsieck is None)

    @property
    def parts(self) -> int:
        """How many fields the system has."""
        return 1 + max([op.part for op in self.flat() if isinstance(op, Evaluate)], default=0)

    @property
    def reads(self) -> tuple[tuple[int, ...], ...] | None:
        """For each field the states that it depends on, where there are several states; one that is never evaluated
        depends, for all that shows, on its own."""
        if len(self.states) < 2:
            return None
        found = {op.part: op.reads for op in self.flat() if isinstance(op, Evaluate)}
        return tuple(found.get(part, (part,)) for part in range(self.parts))

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
        """Whether no operation has to be solved for."""
        return not any(isinstance(op, Solve) for op in self.operations)

    @property
    def evaluations(self) -> int:
        """How many times one step evaluates the field."""
        return sum(isinstance(op, Evaluate) for op in self.flat())

    def flat(self) -> Iterator[Combine | Evaluate]:
        """The operations one by one, those inside a `Solve` included."""
        for op in self.operations:
            if isinstance(op, Solve):
                yield from op.operations
            else:
                yield op

    def kind(self, name: str) -> Kind:
        """Whether a value is a state or a field value."""
        for known in self.inputs:
            if known.name == name:
                return known.kind
        for op in self.flat():
            if op.target == name:
                return "f" if isinstance(op, Evaluate) else "y"
        raise KeyError(name)

    def coefficients(self) -> Iterator[Expr]:
        """Every exact number in the program."""
        for op in self.flat():
            if isinstance(op, Evaluate):
                yield op.time
            else:
                yield from (coefficient for coefficient, _ in op.terms)

    def __str__(self) -> str:
        """The program as a person would write it, a line an operation."""
        lines = [f"given {', '.join(i.name for i in self.inputs)}"]
        for op in self.operations:
            inner = op.operations if isinstance(op, Solve) else (op,)
            mark = "  solve " if isinstance(op, Solve) else "  "
            lines += [mark + self._line(o) for o in inner]
        return "\n".join([*lines, f"hand on {', '.join(self.outputs)}"])

    def _line(self, op: Combine | Evaluate) -> str:
        if isinstance(op, Evaluate):
            field = f"f{op.part + 1}" if self.parts > 1 else "f"
            return f"{op.target} = {field}(t + {op.time}·h, {', '.join(op.values)})"
        h = "h·" if self.derivative == 1 else f"h^{self.derivative}·"
        terms = [f"({c})·{h if self.kind(v) == 'f' else ''}{v}" for c, v in op.terms]
        return f"{op.target} = {' + '.join(terms) or '0'}"
