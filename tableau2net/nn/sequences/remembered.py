"""What a scheme remembers from step to step, and how it begins where that is not handed in: as a block begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from tableau2net.codegen import CompiledBlock
from tableau2net.codegen.emitted import program
from tableau2net.codegen.startup import evaluated_parts, slope_weight

Given = tuple[Tensor | None, ...]  # what a step is given: states, then what is remembered; None for what is not known


@dataclass(frozen=True)
class Slot:
    """A thing remembered, `age` steps old, and how it is made at the very first state: as `weight` of that, and
    `slope` of h times a field's slope (as that slope where `field` is not None and weight is None).

    field, reads: which field of the step that is, and the states that it is called with; None where a start-up step
    makes the thing."""

    age: int
    weight: float | None = None
    slope: float = 0.0
    field: int | None = None
    reads: tuple[int, ...] = (0,)

    def first(self, states: Given, slope_of: Callable[[int, tuple[int, ...]], Tensor], h: float) -> Tensor | None:
        """What it is at the first state; None where that is for the start-up steps to say."""
        if self.weight is None:
            return None if self.field is None else slope_of(self.field, self.reads)
        assert states[0] is not None
        known = self.weight * states[0]
        return known if self.field is None else known.add(slope_of(self.field, self.reads), alpha=self.slope * h)


@dataclass(frozen=True)
class Remembered:
    """Of a block of one-field steps: its slots, and which of its fields a start-up step is given."""

    slots: tuple[Slot, ...]
    starting: tuple[int, ...]

    @classmethod
    def of(cls, block: CompiledBlock) -> Remembered:
        """Read from the program that the block was written from."""
        if not block.history:
            return cls((), ())
        ready = program(block.made_of.scheme, block.made_of.options)

        def numbered(part: int) -> tuple[int, tuple[int, ...]]:
            reads = next((op.reads for op in ready.step.calls if op.part == part), (0,))
            return ready.field_names.index(ready.first_field(part)), tuple(reads)

        slots = []
        for given in ready.step.history:
            if given.kind == "f" and given.age == 0:
                slots.append(Slot(0, None, 0.0, *numbered(given.part)))
            elif given.nordsieck is not None:
                weight = float(slope_weight(given, ready.step.derivative))
                slots.append(Slot(given.age, float(given.nordsieck[0]), weight, *numbered(0) if weight else ()))
            else:
                slots.append(Slot(given.age))
        parts = [] if ready.start is None else evaluated_parts(ready.start)
        return cls(tuple(slots), tuple(numbered(part)[0] for part in parts))

    def startup(self, past: Given) -> int:
        """How many steps are to be taken before the memory is there, where so much of it is handed in."""
        oldest = max((slot.age for slot in self.slots), default=0)
        missing = [slot.age for slot, value in zip(self.slots, past, strict=True) if value is None and slot.age]
        return oldest + 1 - min(missing) if missing else 0

    def opened(
        self, states: Given, past: Given, fields: Sequence[Callable[..., Tensor]], h: float, when: Sequence[float]
    ) -> Given:
        """The past with what is known of it at the first state. fields: as the first step has them; when: the time,
        where they are called with it."""

        def slope_of(field: int, reads: tuple[int, ...]) -> Tensor:
            return fields[field](*when, *(states[i] for i in reads))

        pairs = zip(self.slots, past, strict=True)
        return tuple(slot.first(states, slope_of, h) if value is None else value for slot, value in pairs)
