"""The derivative of the field along a direction."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

import mpmath
from sympy import Expr, Rational, S

from tableau2net.step.combine import Combine
from tableau2net.step.evaluate import TIME, Evaluate
from tableau2net.step.operation import Assignment, Call, Element, Notation, NumberValues, SeriesValues, Vector


@dataclass(frozen=True)
class Along(Call):
    """``target = f_y(t_n + time·h, Y)·u + moved·h·f_t(t_n + time·h, Y)``: a field value, at the state Y along u.

    direction: u, an increment (a combination of field values, which holds no y) or a field value, which counts with h
    as everywhere; "" for none.  moved: how far time moves along, in units of h.
    Along f itself, with moved = 1, it is h times the second derivative of the solution."""

    direction: str = dataclasses.field(kw_only=True, default="")
    moved: Expr = dataclasses.field(kw_only=True, default=S.Zero)

    @property
    def operands(self) -> tuple[str, ...]:
        return (*self.values, *([self.direction] if self.direction else []))

    @property
    def coefficients(self) -> tuple[Expr, ...]:
        return self.time, self.moved

    @property
    def meaning(self) -> tuple[object, ...]:
        return Along, self.time, self.moved, bool(self.direction), self.part, self.reads

    def reading(self, new: Callable[[str], str]) -> Self:
        return replace(super().reading(new), direction=self.direction and new(self.direction))

    def on_linear(self) -> tuple[Assignment, ...]:
        """f·u, where f does not depend on time."""
        if self.direction:
            return (Evaluate(self.target, (self.direction,), self.time, self.slot, self.part, self.reads),)
        nothing = f"{self.target}_along"
        return (Combine(nothing, ()), Evaluate(self.target, (nothing,), self.time, self.slot, self.part, self.reads))

    def on_series(self, series: SeriesValues) -> Callable[[int], Element]:
        """The derivative of Π Y(u_i) · c^m: of each factor in turn, Y(u) becoming U(u) and c becoming `moved`."""
        own, states, time = series.of(self.target), series.states(self), series.time(self.target)
        direction = series.of(self.direction) if self.direction else []
        forest, zero, one, part = series.forest, series.zero, series.one, self.part
        head, tail, colour, colours = forest.head, forest.tail, forest.colour, forest.colours
        counted = series.factor(S.One, self.direction) if self.direction else zero
        moved = series.factor(self.moved, self.target)  # times h, as a field value
        plain: list[Element] = []  # Π Y(u_i) · c^m

        def at(tree: int) -> Element:
            if colours > 1 and colour[tree] != part:
                plain.append(zero)
                return zero
            if tree < colours:
                plain.append(one)
                return zero
            branch = tail[tree]
            if branch == TIME:
                value, changed = time, moved
            else:
                value = states[colour[branch]][branch]
                changed = direction[branch] * counted if direction else zero
            plain.append(plain[head[tree]] * value)
            return own[head[tree]] * value + plain[head[tree]] * changed

        return at

    def on_numbers(self, numbers: NumberValues) -> Vector:
        """By central differences, in twice the digits that are wanted."""
        (y,) = map(numbers.of, self.values)
        u = numbers.sum(((S.One, self.direction),)) if self.direction else [0 * x for x in y]
        inverse = 10 ** (mpmath.mp.dps // 2)
        with mpmath.workdps(2 * mpmath.mp.dps):
            ahead, behind = (
                numbers.field(
                    replace(self, time=self.time + self.moved * Rational(s, inverse)),
                    ([a + s * b / inverse for a, b in zip(y, u, strict=True)],),
                )
                for s in (1, -1)
            )
            return [(a - b) * inverse / 2 for a, b in zip(ahead, behind, strict=True)]

    def written(self, notation: Notation) -> str:
        at, field = ", ".join(map(notation.name, self.values)), notation.field(self)
        u = notation.sum(((S.One, self.direction),)) if self.direction else ""
        if notation.language == "latex":
            moved = [] if self.moved.is_zero else [f"{notation.scaled(self.moved)} {field}_t"]
            terms = [f"{field}_y {u}"] * bool(u) + moved
            inside = " + ".join(terms) or "0"
            return rf"\left({inside}\right)\left({notation.time(self)}, {at}\right)"
        if notation.language == "text":
            return f"d{field}({notation.time(self)}, {at}; {u or '0'}, {self.moved}·h)"
        return f"slope_along({field}, {at}{', ' + u if u else ', None'}{self.in_time(notation)})"

    def in_time(self, notation: Notation) -> str:
        """The last arguments of its function in code: the time, how far it moves, and h or −h, whichever goes into the
        step; nothing where time stands still, or fields do not know it."""
        time = notation.time(self)
        if not time or self.moved.is_zero:
            return f", {time[:-2]}" if time else ""
        inward = S.One if self.time.is_number and self.time <= Rational(1, 2) else S.NegativeOne
        return f", {time}{notation.scaled(self.moved)}, {notation.scaled(inward)}"

    def saved(self, learnt: object) -> Iterable[str]:
        return self.operands
