"""A block whose steps are taken many at once, in one process or shared by several: layer-parallel training (Günther,
Ruthotto, Schroder, Cyr, Gauger 2020), for any one-step scheme."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from tableau2net.codegen.compiled_block import CompiledBlock, steps_in
from tableau2net.codegen.step_levels import Recorded, StepLevels, parameters_of
from tableau2net.codegen.unrolled import State, as_state, plain_class
from tableau2net.errors import InputError
from tableau2net.multigrid import Hierarchy, Plan
from tableau2net.multigrid.cycles import Multigrid, Values
from tableau2net.multigrid.plan import Relaxation
from tableau2net.multigrid.team import Team, formed, team_of
from tableau2net.runtime.buffers import Before
from tableau2net.runtime.statistics import STATISTICS_BUFFERS, frozen_statistics
from tableau2net.runtime.surroundings import Surroundings


class LayerParallel(nn.Module):
    """A block by multigrid in time; called as the block is, with its fields and coefficients, and in its mode.

    Each process calls it with the same states, takes its part of the steps, and has the whole result; in a backward
    pass the whole gradient, of its own steps' parameters and of the others'.
    """

    def __init__(self, block: CompiledBlock, plan: Plan, team: Team | None = None) -> None:
        super().__init__()
        self.team = team_of() if team is None else team
        self.hierarchy = check_parallel(block, plan, self.team.count)
        self.block, self.plan = block, plan

    def forward(self, *states: Tensor) -> State:
        states = _dense(states)
        call = self._call(states)
        tensors = (*states, *call.tensors)
        if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
            return as_state(_Cycles.apply(call, *tensors))
        with torch.no_grad():
            return as_state(call.forward(states, record=False))

    @torch.no_grad()
    def trajectory(self, *states: Tensor, cycles: int | None = None) -> dict[int, State]:
        """The states after so many forward cycles (the plan's unless given), by the number of steps in front of them:
        those of this process, and the one before them. Without gradients; nothing is counted."""
        states = _dense(states)
        call = self._call(states)
        values = call.sweep(states, self.plan.cycles[0] if cycles is None else cycles)
        return {n: as_state(value) for n, value in sorted(values.items())}

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _call(self, states: tuple[Tensor, ...]) -> _Call:
        key = None
        if any(module.training for module in self.block.modules()):
            drawn = torch.randint(2**62, (1,)).to(states[0].device)
            key = int(self.team.spread((drawn,), 0)[0])
        return _Call(StepLevels(self.block, self.hierarchy, states, key), self.plan, self.team)


def check_parallel(block: CompiledBlock, plan: Plan, processes: int = 1) -> Hierarchy:
    """The grids of a block's steps. Raises InputError, one line, for a block that is not taken by multigrid in time,
    and where the plan does not fit its steps, or the processes its intervals."""
    made, options = block.made_of, block.made_of.options
    name = made.scheme.name or made.scheme.family
    if options.backward == "adjoint" or options.coupling is not None:
        told = "coupling" if options.coupling is not None else "backward='adjoint'"
        raise InputError(f"{name}: {told} is a backward pass of its own; for layer-parallel steps use backward='store'")
    if block.history:
        raise InputError(
            f"{name}: what a step remembers of steps of h is no memory of coarse ones; layer-parallel steps are for "
            "one-step schemes"
        )
    if options.searches(made.scheme):
        raise InputError(
            f"{name}: its implicit stages are searched for up to a tolerance, so that a step is never twice the same; "
            "for layer-parallel steps use solver='fixed-point', gradient='unrolled', tolerance=0"
        )
    if hasattr(block, "turn"):
        raise InputError(f"{name}: steps of learnt length and order; for layer-parallel steps leave depth_rate out")
    plain_class(block)
    hierarchy = Hierarchy.of(steps_in(block), plan)
    hierarchy.check_count(processes)
    if processes > 1 and options.step_weights == "shared" and any(_counts(module) for module in block.field.modules()):
        raise InputError(
            f"{name}: with step_weights='shared' all steps count into one BatchNorm, in turn; for layer-parallel steps "
            "of several processes use a norm without running statistics"
        )
    return hierarchy


def _counts(module: nn.Module) -> bool:
    return bool(getattr(module, "track_running_stats", False))


@dataclass
class _Call:
    """A call of a block: its steps on all levels, and what of them was kept for the backward pass."""

    steps: StepLevels
    plan: Plan
    team: Team
    recorded: dict[tuple[int, int], Recorded] = field(default_factory=dict)

    def __post_init__(self) -> None:
        hierarchy = self.steps.hierarchy
        self.owned = hierarchy.owned(self.team.place, self.team.count)
        users: dict[int, list[int]] = {}
        tensors: dict[int, Tensor] = {}
        for i in range(1, hierarchy.steps + 1):
            for tensor in self._trained(i):
                users.setdefault(id(tensor), []).append(i)
                tensors[id(tensor)] = tensor
        self.tensors = list(tensors.values())
        ends = [hierarchy.owned(place, self.team.count)[0] for place in range(self.team.count)]
        self.mine = [self._within(users[key][0], self.owned[0]) for key in tensors]  # whose total is known here
        self.common = [
            tensor
            for key, tensor in tensors.items()
            if sum(any(self._within(i, own) for i in users[key]) for own in ends) > 1
        ]

    @staticmethod
    def _within(i: int, own: range) -> bool:
        return i in own

    def _trained(self, i: int) -> Iterator[Tensor]:
        leading = self.steps.leading(0, i)
        yield from {id(a): a for a in leading if isinstance(a, Tensor) and a.requires_grad}.values()
        yield from {id(p): p for p in parameters_of(leading)}.values()

    @property
    def fields(self) -> list[nn.Module]:
        """Of all steps, each once."""
        everywhere = range(1, self.steps.hierarchy.steps + 1)
        found = (a for i in everywhere for a in self.steps.leading(0, i) if isinstance(a, nn.Module))
        return list({id(a): a for a in found}.values())

    def sweep(self, states: tuple[Tensor, ...], cycles: int) -> Values:
        """The states of this process after so many cycles. No statistics are updated."""
        hierarchy, relaxation = self.steps.hierarchy, self.plan.relaxation
        before = Before(self.fields)
        with frozen_statistics(self.fields):
            values = Multigrid(hierarchy, relaxation, self.team, self.steps.advance).solve(states, cycles)
        before.changed()
        for module, name in before.values:
            if name not in STATISTICS_BUFFERS or not _counts(module):
                raise RuntimeError(
                    f"layer-parallel steps: {type(module).__name__} changes its buffer {name!r} when it is evaluated, "
                    "so that no two evaluations of a step are the same; use a field without"
                )
        return values

    def forward(self, states: tuple[Tensor, ...], record: bool) -> tuple[Tensor, ...]:
        """The last states, in all processes. Each of its own steps is taken once more at the end, to be counted by what
        counts batches, and with `record` for the backward pass."""
        values = self.sweep(states, self.plan.cycles[0])
        if record or self.steps.key is not None:
            _clear_casts()
            for i in self.owned[0]:
                if record:
                    self.recorded[0, i] = self.steps.recorded(0, i, values[i - 1])
                else:
                    self.steps.advance(0, i, values[i - 1])
            if record:
                self._record_coarse(values)
            _clear_casts()
            self._share_buffers()
        last = self.steps.hierarchy.steps
        return self.team.spread(values.get(last, states), self.team.count - 1)

    def _record_coarse(self, values: Values) -> None:
        """The steps of the coarser levels, at the states that have been found."""
        points = self.steps.hierarchy.points
        with frozen_statistics(self.fields):
            for level in range(1, len(points)):
                for i in self.owned[level]:
                    self.recorded[level, i] = self.steps.recorded(level, i, values[points[level][i - 1]])

    def _share_buffers(self) -> None:
        """What the fields' own process has counted."""
        if self.team.count == 1:
            return
        own = {id(a) for i in self.owned[0] for a in self.steps.leading(0, i) if isinstance(a, nn.Module)}
        buffers = [(field, buffer) for field in self.fields for buffer in field.buffers()]
        with torch.no_grad():
            totals = _totals(self.team, [b for _, b in buffers], [id(f) in own for f, _ in buffers])
            for (field, buffer), total in zip(buffers, totals, strict=True):
                if id(field) not in own:  # those of its own are in graphs
                    buffer.copy_(total)

    def backward(self, cotangent: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The cotangents of the first states and of the tensors, in all processes."""
        hierarchy = self.steps.hierarchy
        last = [len(level) for level in hierarchy.points]

        def back(level: int, i: int, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            found = self.recorded[level, last[level] - i].back(state)
            return tuple(formed(a, b) for a, b in zip(found, cotangent, strict=True))

        cycles = Multigrid(hierarchy.reversed(), self.plan.relaxation, self.team, back)
        values = cycles.solve(cotangent, self.plan.cycles[1])
        gradients = self._weights({hierarchy.steps - i: value for i, value in values.items()})
        first = values.get(hierarchy.steps, cotangent)
        return (*self.team.spread(first, 0), *gradients)

    def _weights(self, cotangents: Values) -> Sequence[Tensor]:
        """The gradients of all tensors; summed from the last step to the first, whatever processes there are."""
        place, count = self.team.place, self.team.count
        totals = {id(t): torch.zeros_like(t) for t in self.tensors}
        common = tuple(self.common)
        if common and place + 1 < count:
            found = self.team.receive(common, place + 1)
            totals |= {id(t): total for t, total in zip(common, found, strict=True)}
        for i in reversed(self.owned[0]):
            for key, gradient in self.recorded[0, i].weights(cotangents[i]).items():
                totals[key] = totals[key] + gradient
        if common and place > 0:
            self.team.send(tuple(totals[id(t)] for t in common), place - 1)()
        return _totals(self.team, [totals[id(t)] for t in self.tensors], self.mine)


def _totals(team: Team, tensors: list[Tensor], mine: list[bool]) -> list[Tensor]:
    """Tensors that are known in one process each, in all of them."""
    if team.count == 1:
        return tensors
    found = list(tensors)
    for kind in dict.fromkeys((t.device, t.dtype) for t in tensors):
        those = [n for n, t in enumerate(tensors) if (t.device, t.dtype) == kind]
        parts = [(tensors[n] if mine[n] else torch.zeros_like(tensors[n])).reshape(-1) for n in those]
        flat = team.total(torch.cat(parts))
        for n, part in zip(those, torch.split(flat, [len(part) for part in parts]), strict=True):
            found[n] = part.view(tensors[n].shape)
    return found


def _dense(states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """States that lie in memory without gaps, as those do that have been sent."""
    return tuple(formed(y, torch.empty_like(y)) for y in states)


def _clear_casts() -> None:
    """Weights that autocast has cast without a graph are not those that one is recorded with."""
    torch.clear_autocast_cache()


class _Cycles(torch.autograd.Function):
    """A call as one operation of the graph, with all that is trained among its inputs."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: Tensor) -> tuple[Tensor, ...]:
        states = tensors[: len(call.steps.like)]
        ctx.call, ctx.surroundings = call, Surroundings(states[0].device)
        ctx.shapes = [t.shape for t in tensors]
        return tuple(y.clone() for y in call.forward(states, record=True))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        call: _Call = ctx.call
        like = call.steps.like
        given = tuple(torch.empty_like(y).copy_(c) for y, c in zip(like, cotangents, strict=True))
        with ctx.surroundings.restored(call.fields, call.tensors):
            return (None, *call.backward(given))


def parallel(
    block: CompiledBlock,
    levels: int = 2,
    coarsening: int = 4,
    relaxation: Relaxation = "FCF",
    cycles: tuple[int, int] = (2, 1),
) -> LayerParallel:
    """The block with its steps taken many at once: a module that is called as the block is, on its fields and
    coefficients, shared by the processes of torch.distributed where that has been started.

    levels, coarsening, relaxation, cycles: see `tableau2net.multigrid.Plan`. After as many cycles as
    `Hierarchy.exact_after` says, N/(2m) with FCF, the result is that of the block to the bit, and so is the gradient.

    Raises InputError for a multistep scheme, for stages that are searched for up to a tolerance, for a block whose call
    is more than its steps, where the plan does not fit the steps, and for more processes than intervals.
    """
    return LayerParallel(block, Plan(coarsening, levels, relaxation, cycles))
