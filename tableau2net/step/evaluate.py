"""The field at a state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tableau2net.step.operation import Assignment, Call, Element, Notation, NumberValues, SeriesValues, Vector

TIME = -1  # the tail of a tree that stands for ∂/∂t


@dataclass(frozen=True)
class Evaluate(Call):
    """``target = f(t_n + time·h, values…)``: a field value."""

    def on_linear(self) -> tuple[Assignment, ...]:
        return (self,)

    def on_series(self, series: SeriesValues) -> Callable[[int], Element]:
        """(h f(t + c h, Y))(t) = Π_i Y(u_i) · c^m for t = [u_1, …, u_r, m time leaves]: head by head."""
        own, states, time = series.of(self.target), series.states(self), series.time(self.target)
        zero, one, part, colours = series.zero, series.one, self.part, series.forest.colours
        head, tail, colour = series.forest.head, series.forest.tail, series.forest.colour

        def at(tree: int) -> Element:
            if colours > 1 and colour[tree] != part:
                return zero
            if tree < colours:
                return one
            branch = tail[tree]
            return own[head[tree]] * (time if branch == TIME else states[colour[branch]][branch])

        return at

    def on_numbers(self, numbers: NumberValues) -> Vector:
        return numbers.field(self, tuple(map(numbers.of, self.values)))

    def written(self, notation: Notation) -> str:
        return notation.evaluation(self)
