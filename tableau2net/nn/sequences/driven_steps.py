"""The steps of a scheme over a sequence, each with its entry of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from tableau2net.codegen import CompiledBlock
from tableau2net.nn.sequences.driven import Driven, DrivenBetween, drive_of, hoisted_of
from tableau2net.nn.sequences.remembered import Given, Remembered


class DrivenSteps:
    """All steps over x (T, N, …): ``steps(n, *fields, *inputs)`` takes the n-th, a pure function.

    What fields make of the whole sequence, and of their weights alone, is made once, here.

    between: whether x goes in a straight line from the entry before.  t0: the time at which steps begin, for fields
    that are called with it; None for those that are not.
    driven: of each field, what its steps are handed, (T, N, …)."""

    def __init__(
        self,
        block: CompiledBlock,
        memory: Remembered,
        fields: Sequence[nn.Module],
        x: Tensor,
        between: bool,
        t0: float | None,
    ) -> None:
        self.step, self.h, self.memory, self.t0 = block.step, block.h, memory, t0
        self.start = getattr(block, "start", block.step)
        self.driven = [drive_of(field, x) for field in fields]
        self.entries = list(zip(*(u.unbind() for u in self.driven), strict=True))
        self.hoisted = [hoisted_of(field) for field in fields]
        self.factors = block.hoisted() if block.coefficients else ()
        self.bound = self._between if between else self._held
        self.startup = 0

    def __len__(self) -> int:
        return len(self.entries)

    def opened(self, fields: Sequence[nn.Module], states: Given, past: Given) -> Given:
        """The inputs of the first step, with what is known of the past at the first state; how many steps start up, and
        of which dtype the states are, is then known too."""
        first = [Driven(f, u, b) for f, u, b in zip(fields, self.entries[0], self.hoisted, strict=True)]
        self.startup = self.memory.startup(past)
        self.factors = tuple(factor.to(y.dtype) for factor in self.factors for y in states[:1] if y is not None)
        when = () if self.t0 is None else (self.t0,)
        return (*states, *self.memory.opened(states, past, first, self.h, when))

    def __call__(self, n: int, *arguments: Any) -> Given:
        count = len(self.hoisted)
        fields, when = self.bound(n, arguments[:count])
        if n < self.startup:
            found = self.start(*(fields[i] for i in self.memory.starting), self.h, *when, *arguments[count:])
        else:
            found = self.step(*fields, self.h, *when, *self.factors, *arguments[count:])
        return found if isinstance(found, tuple) else (found,)

    def _held(self, n: int, fields: Sequence[nn.Module]) -> tuple[list[Driven], tuple[float, ...]]:
        """The fields in a step all of which reads one entry, and the time that it is told."""
        when = () if self.t0 is None else (self.t0 + n * self.h,)
        return [Driven(f, x, b) for f, x, b in zip(fields, self.entries[n], self.hoisted, strict=True)], when

    def _between(self, n: int, fields: Sequence[nn.Module]) -> tuple[list[Driven], tuple[float, ...]]:
        """The same from the entry before to this one: the step is told its own time, from 0 to h."""
        begin = None if self.t0 is None else self.t0 + n * self.h
        each = zip(fields, self.entries[max(n - 1, 0)], self.entries[n], self.hoisted, strict=True)
        return [DrivenBetween(f, before, x, b, self.h, begin) for f, before, x, b in each], (0.0,)
