"""The operations of a step program as lines of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sympy import Expr, S

from tableau2net.codegen.expressions import Combination, literal, wrapped
from tableau2net.errors import InputError
from tableau2net.scheme.lowering import Operator
from tableau2net.step import Along, Assignment, Call, Combine, Evaluate, Operation, Solve, Step, Transform
from tableau2net.step.liveness import in_place
from tableau2net.step.operation import Terms
from tableau2net.step.schedule import in_order

FIELD = "field"


@dataclass(frozen=True)
class Emission:
    """What lines need to know beside the program.

    field: the name of the field that an evaluation calls.
    combination: how sums are written.
    time_dependent: whether fields are given the time.
    solver: the text of the `Solver` for implicit stages; empty where the fields solve them; FIELD where they are
        handed to what a field has as its `solver`.
    asked: whether that solver is told if slopes are not wanted, which it then need not find.
    derivative: 2 where a field of y'' = f that depends on y' as well is called with it: the step has h·y'.
    tolerance: of linear systems that are too large for their matrix.
    """

    field: Callable[[Call], str]
    combination: Combination
    time_dependent: bool = False
    solver: str = ""
    asked: bool = False
    derivative: int = 1
    tolerance: float = 0.0

    def lines(self, step: Step, keep: Sequence[str] = ()) -> Iterator[str]:
        """An assignment for each operation, in order. A sum that is not needed any more is overwritten where nothing
        can notice, and a value that is not needed any more is let go before the field is evaluated again."""
        bases = in_place(step, keep=keep)
        held = {v for op in step.operations if isinstance(op, Solve) for v in _outside(op)}
        names = _storage(step, bases)
        last = _last(step, names, keep)
        living: list[str] = []  # made here and not yet let go
        yield from self._linearised(step)
        together = _together(step.operations)
        for i, op in enumerate(step.operations):
            if op in together.values():
                continue
            dead = [name for name in living if last[name] < i and name not in held]
            if dead and not isinstance(op, Combine):
                yield f"del {', '.join(dead)}"
                living = [name for name in living if name not in dead]
            yield from self._operation(op, step, names, bases, together.get(op))
            made = [o.target for each in (op, together.get(op)) if each for o in each.members]
            living += [n for n in (names[target] for target in made) if n not in living]

    def _linearised(self, step: Step) -> Iterator[str]:
        """The field's Jacobian at the state that the step begins with, or a matrix in its place, for linear systems."""
        kinds = dict.fromkeys((op.operator, op.part) for op in step.flat() if isinstance(op, Transform))
        writer = Torch(self, {}, step.states[0].name)
        for kind, part in kinds:
            if kind == "linear":
                continue
            own = 0 if kind == "matrix" else part
            first = min((op.slot for op in step.calls if op.part == own), default=0)
            call = Evaluate("", (writer.start,), S.Zero, first, own)
            last = [f"tolerance={self.tolerance!r}"] + ["any_matrix=True"] * (kind == "matrix")
            arguments = f"{self.field(call)}, {writer.time(call)}{writer.start}, {', '.join(last)}"
            yield f"{writer.operator(kind, part)} = linearised({arguments})"

    def _operation(
        self,
        op: Operation,
        step: Step,
        names: dict[str, str],
        bases: dict[str, str],
        beside: Assignment | None = None,
    ) -> Iterator[str]:
        if isinstance(op, Solve):
            yield from self._solve(op, step, names)
            return
        if isinstance(beside, Along) and isinstance(op, Evaluate):
            yield from wrapped(self._both(op, beside, Torch(self, names, step.states[0].name)))
            return
        for o in op.members:
            base = bases.get(o.target)
            text = o.written(Torch(self, names, step.states[0].name, base))
            yield from wrapped(text if base else f"{names[o.target]} = {text}")

    def _both(self, op: Evaluate, along: Along, writer: Torch) -> str:
        """A slope and the derivative along it, at one place."""
        targets = f"{writer.name(op.target)}, {writer.name(along.target)}"
        given = f"{writer.field(op)}, {writer.name(op.value)}, {self.combination.h}{along.in_time(writer)}"
        return f"{targets} = slope_and_derivative({given})"

    def time(self, op: Call) -> str:
        """When an evaluation is made, as text."""
        if not op.time.is_number:  # a node that moves with a learnt parameter
            return f"t + {self.combination.learnt[op.time, True]}"
        return {"0": "t", "1": "t + h", "-1": "t - h"}.get(str(op.time), f"t + {literal(op.time)} * h")

    def _solve(self, op: Solve, step: Step, names: dict[str, str]) -> Iterator[str]:
        """The stages that depend on each other, as a map of their states whose fixed point is looked for."""
        writer = Torch(self, names, step.states[0].name)
        sums = [o for o in op.operations if isinstance(o, Combine)]
        evaluations = in_order([o for o in op.operations if not isinstance(o, Combine)])
        if not self.solver:
            yield from self._resolved(sums, evaluations, step, names)
            return
        states, slopes = [o.target for o in sums], [o.target for o in evaluations]
        pair = "tuple[tuple[Tensor, ...], tuple[Tensor, ...]]"
        yield ""
        yield f"def stages({', '.join(f'{name}: Tensor' for name in states)}) -> {pair}:"
        together = _together(evaluations)
        for o in evaluations:
            beside = together.get(o)
            if isinstance(beside, Along) and isinstance(o, Evaluate):
                yield f"    {self._both(o, beside, writer)}"
            elif o not in together.values():
                yield f"    {o.target} = {o.written(writer)}"
        for i, o in enumerate(sums, 1):
            yield from (f"    {line}" for line in wrapped(f"new{i} = {o.written(writer)}"))
        yield f"    return {_tuple(f'new{i}' for i in range(1, len(sums) + 1))}, {_tuple(slopes)}"
        yield ""
        guess = _tuple(_begin(o, op, step) for o in sums)
        calls = [o for o in evaluations if isinstance(o, Call)]
        if self.solver == FIELD:
            arguments = ("stages", guess, *self._structure(sums, calls))
            head = f"{_tuple(states)}, {_tuple(slopes)} = own_solver({self.field(calls[0])})("
            yield from wrapped_call(head, arguments, ")")
            return
        fields = _tuple(dict.fromkeys(self.field(o) for o in calls))
        arguments = ("stages", guess, self.solver, fields)
        if self.asked and not any(_wanted(slope, op, step) for slope in slopes):
            yield from wrapped_call(f"{_tuple(states)}, _ = solve(", (*arguments, "slopes=False"), ")")
        else:
            yield from wrapped_call(f"{_tuple(states)}, {_tuple(slopes)} = solve(", arguments, ")")

    def _structure(self, sums: list[Combine], evaluations: list[Call]) -> Iterator[str]:
        """How stages hang together: the field of each slope, the state that it is the slope at, its factor in each
        state, and its time. No factors where a slope is that at several states, or at one that is not looked for."""
        states = [o.target for o in sums]
        yield _tuple(self.field(o) for o in evaluations)
        plain = all(isinstance(o, Evaluate) and len(o.values) == 1 and o.values[0] in states for o in evaluations)
        yield _tuple(str(states.index(o.values[0])) if plain else "0" for o in evaluations)
        factors = [{v: c for c, v in o.terms} for o in sums] if plain else []
        rows = (
            [self.combination.factor(t[o.target], o.target) if o.target in t else "0.0" for o in evaluations]
            for t in factors
        )
        yield _tuple(_tuple(row) for row in rows) if factors else "()"
        yield _tuple(self.time(o) if self.time_dependent else "None" for o in evaluations)

    def _resolved(
        self, sums: list[Combine], evaluations: list[Assignment], step: Step, names: dict[str, str]
    ) -> Iterator[str]:
        """A stage y = known + c·f(y) that its field solves, by its ``resolvent(known, c)``."""
        (total, *more), (slope, *others) = sums, evaluations
        if more or others or not isinstance(slope, Evaluate):
            raise InputError("solver='resolvent': an implicit stage is of one field, and no two are solved together")
        rest = [(c, names[v]) for c, v in total.terms if v != slope.target]
        factor = self.combination.factor(next(c for c, v in total.terms if v == slope.target), slope.target)
        known = self.combination.text(rest, None, step.states[0].name)
        if not known.isidentifier():
            yield from wrapped(f"{total.target}_known = {known}")
            known = f"{total.target}_known"
        yield f"{total.target} = resolved({self.field(slope)}, {known}, {factor})"
        if _wanted(slope.target, slope, step):
            yield f"{slope.target} = ({total.target} - {known}).div_({factor})"


@dataclass(frozen=True)
class Torch:
    """Operations as torch: `names` of the values, `start` of the state; base: the value that a sum is added to, in
    place."""

    emission: Emission
    names: Mapping[str, str]
    start: str
    base: str | None = None
    language: Literal["torch"] = "torch"

    def name(self, value: str) -> str:
        return self.names[value]

    def sum(self, terms: Terms) -> str:
        base = self.names[self.base] if self.base else None
        return self.emission.combination.text([(c, self.names[v]) for c, v in terms], base, self.start)

    def field(self, call: Call) -> str:
        return self.emission.field(call)

    def time(self, call: Call) -> str:
        """The argument before the states, empty where the field is not given the time."""
        return f"{self.emission.time(call)}, " if self.emission.time_dependent else ""

    def scaled(self, coefficient: Expr) -> str:
        return self.emission.combination.scaled(coefficient)

    def operator(self, kind: Operator, part: int) -> str:
        if kind == "linear":
            return linear_field(part)
        return kind if part == (kind == "matrix") else f"{kind}_{part + 1}"

    def evaluation(self, call: Call) -> str:
        values = [self.name(value) for value in call.values]
        if self.emission.derivative == 2:
            values[1:] = [f"{value} / h" for value in values[1:]]
        return f"{self.field(call)}({self.time(call)}{', '.join(values)})"

    def number(self, value: Expr) -> str:
        """A number that is not in a sum, a learnt one by its name."""
        return literal(value) if value.is_number else self.emission.combination.learnt[value, False]


def linear_field(part: int) -> str:
    """The name of a linear field, which functions of an operator are of."""
    return f"f_{part + 1}"


def _together(operations: Sequence[Operation]) -> dict[Operation, Along]:
    """The derivatives along a slope, by the evaluation of that slope at the same place: both come of one call."""
    slopes = {op.target: op for op in operations if isinstance(op, Evaluate)}
    found: dict[Operation, Along] = {}
    for op in operations:
        if isinstance(op, Along) and op.direction in slopes:
            slope = slopes[op.direction]
            if op.place == slope.place and len(slope.values) == 1:
                found.setdefault(slope, op)
    return found


def _begin(sum_: Combine, op: Solve, step: Step) -> str:
    """Where the search for a state begins: at the state that it is a step from."""
    inside = {o.target for o in op.operations}
    known = (v for c, v in sum_.terms if v not in inside and c == 1 and step.kind(v) == "y")
    return next(known, step.states[0].name)


def _wanted(slope: str, found: Operation, step: Step) -> bool:
    """Whether anything reads a slope but the operation that finds it."""
    others = (o for op in step.operations if not set(found.members) <= set(op.members) for o in op.members)
    return slope in {*step.outputs, *(v for o in others for v in o.operands)}


def _outside(op: Solve) -> set[str]:
    return {v for o in op.operations for v in o.operands} - {o.target for o in op.operations}


def _storage(step: Step, bases: dict[str, str]) -> dict[str, str]:
    """The name under which each value goes: those that take each other's place share the last one's."""
    names = {name: name for name in step.kinds}
    for op in reversed(list(step.flat())):
        if op.target in bases:
            names[bases[op.target]] = names[op.target]
    return names


def _last(step: Step, names: dict[str, str], keep: Sequence[str]) -> dict[str, int]:
    """The operation after which a name is not needed."""
    last: dict[str, int] = {}
    for i, op in enumerate(step.operations):
        for o in op.members:
            last |= {names[v]: i for v in (o.target, *o.operands)}
    return last | {names[v]: len(step.operations) for v in (*step.outputs, *keep)}


def _tuple(names: Iterable[str]) -> str:
    listed = list(names)
    return f"({', '.join(listed)}{',' * (len(listed) == 1)})"


def wrapped_call(head: str, arguments: Iterable[str], tail: str, width: int = 100) -> Iterator[str]:
    """``head a, b tail``, an argument a line where it is long."""
    listed = list(arguments)
    line = f"{head}{', '.join(listed)}{tail}"
    if len(line) <= width:
        yield line
    else:
        indent = " " * (len(head) - len(head.lstrip()))
        yield head
        yield from (f"{indent}    {argument}," for argument in listed)
        yield indent + tail.lstrip(",")
