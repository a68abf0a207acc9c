"""The step program: the one form that every family of schemes is lowered to, and every analysis reads.

One step takes what is known (``y``, and for multistep schemes older ``y`` and ``f``), forms linear combinations,
evaluates the field, and hands on the same things one step later. Values are named; a value is either a *state*
or a *field value*, and in a combination a field value counts with a factor h, as in Hairer, Nørsett, Wanner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sympy import Expr

from tableau2net.scheme.base import Parameter

Kind = Literal["y", "f"]


@dataclass(frozen=True)
class Input:
    """Something known when the step begins: the state or a field value, `age` steps old (0: at t_n)."""

    name: str
    kind: Kind
    age: int


@dataclass(frozen=True)
class Combine:
    """``target = Σ coefficient · value``, field values times h. The target is a state."""

    target: str
    terms: tuple[tuple[Expr, str], ...]


@dataclass(frozen=True)
class Evaluate:
    """``target = f(t_n + time·h, value)`` with the weights of stage `slot` (0, 1, … in a network)."""

    target: str
    value: str
    time: Expr
    slot: int


@dataclass(frozen=True)
class Solve:
    """Operations that refer to each other's targets: an implicit stage, or coupled stages, solved together."""

    operations: tuple[Combine | Evaluate, ...]


Operation = Combine | Evaluate | Solve


@dataclass(frozen=True)
class Step:
    """One step of a scheme as a straight-line program.

    outputs: for each of the inputs, the value that stands in its place when the next step begins.
    estimate: the state an embedded method gives at the new time, where there is one.
    """

    inputs: tuple[Input, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]
    estimate: str | None = None
    parameters: tuple[Parameter, ...] = ()

    @property
    def result(self) -> str:
        """The name of the new state."""
        return self.outputs[0]

    @property
    def history(self) -> tuple[Input, ...]:
        """What must be remembered from earlier steps: every input but the current state."""
        return self.inputs[1:]

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
            return f"{op.target} = f(t + {op.time}·h, {op.value})"
        terms = [f"({c})·{'h·' if self.kind(v) == 'f' else ''}{v}" for c, v in op.terms]
        return f"{op.target} = {' + '.join(terms) or '0'}"
