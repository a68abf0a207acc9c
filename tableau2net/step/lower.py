"""The lowering of a scheme to the step program: its family tells the step, here it is written down."""

from __future__ import annotations

from functools import cache

from sympy import Expr

from tableau2net.scheme import Scheme
from tableau2net.scheme.lowering import Terms
from tableau2net.step.combine import Combine
from tableau2net.step.evaluate import Evaluate
from tableau2net.step.operation import Assignment
from tableau2net.step.program import Input, Step
from tableau2net.step.schedule import scheduled


@cache
def lower(scheme: Scheme) -> Step:
    """The step program of a scheme: complete, with embedded estimate and stages nothing reads; see `passes.prune`."""
    writer = Writer()
    scheme.lower(writer)
    if lost := [given.name for given in writer.inputs if given.name not in writer.outputs]:
        raise TypeError(f"{type(scheme).__name__}.lower hands nothing on in the place of {', '.join(lost)}")
    return Step(
        inputs=tuple(writer.inputs),
        operations=scheduled(writer.operations),
        outputs=tuple(writer.outputs[given.name] for given in writer.inputs),
        estimate=writer.estimate,
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
        self.derivative = 1
        self.fields = 1

    def state(self, name: str, age: int = 0, *, component: int = 0, nordsieck: tuple[Expr, ...] | None = None) -> str:
        self.inputs.append(Input(name, "y", age, component=component, nordsieck=nordsieck))
        return name

    def slope(self, name: str, age: int = 0, *, part: int = 0, stage: str | None = None) -> str:
        self.inputs.append(Input(name, "f", age, part=part, stage=stage))
        return name

    def combine(self, name: str, terms: Terms) -> str:
        self.operations.append(Combine(name, tuple((c, v) for c, v in terms if not c.is_zero)))
        return name

    def value(self, name: str, terms: Terms) -> str:
        left = [(c, v) for c, v in terms if not c.is_zero]
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
        self.operations.append(Evaluate(name, (at,) if isinstance(at, str) else at, time, stage, part, reads))
        return name

    def apply(self, operation: Assignment) -> str:
        self.operations.append(operation)
        return operation.target

    def hand_on(self, known: str, value: str) -> None:
        self.outputs[known] = value
