"""What a field is made of: the tensors that want a gradient and that it depends on, whoever holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.integration.modules_of_closures import modules_held
from tableau2net.integration.system import CountedField, System
from tableau2net.runtime.random_state import RandomState


def wanted(parameters: Any) -> tuple[Tensor, ...]:
    """`parameters` as they are given: tensors. Those that want no gradient get none."""
    try:
        found = [parameters] if isinstance(parameters, Tensor) else list(() if parameters is None else parameters)
    except TypeError:
        found = [None]
    if not all(isinstance(p, Tensor) for p in found):
        raise InputError("parameters: tensors that f is made of")
    return tuple(p for p in found if p.requires_grad)


def leaves_below(values: Sequence[Tensor], stops: Sequence[Tensor]) -> list[Tensor]:
    """The leaves of the graph of some values, without those that are reached through `stops` alone."""
    known = {id(p) for p in stops}
    leaves = (getattr(node, "variable", None) for node in _nodes(values, stops))
    return [leaf for leaf in leaves if leaf is not None and id(leaf) not in known]


def _nodes(values: Sequence[Tensor], stops: Sequence[Tensor]) -> Iterator[Any]:
    """Those of the graph of some values, down to `stops`."""
    ends = {(p.grad_fn, p.output_nr) for p in stops if p.grad_fn is not None}
    edges: list[tuple[Any, int]] = [(v.grad_fn, v.output_nr) for v in values if v.grad_fn is not None]
    seen = set()
    while edges:
        node, number = edges.pop()
        if node is None or node in seen or (node, number) in ends:
            continue
        seen.add(node)
        yield node
        edges.extend(node.next_functions)


def _now() -> int:
    """The count of nodes that autograd keeps, in this thread."""
    with torch.enable_grad():
        mark: Any = torch.zeros((), requires_grad=True).neg().grad_fn
    return int(mark._sequence_nr())


def captured(system: System, t: float, given: tuple[Tensor, ...], backward: str) -> tuple[Captured, ...]:
    """The fields of a system with all that they are made of: what is given, the parameters of modules, and what an
    evaluation of each at t is seen to depend on. Raises InputError where steps that are undone cannot reach that."""
    found = {id(p): p for p in given}
    reads = system.step.reads if len(system.states) > 1 else None
    for n, field in enumerate(system.fields):
        states = system.states if reads is None else tuple(system.states[i] for i in reads[n])
        if isinstance(field.function, nn.Module):
            found |= {id(p): p for p in field.function.parameters() if p.requires_grad}
        begun = _now()
        slope = _looked_at(field, t, states, backward)
        stops = tuple(found.values())
        if backward == "reversible" and (older := _older((slope,), stops, begun)) is not None:
            raise InputError(f"backward='reversible': f is made of {older} that was computed before; {NAME}")
        found |= {id(p): p for p in leaves_below((slope,), stops)}
    made_of = tuple(found.values())
    fields = tuple(Captured(field, made_of, backward) for field in system.fields)
    if (
        backward == "adjoint"
        and torch.is_grad_enabled()
        and not any(x.requires_grad for x in (*system.states, *made_of))
    ):
        for field in system.fields:
            field.function = partial(_without_a_graph, field.function)
    return fields


def _looked_at(field: CountedField, t: float, states: Sequence[Tensor], backward: str) -> Tensor:
    """f at t0, with its graph. The first evaluation is one: what f keeps from it has a graph as well. Raises InputError
    where it draws random numbers each time, which the adjoint equation does not know."""
    copies = [y.detach().clone() for y in states]
    before = RandomState(copies[0].device)
    with torch.enable_grad():
        slope = field.within(t, *copies)
        if backward == "adjoint" and before.moved():
            before = RandomState(copies[0].device)
            slope = field.within(t, *copies)
            if before.moved():
                raise InputError(
                    "backward='adjoint': f draws random numbers (dropout in training mode?), and would draw others on "
                    "the way back; write backward='store' or 'checkpoint', or f.eval()"
                )
    return slope


def _without_a_graph(function: Callable[..., Tensor], t: float, *states: Tensor) -> Tensor:
    """f, where nothing wanted a gradient at t0. Raises InputError where something does later."""
    with torch.enable_grad():
        slope = function(t, *states)
    if isinstance(slope, Tensor) and slope.requires_grad:
        shape = next((tuple(leaf.shape) for leaf in leaves_below((slope,), states)), "?")
        raise InputError(f"backward='adjoint': f depends on a tensor of shape {shape} that was not seen at t0; {NAME}")
    return slope


def _older(values: Sequence[Tensor], stops: Sequence[Tensor], begun: int) -> str | None:
    """The first tensor of a graph that is from before, in words."""
    for node in _nodes(values, stops):
        if node._sequence_nr() < begun:
            return f"a tensor of shape {tuple(node._input_metadata[0].shape)} (grad_fn {node.name()})"
    return None


NAME = "name it in parameters="


class Captured(nn.Module):
    """A field as a module that has all that it is made of as its parameters.

    RuntimeError in an evaluation for a gradient where it has come to depend on more."""

    def __init__(self, field: CountedField, made_of: tuple[Tensor, ...], backward: str) -> None:
        super().__init__()
        self.field, self.function, self.made_of, self.backward = field, field.function, made_of, backward
        self.held = nn.ModuleList(modules_held(field.function))
        self.reached: set[int] = set()  # what had a gradient on the way back

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """Those of the function, parameters or not."""
        return iter(self.made_of)  # type: ignore[arg-type]

    def forward(self, t: Any, *states: Tensor) -> Tensor:
        """f."""
        begun = _now() if self.backward == "reversible" else 0
        slope = self.field.within(t, *states)
        if slope.requires_grad:
            known = (*states, *self.made_of)
            for leaf in leaves_below((slope,), known):
                what = f"a tensor of shape {tuple(leaf.shape)}{self._named(leaf)}"
                raise RuntimeError(f"backward={self.backward!r}: f depends on {what} that was not seen at t0: {NAME}")
            if begun and (older := _older((slope,), known, begun)) is not None:
                raise RuntimeError(
                    f"backward='reversible': f kept {older} from an evaluation before; let it be made anew"
                )
        return slope

    def _named(self, leaf: Tensor) -> str:
        """Where a module of f's calls it something, that."""
        for module in self.held:
            for name, p in module.named_parameters():
                if p is leaf:
                    return f" ({name} of {type(module).__name__})"
        return ""
