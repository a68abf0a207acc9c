"""The lowering of a scheme to the step program: its family tells the step, here it is written down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from sympy import Expr, Float, S

from tableau2net.errors import InputError
from tableau2net.extensions import told_of
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.scheme.exact_rows import exact_number
from tableau2net.scheme.lowering import Operator, Terms
from tableau2net.scheme.matrix_functions import MatrixFunction
from tableau2net.step.along import Along
from tableau2net.step.combine import Combine
from tableau2net.step.evaluate import Evaluate
from tableau2net.step.forced_flow import ForcedFlow
from tableau2net.step.operation import Assignment, Call
from tableau2net.step.program import Input, Step
from tableau2net.step.schedule import in_order, scheduled
from tableau2net.step.transform import Transform
from tableau2net.words import quoted

LONGEST = 40  # letters of a name
NAME = re.compile(rf"[^\W\d]\w{{0,{LONGEST - 1}}}", re.ASCII)


@cache
def lower(scheme: Scheme) -> Step:
    """The step program of a scheme: complete, with embedded estimate and stages nothing reads; see `passes.prune`.

    Raises InputError, one line, for a family whose lines are no step, and for a stencil, which makes none."""
    as_scheme(scheme)
    writer = Writer()
    with told_of(type(scheme), f"{type(scheme).__name__}.lower"):
        scheme.lower(writer)
    if wrong := next(writer.wrong(), None):
        raise InputError(f"{type(scheme).__name__}.lower {wrong}")
    operations = scheduled(writer.operations)
    for op in operations:
        in_order([each for each in op.members if isinstance(each, Combine)])  # a loop without a field is no equation
    return Step(
        inputs=tuple(writer.inputs),
        operations=operations,
        outputs=tuple(writer.outputs[given.name] for given in writer.inputs),
        estimate=writer.estimate,
        velocity_estimate=writer.velocity_estimate,
        parameters=scheme.parameters,
        derivative=writer.derivative,
        fields=writer.fields,
    )


class Writer:
    """A `StepWriter`; what it is told is found in its fields."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self.operations: list[Assignment] = []
        self.outputs: dict[str, str] = {}
        self.estimate: str | None = None
        self.velocity_estimate: str | None = None
        self.derivative = 1
        self.fields = 1

    def state(self, name: str, age: int = 0, *, component: int = 0, nordsieck: tuple[Expr, ...] | None = None) -> str:
        self.inputs.append(Input(name, "y", age, component=component, nordsieck=nordsieck))
        return name

    def slope(self, name: str, age: int = 0, *, part: int = 0, stage: str | None = None) -> str:
        self.inputs.append(Input(name, "f", age, part=part, stage=stage))
        return name

    def combine(self, name: str, terms: Terms) -> str:
        told = ((_exact(c, name), v) for c, v in terms)
        self.operations.append(Combine(name, tuple((c, v) for c, v in told if not c.is_zero)))
        return name

    def value(self, name: str, terms: Terms) -> str:
        left = [(c, v) for c, v in ((_exact(c, name), v) for c, v in terms) if not c.is_zero]
        if len(left) == 1 and left[0][0] == 1 and any(i.kind == "y" and i.name == left[0][1] for i in self.inputs):
            return left[0][1]
        return self.combine(name, left)

    def evaluate(
        self,
        name: str,
        at: str | tuple[str, ...],
        time: Expr,
        stage: int = 0,
        *,
        part: int = 0,
        reads: tuple[int, ...] = (0,),
    ) -> str:
        values, c = (at,) if isinstance(at, str) else at, _exact(time, name)
        self.operations.append(Evaluate(name, values, c, stage, part, reads))
        return name

    def along(
        self,
        name: str,
        at: str | tuple[str, ...],
        direction: str | None,
        time: Expr,
        stage: int = 0,
        *,
        moved: Expr = S.Zero,
        part: int = 0,
        reads: tuple[int, ...] = (0,),
    ) -> str:
        values = (at,) if isinstance(at, str) else at
        c, on = _exact(time, name), _exact(moved, name)
        return self.apply(Along(name, values, c, stage, part, reads, direction=direction or "", moved=on))

    def transform(
        self, name: str, function: MatrixFunction, value: str, *, operator: Operator = "linear", part: int = 0
    ) -> str:
        return self.apply(Transform(name, function, value, operator, part))

    def flow(
        self, name: str, start: str, length: Expr, time: Expr, forcing: Iterable[tuple[str, tuple[Expr, ...]]]
    ) -> str:
        known = tuple((k, tuple(_exact(c, name) for c in row)) for k, row in forcing)
        return self.apply(ForcedFlow(name, start, _exact(length, name), _exact(time, name), known))

    def apply(self, operation: Assignment) -> str:
        self.operations.append(operation)
        return operation.target

    def hand_on(self, known: str, value: str) -> None:
        self.outputs[known] = value

    def wrong(self) -> Iterator[str]:
        """What keeps the told lines from being a step, each in words."""
        if not any(given.kind == "y" for given in self.inputs):
            yield "tells no state that is known when the step begins: begin with step.state"
        kinds = {given.name: given.kind for given in self.inputs} | {op.target: op.kind for op in self.operations}
        names = [*(given.name for given in self.inputs), *(op.target for op in self.operations)]
        for name in names:
            if not (isinstance(name, str) and NAME.fullmatch(name)):
                yield f"calls a value {quoted(name)}: a name is letters, digits and underscores, at most {LONGEST}"
            elif names.count(name) > 1:
                yield f"tells {name} twice: give each value a name of its own"
        read = ((v, f"reads {v} for {op.target}") for op in self.operations for v in op.operands)
        handed = (
            (v, f"hands on {v}")
            for v in (*self.outputs.values(), *filter(None, [self.estimate, self.velocity_estimate]))
        )
        for value, told in (*read, *handed):
            if value not in kinds:
                yield f"{told}, which it tells nowhere"
        for op in self.operations:
            if isinstance(op, Call) and any(kinds[v] != "y" for v in op.values):
                yield f"evaluates {op.target} at a field value: a field is evaluated at states"
            if isinstance(op, Transform) and kinds[op.value] != "y":
                yield f"transforms the field value {op.value} as {op.target}: combine it to an increment first"
        for given in self.inputs:
            if given.name not in self.outputs:
                yield f"hands nothing on in the place of {given.name}"
            elif kinds[value := self.outputs[given.name]] != given.kind:
                what = "a state is handed on" if given.kind == "y" else "a field value is handed on"
                yield f"hands on {value} in the place of {given.name}: there {what}"


def _exact(value: object, name: str) -> Expr:
    """A number that a family tells, a whole number, a fraction or text too. Raises InputError for a float."""
    if isinstance(value, Expr) and (value.is_Rational or not value.has(Float)):
        return value
    return exact_number(value, name, {})
