"""What a field is made of: the tensors that want a gradient and that it depends on, whoever holds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.integration.system import CountedField, System


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
    found, begun = {id(p): p for p in given}, _now()
    reads = system.step.reads if len(system.states) > 1 else None
    for n, field in enumerate(system.fields):
        states = system.states if reads is None else tuple(system.states[i] for i in reads[n])
        if isinstance(field.function, nn.Module):
            found |= {id(p): p for p in field.function.parameters() if p.requires_grad}
        with torch.enable_grad():
            slope = field.within(t, *(y.detach().clone() for y in states))
        stops = tuple(found.values())
        if backward == "reversible" and any(node._sequence_nr() < begun for node in _nodes((slope,), stops)):
            raise InputError(
                "backward='reversible': f is made of a tensor that was computed before; name it in parameters="
            )
        found |= {id(p): p for p in leaves_below((slope,), stops)}
    made_of = tuple(found.values())
    return tuple(Captured(field, made_of, backward) for field in system.fields)


class Captured(nn.Module):
    """A field as a module that has all that it is made of as its parameters.

    RuntimeError in an evaluation for a gradient where it has come to depend on more."""

    def __init__(self, field: CountedField, made_of: tuple[Tensor, ...], backward: str) -> None:
        super().__init__()
        self.field, self.function, self.made_of, self.backward = field, field.function, made_of, backward

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """Those of the function, parameters or not."""
        return iter(self.made_of)  # type: ignore[arg-type]

    def forward(self, t: Any, *states: Tensor) -> Tensor:
        """f."""
        slope = self.field.within(t, *states)
        if slope.requires_grad:
            for leaf in leaves_below((slope,), (*states, *self.made_of)):
                raise RuntimeError(
                    f"backward={self.backward!r}: f depends on a tensor of shape {tuple(leaf.shape)} that was not seen "
                    "at t0: name it in parameters="
                )
        return slope
