"""The steps of a block's call as multigrid in time takes them: on every level, again and again, each time the same."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.codegen.compiled_block import CompiledBlock
from tableau2net.codegen.unrolled import Unrolled, as_tuple
from tableau2net.multigrid import Hierarchy
from tableau2net.multigrid.team import State, formed
from tableau2net.runtime.checkpointed import checkpointed
from tableau2net.runtime.random_state import RandomState
from tableau2net.runtime.untouched import untouched

ODD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: keys of neighbouring steps have nothing in common


class StepLevels:
    """The steps of ``block(*states)`` on every level of a hierarchy of grids: on a coarser one, the block's own step
    with the length of the interval, and with the field, learnt factors and time of the interval's first step.

    key: what random numbers in a step follow from, together with the number of its field: each evaluation of a step
    draws the same, on all levels. None where nothing is drawn.
    """

    def __init__(self, block: CompiledBlock, hierarchy: Hierarchy, states: State, key: int | None) -> None:
        self.block, self.hierarchy, self.like, self.key = block, hierarchy, states, key
        self.timed = block.made_of.options.time_dependent
        self.keeps = checkpointed if block.made_of.options.backward in ("checkpoint", "reversible") else untouched
        self.loops = {1: Unrolled(block, *states).steps}

    def leading(self, level: int, i: int) -> tuple[Any, ...]:
        """The arguments of the step that ends at point i of a level, in front of the states."""
        begin, end = self.hierarchy.points[level][i - 1 : i + 1]
        found: tuple[Any, ...] = self._loop(end - begin)[begin][2]
        if not self.timed:
            return found
        at = len(self.block.field_names) + 1  # behind the fields and h
        return (*found[:at], self.block.t0 + begin * self.block.h, *found[at + 1 :])

    def _loop(self, length: int) -> list[Any]:
        """The loop with steps so many times as long."""
        if length not in self.loops:
            cls = type(self.block)
            other = cls.__new__(cls)
            other.__dict__.update(vars(self.block))
            other.__dict__["h"] = length * self.block.h
            with torch.no_grad():
                self.loops[length] = Unrolled(other, *self.like).steps
        return self.loops[length]

    def advance(self, level: int, i: int, state: State) -> State:
        """The state at point i of a level, from that at the point before it."""
        return self._taken(untouched, level, i, self.leading(level, i), state)

    def recorded(self, level: int, i: int, state: State) -> Recorded:
        """The same, with what its backward pass needs."""
        leading = self.leading(level, i)
        given = tuple(y.detach().requires_grad_() for y in state)
        factors = {id(a): a.detach().requires_grad_() for a in leading if isinstance(a, Tensor) and a.requires_grad}
        with torch.enable_grad():
            new = self._taken(self.keeps, level, i, tuple(factors.get(id(a), a) for a in leading), given)
        own = {id(p): p for p in parameters_of(leading)} if level == 0 else {}
        return Recorded(given, new, factors | own if level == 0 else {})

    def _taken(self, keeps: Any, level: int, i: int, leading: tuple[Any, ...], state: State) -> State:
        begin = self.hierarchy.points[level][i - 1]
        step = self.loops[1][begin][1]
        with self._chance(begin):
            new = as_tuple(keeps(step, *leading, *state))[: len(state)]
        for a, b in zip(new, self.like, strict=True):
            if a.shape != b.shape or a.dtype != b.dtype:
                raise RuntimeError(
                    f"layer-parallel steps: step {begin + 1} makes a state of {tuple(a.shape)}, {a.dtype}, of one of "
                    f"{tuple(b.shape)}, {b.dtype}; all states of a block must be alike"
                )
        return tuple(formed(a, b) for a, b in zip(new, self.like, strict=True))

    @contextlib.contextmanager
    def _chance(self, step: int) -> Iterator[None]:
        if self.key is None:
            yield
            return
        device, seed = self.like[0].device, (self.key + step * ODD) % 2**63
        now = RandomState(device)
        torch.default_generator.manual_seed(seed)
        if device.type != "cpu":
            torch.get_device_module(device).manual_seed(seed)
        try:
            yield
        finally:
            now.restore()


@dataclass(frozen=True)
class Recorded:
    """A step that has been taken at a state, with its graph.

    tensors: of the finest level, by the id of what they stand for: learnt factors and the fields' parameters."""

    given: State
    new: State
    tensors: dict[int, Tensor]

    def back(self, cotangent: State) -> State:
        """The cotangent of the state, from that of the new one."""
        return self._gradients(list(self.given), cotangent)

    def weights(self, cotangent: State) -> dict[int, Tensor]:
        """The gradients of its tensors, by their ids."""
        found = self._gradients(list(self.tensors.values()), cotangent)
        return dict(zip(self.tensors, found, strict=True))

    def _gradients(self, wanted: list[Tensor], cotangent: State) -> State:
        pairs = [(y, c) for y, c in zip(self.new, cotangent, strict=True) if y.requires_grad]
        if not pairs or not wanted:
            return tuple(map(torch.zeros_like, wanted))
        outputs, cotangents = zip(*pairs, strict=True)
        return torch.autograd.grad(
            outputs, wanted, cotangents, retain_graph=True, allow_unused=True, materialize_grads=True
        )


def parameters_of(leading: tuple[Any, ...]) -> Iterator[Tensor]:
    """What is trained in the fields of a step."""
    for field in leading:
        if isinstance(field, nn.Module):
            yield from (p for p in field.parameters() if p.requires_grad)
