"""Steps of one-step schemes, by the generated code: with an error estimate, and with values inside the step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple

import torch
from sympy import Expr, Rational
from torch import Tensor

from tableau2net.analysis import order, order_conditions
from tableau2net.analysis.order.dense_output import Dense, dense_weights, stages_at_ends
from tableau2net.codegen import CompiledBlock, CompileOptions, compile
from tableau2net.errors import InputError
from tableau2net.integration.control import Controller, Factors
from tableau2net.integration.system import CountedField, States, System
from tableau2net.integration.unseen import Unseen
from tableau2net.runtime.checkpointed import taken_again
from tableau2net.scheme import RungeKutta, RungeKuttaNystrom, Scheme
from tableau2net.step import lower

HIGHEST = 9  # no table's stages give an interpolant of an order nearly as high as more than this
LARGEST = 1e3  # weight of an interpolant: beyond, what cancels between them is more than it is worth
POINT = 100  # binary digits of a weight
LINEAR = 1e-10  # of the linear systems of a step, relative to their right sides, where they are too large for a matrix


class TakenStep(NamedTuple):
    """A step: the states at its end, the error estimate, and slopes that were asked for, by stage."""

    states: States
    error: States | None
    slopes: dict[int, Tensor]


@cache
def generated(scheme: Scheme, reveal: tuple[str, ...] = ()) -> type[CompiledBlock]:
    """The class of a scheme whose static `step` is taken; its implicit stages are solved by what fields have for it."""
    options: CompileOptions = {"time_dependent": True, "statistics": "shared", "reveal": reveal}
    if not lower(scheme).explicit:
        options |= {"solver": "field", "tolerance": LINEAR}
    return compile(scheme, **options)


def called(made: type[CompiledBlock], system: System) -> list[CountedField]:
    """The fields that the step of a class takes: those of the parts in their names, ``f_2`` the second; a part that a
    step does not evaluate is not among them."""
    return [system.fields[int(name.partition("_")[2] or 1) - 1] for name in made.field_names]


class OneStep:
    """A one-step scheme without parameters on a system.

    controlled: steps come with the estimate of an embedded method.
    output: values inside steps will be asked for.
    """

    def __init__(self, scheme: Scheme, system: System, *, controlled: bool = False, output: bool = False) -> None:
        self.scheme, self.system, self.controlled = scheme, system, controlled
        self.order = order(scheme)
        self.start, self.end = _stages_at_ends(scheme)
        self.dense = self._interpolant() if output else None
        self._last = self.dense.end if self.dense else self.end
        wanted = {i for i in (self.start, self.end) if i is not None} if controlled or self.dense else set()
        if self.dense is not None:
            wanted |= {i for i in self._read(self.dense) if i < scheme.stages}  # type: ignore[attr-defined]
        self._reveal(sorted(wanted), ("error", "velocity_error")[: len(lower(scheme).estimates)] if controlled else ())
        program = lower(scheme)
        self._velocity = program.velocity is not None
        self._again = program.explicit and program.plain and all(field.again for field in self._fields)

    def _reveal(self, stages: Sequence[int], errors: tuple[str, ...] = ()) -> None:
        """Take the generated step that gives these slopes and errors too."""
        self.revealed = stages
        reveal = errors + tuple(f"k{i + 1}" for i in stages)
        made = generated(self.scheme, reveal=reveal)
        self._step, self._fields = made.step, called(made, self.system)
        self._plain = not reveal
        self._count, self._errors = len(self.system.states), len(errors)

    def _interpolant(self) -> Dense | None:
        """The tableau's, where it is nearly as good as its steps."""
        if not isinstance(self.scheme, RungeKutta) or not 1 <= self.order <= HIGHEST:
            return None
        dense = dense_weights(self.scheme)
        if self.scheme.dense_b:  # its coefficients are large, what they come to is not
            thetas = [k / 32 for k in range(33)]
            largest = max(abs(_at(row, theta)) for row in _scaled(dense) for theta in thetas)
        else:
            largest = max(abs(float(c)) for row in dense.weights for c in row)
        return dense if dense.order >= self.order - 1 and largest <= LARGEST else None

    def _read(self, dense: Dense) -> set[int]:
        """The values that the interpolant reads, and those that its own stages do."""
        assert isinstance(self.scheme, RungeKutta)
        read = {i for i, row in enumerate(dense.weights) if any(row)}
        for i, own in reversed([*enumerate(self.scheme.dense or (), self.scheme.stages)]):
            if i in read:
                read |= {j for j, a in enumerate(own) if not a.is_zero}
        return read

    def take(self, t: float, h: float, states: States) -> TakenStep:
        """A step of size h."""
        out = self._taken(t, h, states)
        if self._plain:
            return TakenStep(out, None, {})
        n, slopes = self._count, len(out) - len(self.revealed)
        error = out[n:slopes] if self._errors else None
        found = dict(zip(self.revealed, out[slopes:], strict=True))
        if self.start in found:
            self.system.fields[0].know(t, states[0], found[self.start])
        return TakenStep(out[:n], error, found)

    def _taken(self, t: float, h: float, states: States) -> tuple[Tensor, ...]:
        """What the generated step gives."""
        if self._velocity:
            y, v = states
            return self._scaled(self._once(h, t, y, v * h), h)
        out = self._once(h, t, *states)
        return out if isinstance(out, tuple) else (out,)

    def _once(self, h: float, t: float, *states: Tensor) -> Any:
        """The generated step; where its arguments alone are kept, with the slope that it may begin with among them."""
        if not self._again or not torch.is_grad_enabled():
            return self._step(*self._fields, h, t, *states)
        functions = [own for field in self._fields for own in (*field.held, field.function)]
        slope = self._fields[0].known(t, states[0])

        def step(*given: Any) -> Any:
            slope, *states = given[len(functions) :]
            first = _Begun(self._fields[0], t, states[0], slope)
            return self._step(first, *(field.within for field in self._fields[1:]), h, t, *states)

        return taken_again(step, *functions, slope, *states)

    def _scaled(self, out: tuple[Tensor, ...], h: float) -> tuple[Tensor, ...]:
        """What a step for y'' = f gives, with y' in the place of h·y'. Where y alone is estimated, so is h·y', as 0."""
        y, hv, *rest = out
        errors = rest[: self._errors]
        if len(errors) == 2:
            rest[1] = rest[1] / h
        elif errors:
            rest.insert(1, 0 * hv)
        return (y, hv / h, *rest)

    def step_of(self, field: Any, y: Tensor) -> tuple[Tensor, ...]:
        """What the generated step of size 1 from 0 gives for another field: y, the error, and the slopes revealed."""
        found: tuple[Tensor, ...] = self._step(field, 1.0, 0.0, y)
        return found

    def ended(self, t: float, taken: TakenStep) -> None:
        """The step that ended at t is kept: its last slope may be the next one's first."""
        if self._last in taken.slopes:
            self.system.fields[0].know(t, taken.states[0], taken.slopes[self._last])

    def between(self, t: float, h: float, states: States, taken: TakenStep, time: float) -> States:
        """The states at a time inside a step: by the tableau's interpolant, or else by a step of their own."""
        if self.dense is None:
            return self._shorter.take(t, time - t, states).states
        (y,), field = states, self.system.fields[0]
        values = self._values(self.dense, field, t, h, y, taken)
        theta = (time - t) / h
        for i, row in self._rows:
            y = y.add(values[i], alpha=_at(row, theta) * h)
        return (y,)

    def _values(
        self, dense: Dense, field: CountedField, t: float, h: float, y: Tensor, taken: TakenStep
    ) -> dict[int, Tensor]:
        """The slopes that the interpolant needs: f at the ends is evaluated where no stage is there."""
        values = taken.slopes
        if dense.start not in values:
            values[dense.start] = field(t, y)
        if dense.end not in values:
            values[dense.end] = field(t + h, taken.states[0])
        for i, node, row in self._further:
            if i not in values:
                at = y
                for j, a in row:
                    at = at.add(values[j], alpha=a * h)
                values[i] = field(t + node * h, at)
        return values

    @cached_property
    def _further(self) -> list[tuple[int, float, list[tuple[int, float]]]]:
        """The stages for dense output that are read: their number, node and entries."""
        assert isinstance(self.scheme, RungeKutta)
        assert self.dense is not None
        read = self._read(self.dense)
        rows = [(i, row) for i, row in enumerate(self.scheme.dense or (), self.scheme.stages) if i in read]
        entries = ((i, [(j, float(a)) for j, a in enumerate(row) if not a.is_zero]) for i, row in rows)
        return [(i, sum(a for _, a in row), row) for i, row in entries]

    @cached_property
    def _rows(self) -> list[tuple[int, list[int]]]:
        assert self.dense is not None
        return [(i, row) for i, row in enumerate(_scaled(self.dense)) if any(row)]

    @cached_property
    def _shorter(self) -> OneStep:
        return OneStep(self.scheme, self.system)

    def control(self, factors: Factors) -> Controller:
        """What decides on the next step."""
        return Controller(self.error_order, factors)

    def forget(self) -> None:
        """f jumps where the step has ended."""
        self.system.forget()

    @property
    def error_order(self) -> int:
        """q + 1 for an error estimate of O(h^(q + 1))."""
        return min(self.order, order_conditions(self.scheme, embedded=True).order) + 1


class _Begun:
    """A field within a step that is taken again, with its slope at the beginning where that was known."""

    def __init__(self, field: CountedField, t: float, y: Tensor, slope: Tensor | None) -> None:
        self.field, self.t, self.y, self.slope = field, t, y, slope

    def __call__(self, t: float, *states: Tensor) -> Tensor:
        if self.slope is not None and states[0] is self.y and t == self.t:
            return self.slope
        return self.field.within(t, *states)


def _scaled(dense: Dense) -> list[list[int]]:
    """The weights' coefficients in units of 2^-POINT: those of order 8 are so large that floats lose ten digits."""
    return [[_whole(c) for c in row] for row in dense.weights]


def _whole(c: Expr) -> int:
    number = c if isinstance(c, Rational) else Rational(c.evalf(POINT // 3))
    return (int(number.p) << POINT) // int(number.q)


def _at(row: list[int], theta: float) -> float:
    """A polynomial of `_scaled` coefficients."""
    at, weight = int(theta * 2**POINT), 0
    for coefficient in reversed(row):
        weight = (weight * at >> POINT) + coefficient
    return weight / (1 << POINT)


def _stages_at_ends(scheme: Scheme) -> tuple[int | None, int | None]:
    """The stages that are f at y, and at the new one, so that a slope need not be computed twice."""
    if isinstance(scheme, RungeKutta):
        return stages_at_ends(scheme)
    if isinstance(scheme, RungeKuttaNystrom) and scheme.A is None:
        last = scheme.c[-1] == 1 and scheme.A_bar[-1] == scheme.b_bar
        return (None if scheme.c[0] or any(scheme.A_bar[0]) else 0), (scheme.stages - 1 if last else None)
    return None, None


class Doubled(OneStep):
    """The same without an embedded method: two steps of half the size, and one of the whole to measure them by
    (HNW I, II.4, eq. 4.4)."""

    def __init__(self, scheme: Scheme, system: System) -> None:
        super().__init__(scheme, system)
        if self.order < 1:
            raise InputError(f"{scheme.name}: order {self.order}, whose error cannot be controlled; give steps=")
        self._middle: States = ()
        self._unseen = Unseen.of(scheme, system)
        if self._unseen is not None:
            self._reveal(range(len(scheme.c)))  # type: ignore[attr-defined]

    def take(self, t: float, h: float, states: States) -> TakenStep:
        middle, _, first = super().take(t, h / 2, states)
        new, _, second = super().take(t + h / 2, h / 2, middle)
        whole, _, slopes = super().take(t, h, states)  # last: its stages are easily guessed then
        self._middle = middle
        scale = 1 / (2**self.order - 1)
        error = tuple((a - b).mul_(scale) for a, b in zip(new, whole, strict=True))
        if self._unseen is not None:
            halves = (*first.values(), *second.values())
            unseen = self._unseen.error(t, h, states[0], new[0], halves, (*slopes.values(),))
            error = (error[0].abs() + unseen,)
        return TakenStep(new, error, {})

    def between(self, t: float, h: float, states: States, taken: TakenStep, time: float) -> States:
        half = t + h / 2
        if (time - half) * h >= 0:
            return super().take(half, time - half, self._middle).states if time != half else self._middle
        return super().take(t, time - t, states).states

    @property
    def error_order(self) -> int:
        return self.order + 1
