"""Dynamic blocks: steps of a scheme on a grid of times, with weights that are a function of time (Onken et al. 2019).

There are two grids, neither uniform unless wanted: the states', between whose points a step is taken, and the
controls', at whose points the weights are kept. A step evaluates its fields at the scheme's own times: fourth-order
Runge–Kutta at t_k, twice in the middle, and at t_{k+1}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Protocol, Unpack

import torch
from torch import Tensor, nn

from tableau2net.codegen import CompiledBlock, Options, compile
from tableau2net.codegen.compile_options import StepOptions
from tableau2net.errors import InputError
from tableau2net.nn.blocks import Specification
from tableau2net.nn.dynamic.controls import Controls, Theta, evaluate
from tableau2net.nn.dynamic.interpolation import AT_A_KNOT, Interpolation, Weights
from tableau2net.nn.dynamic.time_grid import Grid, checked_grid, is_uniform
from tableau2net.nn.dynamic.transfer import carry_statistics
from tableau2net.nn.typed_modules import Rows, rows
from tableau2net.runtime.checkpointed import checkpointed
from tableau2net.runtime.untouched import untouched
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.step.lower import lower

OPTIONS = tuple(StepOptions.__annotations__)


class TimedField(Protocol):
    """What a step evaluates: a slope at a time, and how many evaluations are behind it where their order is known."""

    calls: int

    def __call__(self, t: float, /, *states: Tensor) -> Tensor: ...


class DynamicBlock(nn.Module):
    """Steps of a scheme over the grid `states`, with fields whose parameters are θ(t) over the grid `controls`.

    scheme: any; of two states, a field sees the other's, and the block's state is both side by side in the channels.
    make: ``make(ν)`` is a new layer for field ν of a step (0, 1, …), any module from a state to its slope.
    states: times, at least two. controls: times of the knots, at least one; None for those of the states.
    interpolation: of θ between knots: "constant", "linear" or "cubic"; outside them it is constant.
    options: of the compilation: backward, coupling, solver, start, …; "adjoint" optimises, then discretises.

    Buffers of a layer, running statistics of BatchNorm among them, are kept for each evaluation point: each evaluation
    of each step; where their order is not known beforehand (an implicit scheme, backward="reversible" or "adjoint"),
    each time in each step.

    Where a step is r times as long as the one before, a scheme with a memory takes its older states to have been
    y + r (y_prev − y), and its older slopes as they are: constant slopes are then integrated exactly, as on a uniform
    grid, while an order above 1 holds only where step lengths change little.

    Raises InputError for grids that do not increase, and for what cannot be: on a grid that is not uniform a
    second-order equation, or a memory that backward="reversible" would have to undo; a scheme of more than two states.
    """

    def __init__(
        self,
        scheme: Scheme | str | Path,
        make: Callable[[int], nn.Module],
        states: Iterable[float],
        controls: Iterable[float] | None = None,
        interpolation: Interpolation = "linear",
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__()
        if unknown := [name for name in options if name not in OPTIONS]:
            raise InputError(f"{unknown[0]}: the options of a dynamic block are {', '.join(OPTIONS)}")
        self.scheme = as_scheme(scheme)
        self.options, self.interpolation = options, interpolation
        self.states = checked_grid("states", states)
        self.lengths = tuple(b - a for a, b in pairwise(self.states))
        compiled = compile(self.scheme, time_dependent=True, statistics="shared", **options)  # each point has its own
        program = lower(self.scheme)
        self.halves = len(compiled.states)
        _check(compiled, program.derivative, self.states, options)
        self.controls = rows(
            Controls(partial(make, field), self.states if controls is None else controls, interpolation)
            for field in range(len(compiled.field_names))
        )
        self.history, self.startup = compiled.history, compiled.lookback
        self.looped = options.get("backward", "store") in ("store", "checkpoint")
        self.in_order = self.looped and program.explicit
        # the compiled loop has steps of one length: of length 1 in s, where theirs differ
        self.stretched = not self.looped and not is_uniform(self.states)
        self.fields: Rows[Rows[StepField]] = rows(())
        self.fields = rows(
            rows(
                StepField(controls, times, (n, self.states[n], self.lengths[n]) if self.stretched else None, 1 - field)
                for field, (controls, times) in enumerate(zip(self.own_controls(), of_step, strict=True))
            )
            for n, of_step in enumerate(self._times_of(compiled))
        )
        self.block = (self._made(compiled, self.step_fields()),)  # in a tuple: it has no parameters of its own

    def own_controls(self) -> list[Controls]:
        """θ(t) of each field."""
        return list(self.controls)

    def step_fields(self) -> list[list[StepField]]:
        """For each step its fields, with their evaluation points."""
        return [list(each) for each in self.fields]

    def specification(self) -> Specification:
        """What its steps are."""
        block, steps = self.block[0], len(self.lengths)
        return Specification(
            make=None,
            scheme=self.scheme,
            options=Options(**self.options, time_dependent=True),
            h=max(map(abs, self.lengths)),
            steps=steps,
            startup=min(steps, self.startup),
            evaluations=block.evaluations,
            order=block.order,
        )

    def step_modules(self) -> list[nn.Module]:
        """None: its fields are functions of the time too, and called with their weights."""
        return []

    def forward(self, y: Tensor) -> Tensor:
        parts = y.chunk(2, 1) if self.halves == 2 else (y,)
        found = self._stepped(parts) if self.looped else _as_tuple(self.block[0](*parts))
        return torch.cat(found, 1) if self.halves == 2 else found[0]

    def moved(self, states: Iterable[float] | None = None, controls: Iterable[float] | None = None) -> DynamicBlock:
        """A block on other grids, with the same θ(t) sampled at the new knots, and statistics interpolated in time."""
        own = self.own_controls()
        knots = own[0].knots if controls is None else checked_grid("controls", controls, least=1)
        layers = [iter(control.sampled(knots)) for control in own]
        found = DynamicBlock(
            self.scheme,
            lambda field: next(layers[field]),
            self.states if states is None else states,
            knots,
            self.interpolation,
            **self.options,
        )
        for field in range(len(own)):
            before = [each[field] for each in self.step_fields()]
            after = [each[field] for each in found.step_fields()]
            carry_statistics(
                [(f.times, list(f.points)) for f in before], [(f.times, list(f.points)) for f in after], self.in_order
            )
        return found.train(self.training)

    def roughness(self) -> Tensor:
        """Σ_k (t_{k+1} − t_k) ‖θ_{k+1} − θ_k‖₁ over the knots, of all fields together."""
        return torch.stack([control.roughness() for control in self.own_controls()]).sum()

    def _stepped(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The steps; where it is known beforehand at which times, every θ is interpolated once for all of them."""
        if not self.in_order:
            return self._loop(self.block[0], lambda n: self.step_fields()[n], states)
        known: dict[tuple[int, Weights], Theta] = {}
        thetas = []
        for of_step in self.step_fields():
            for field, own in enumerate(of_step):
                for weights in own.weights:
                    if (field, weights) not in known:
                        known[field, weights] = own.control.combined(weights)
            thetas.append([[known[field, weights] for weights in own.weights] for field, own in enumerate(of_step)])
        return self._loop(self.block[0], lambda n: map(_InOrder, self.step_fields()[n], thetas[n]), states)

    def _loop(
        self,
        block: CompiledBlock | type[CompiledBlock],
        fields_of: Callable[[int], Iterable[TimedField]],
        states: tuple[Tensor, ...],
    ) -> tuple[Tensor, ...]:
        """All steps, with the fields that a step is given made for it each time it is taken."""
        checkpoint = self.options.get("backward") == "checkpoint"
        at_once = [_part(name) if name.startswith("f_n") else None for name in self.history]
        ahead = [0] * len(self.controls)  # evaluations that the first step has behind it

        def take(_: nn.Module, n: int, *inputs: Tensor | None) -> tuple[Tensor, ...]:
            fields = list(fields_of(n))
            for field, calls in zip(fields, ahead, strict=True):
                if n == 0 and calls:
                    field.calls = calls
            step = block.start if n < self.startup else block.step
            return _as_tuple(step(*fields, self.lengths[n], self.states[n], *inputs))

        past: tuple[Tensor | None, ...] = ()
        for part in at_once:
            if part is None:
                past = (*past, None)
            else:
                field = list(fields_of(0))[part]
                past = (*past, field(self.states[0], *states))
                ahead[part] = int(self.in_order)
        for n in range(len(self.lengths)):
            past = self._rescaled(n, states[0], past)
            owner = (
                self.fields[n] if len(self.fields) else nn.Identity()
            )  # whose statistics stand still the second time
            found = (checkpointed if checkpoint else untouched)(take, owner, n, *states, *past)
            states, past = found[: self.halves], found[self.halves :]
        return states

    def _rescaled(self, n: int, y: Tensor, known: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """What is remembered before a step, with older states as if the steps before had been of its length."""
        ratio = self.lengths[n] / self.lengths[n - 1] if n else 1.0
        if abs(ratio - 1) <= AT_A_KNOT:
            return known
        return tuple(
            torch.lerp(y, past, ratio) if name.startswith("y_prev") and past is not None else past
            for name, past in zip(self.history, known, strict=True)
        )

    def _made(self, compiled: type[CompiledBlock], fields: Sequence[Sequence[nn.Module]]) -> CompiledBlock:
        """The compiled block with these fields; its steps are of length 1 where they are stretched."""
        h, begin = (1.0, 0.0) if self.stretched else (self.lengths[0], self.states[0])
        try:
            return compiled([each[0] for each in fields] if len(fields[0]) == 1 else fields, h, begin)
        except ValueError as error:  # rounding errors would grow too much on the way back
            raise InputError(str(error)) from None

    @torch.no_grad()
    def _times_of(self, compiled: type[CompiledBlock]) -> list[list[Grid]]:
        """For each step and field the times at which it is evaluated, seen in a run over states of one number."""
        probes = [[_Probe() for _ in self.controls] for _ in self.lengths]
        states = tuple(torch.zeros(1, dtype=torch.float64) for _ in range(self.halves))
        if self.looped:
            self._loop(compiled, lambda n: probes[n], states)
        else:
            self._made(compiled, probes)(*states)
        return [
            [tuple(times) if self.in_order else _distinct(times) for times in of_step]
            for of_step in ([self._unstretched(n, probe.times) for probe in each] for n, each in enumerate(probes))
        ]

    def _unstretched(self, n: int, times: Iterable[float]) -> list[float]:
        """Times as a step is told, as those that they are."""
        if not self.stretched:
            return list(times)
        return [self.states[n] + (s - n) * self.lengths[n] for s in times]


class StepField(nn.Module):
    """A field of one step: a layer at θ(t), with a point for each time, that has the buffers it has there.

    stretch: (n, begin, length) where a step is one of length 1 in s, and t = begin + (s − n) length.
    """

    calls = 0  # it goes by the time, and counts none

    def __init__(
        self, control: Controls, times: Grid, stretch: tuple[int, float, float] | None = None, other: int = 0
    ) -> None:
        super().__init__()
        self._of = (control,)  # in a tuple: all steps have the same
        self.times, self.stretch, self.other = times, stretch, other
        self.weights = tuple(control.weights(t) for t in times)
        self.points = rows(control.point() for _ in times)

    @property
    def control(self) -> Controls:
        return self._of[0]

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """Those of θ, which the steps share: a backward pass that evaluates fields again asks a field for them."""
        return self.control.parameters(recurse)

    def forward(self, t: float, *states: Tensor) -> Tensor:
        t = float(t)
        if self.stretch is not None:
            n, begin, length = self.stretch
            t = begin + (t - n) * length
        apart = [abs(t - time) for time in self.times]
        nearest = apart.index(min(apart))
        is_there = apart[nearest] <= AT_A_KNOT * max(1.0, abs(t))
        weights = self.weights[nearest] if is_there else self.control.weights(t)
        return self.evaluated(nearest, self.control.combined(weights), states)

    def evaluated(self, number: int, theta: Theta, states: Sequence[Tensor]) -> Tensor:
        """The layer at one of the points, times the length of the step where that is 1 in s."""
        y = states[self.other] if len(states) > 1 else states[0]
        slope = evaluate(self.points[number], theta, y)
        return slope if self.stretch is None else slope * self.stretch[2]


class _InOrder:
    """The field of a step whose evaluations come in a known order, with θ already there for each."""

    def __init__(self, field: StepField, thetas: Sequence[Theta]) -> None:
        self.field, self.thetas = field, thetas
        self.calls = 0

    def __call__(self, t: float, *states: Tensor) -> Tensor:
        call, self.calls = self.calls, self.calls + 1
        return self.field.evaluated(call, self.thetas[call], states)


class _Probe(nn.Module):
    """A field that is zero, and takes down when it is evaluated."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []
        self.calls = 0

    def forward(self, t: float, *states: Tensor) -> Tensor:
        self.times.append(float(t))
        return torch.zeros_like(states[0])


def _check(compiled: type[CompiledBlock], derivative: int, states: Grid, options: StepOptions) -> None:
    if len(compiled.states) > 2:
        raise InputError(f"{compiled.scheme}: it has {len(compiled.states)} states; a dynamic block takes one or two")
    if derivative == 2 and not is_uniform(states):
        raise InputError(f"states={states}: the steps of {compiled.scheme}, for y'' = f, must be of one length")
    undone = options.get("backward") == "reversible" and options.get("coupling") is None
    if undone and compiled.history and not is_uniform(states):
        raise InputError(f"states={states}: backward='reversible' with {compiled.scheme} needs steps of one length")
    if options.get("coupling") is None and any(name.startswith("z") for name in compiled.history):
        raise InputError(f"{compiled.scheme}: it steps on more than the state, and a block cannot start that by itself")


def _part(name: str) -> int:
    """Which field's slope "f_n" is, or "f_n_2"."""
    last = name.rpartition("_")[2]
    return int(last) - 1 if last.isdigit() else 0


def _distinct(times: Iterable[float]) -> Grid:
    """The times in increasing order, those that differ by rounding alone once."""
    found: list[float] = []
    for t in sorted(times):
        if not found or t - found[-1] > AT_A_KNOT * max(1.0, abs(t)):
            found.append(t)
    return tuple(found)


def _as_tuple(found: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return found if isinstance(found, tuple) else (found,)
