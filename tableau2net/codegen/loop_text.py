"""The loop over steps in ``forward``: its head, and what is called in it."""

from __future__ import annotations

from collections.abc import Iterator

from tableau2net.codegen.emitted import Program
from tableau2net.codegen.startup import evaluated_parts


class Loop:
    """The parts of the loop's text, for whatever the backward pass does at each step."""

    def __init__(self, ready: Program) -> None:
        self.ready, self.options = ready, ready.options
        self.history = [i.name for i in ready.step.history]
        self.states = [i.name for i in ready.step.states]
        self.one_field = self.options.step_weights == "shared"
        self.several = len(ready.field_names) > 1
        self.per_step = bool(ready.learning.raw) and self.options.sharing != "shared"

    @property
    def head(self) -> str:
        """The loop over steps, numbered where something depends on the number."""
        numbered = bool(self.ready.depth or self.per_step or self.options.time_dependent or self.turns)
        each = "each" if self.several else self.ready.field_names[0]
        if self.one_field:
            return "for n in range(self.steps):" if numbered else "for _ in range(self.steps):"
        return f"for n, {each} in enumerate(self.fields):" if numbered else f"for {each} in self.fields:"

    @property
    def turns(self) -> bool:
        """Whether fields that serve all steps are other ones in each, for the statistics that they keep."""
        return self.one_field and bool(self.ready.evaluated)

    def fields(self) -> Iterator[str]:
        """Inside the loop: the fields of the step under their names."""
        names = self.ready.field_names
        if self.turns and self.several:
            yield f"{', '.join(names)} = (in_turn(each, n) for each in cast('Iterable[nn.Module]', self.field))"
        elif self.turns:
            yield f"{names[0]} = in_turn(self.field, n)"
        elif self.several:
            yield f'{", ".join(names)} = cast("Iterable[nn.Module]", {"self.field" if self.one_field else "each"})'
        elif self.one_field:
            yield f"{names[0]} = self.field"

    def leading(self) -> list[str]:
        """The arguments of `step` before the inputs."""
        index = ("[n - self.startup]" if self.ready.depth else "[n]") if self.per_step else ""
        arguments = [*self.ready.field_names, "h"] + ["self.t0 + n * h"] * self.options.time_dependent
        return arguments + [f"{name}{index}" for name in self.ready.factors.values()]

    def starting(self) -> str:
        """The call of `start`."""
        assert self.ready.start is not None
        fields = [self.ready.first_field(part) for part in evaluated_parts(self.ready.start)]
        arguments = [*fields, "h"] + ["self.t0 + n * h"] * self.options.time_dependent
        return f"untouched(self.start, {', '.join([*arguments, *self.states, *self.history])})"

    @property
    def handed_on(self) -> str:
        """The left side of an assignment from a step: its inputs, a step later."""
        return ", ".join([*self.states, *self.history])


def unpacked(names: list[str]) -> str:
    """The left side of an assignment from a tuple."""
    return f"({names[0]},)" if len(names) == 1 else ", ".join(names)
