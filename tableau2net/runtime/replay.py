"""A field that is evaluated again in the backward pass, as it was in the forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tableau2net.runtime.evaluations import InOrder, evaluation
from tableau2net.runtime.random_state import RandomState


@dataclass(frozen=True)
class Seen:
    """An evaluation of the forward pass: which of the field's in the step it was, as its running statistics count, and
    the random state before it where it drew random numbers."""

    number: int
    random: RandomState | None


class Replay:
    """A field in the backward pass: ``k, back = f(number, y)`` evaluates it again for the value, and ``back(d_k)`` is
    the cotangent of y; a tuple of those of y1, y2, … where there are several, and of t and y where t is a tensor.

    number: which of the field's evaluations in the step it was. The gradients of its parameters are added up.
    """

    def __init__(self, field: Any, seen: Sequence[Seen], gradients: ParameterGradients) -> None:
        self.field = field
        self.seen = seen
        self.gradients = gradients

    def __call__(self, number: int, *arguments: Any) -> tuple[Tensor, Callable[[Tensor], Any]]:
        given = [a.detach().requires_grad_() if isinstance(a, Tensor) else a for a in arguments]
        leaves = [a for a in given if isinstance(a, Tensor)]
        random = self.seen[number].random
        with torch.enable_grad(), random.restored() if random else nullcontext():
            value: Tensor = evaluation(self.field, self.seen[number].number)(*given)

        def back(cotangent: Tensor) -> Any:
            found = self.gradients.through(self.field, value, leaves, cotangent)
            return found[0] if len(found) == 1 else found

        return value.detach(), back

    def past(self, *arguments: Any) -> Tensor:
        """The value that an older step had, where all steps have this field. RuntimeError where it draws random
        numbers, since which ones it had drawn then only that step knows."""
        if any(each.random for each in self.seen):
            raise RuntimeError("backward='reversible': this scheme cannot go back over a field with random numbers")
        with torch.no_grad():
            value: Tensor = self.field(*arguments)
        return value


class RecordedField:
    """A field in the forward pass, that takes down the random state before the evaluations that draw from it."""

    def __init__(self, field: Any) -> None:
        self.field = field
        self.seen: list[Seen] = []

    def __call__(self, *arguments: Any) -> Tensor:
        before = RandomState(arguments[-1].device)
        number = self.field.calls if isinstance(self.field, InOrder) else 0
        value: Tensor = self.field(*arguments)
        self.seen.append(Seen(number, before if before.moved() else None))
        return value


class ParameterGradients:
    """The gradients of the fields' parameters, added up as they come in.

    own: the parameters of each field, by the field's id. total: what has come in, by the parameter's id.
    """

    def __init__(self, own: dict[int, list[Tensor]]) -> None:
        self.own = own
        self.total: dict[int, Tensor] = {}
        self.mine: set[int] = set()  # totals made here, that nothing else can be looking at

    def through(self, field: Any, value: Tensor, leaves: list[Tensor], cotangent: Tensor) -> tuple[Tensor, ...]:
        """The cotangents of an evaluation's arguments; those of its parameters are kept."""
        if not value.requires_grad:
            return tuple(torch.zeros_like(leaf) for leaf in leaves)
        own = self.own.get(id(field), [])
        found = torch.autograd.grad(value, (*leaves, *own), cotangent.to(value.dtype), allow_unused=True)
        for parameter, gradient in zip(own, found[len(leaves) :], strict=True):
            if gradient is not None:
                self._add(id(parameter), gradient)
        pairs = zip(leaves, found, strict=False)
        return tuple(torch.zeros_like(leaf) if gradient is None else gradient for leaf, gradient in pairs)

    def _add(self, key: int, gradient: Tensor) -> None:
        if key in self.mine:
            self.total[key].add_(gradient)
        elif key in self.total:
            self.total[key] = self.total[key] + gradient
            self.mine.add(key)
        else:
            self.total[key] = gradient
