"""Blocks of a network that are called with more than the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.nn.around.surrounded import Around, InCall, Method
from tableau2net.nn.conversion.fields import BranchField


class Takes(Protocol):
    """A block that is called with more than the state.

    arguments: their names, in order.  context: of those that are handed on.  constants: of the others what they are."""

    arguments: tuple[str, ...]
    context: tuple[str, ...]
    constants: Mapping[str, object]
    fields: nn.ModuleList


@dataclass(frozen=True)
class Context(Around):
    """The block is called with more than the state, and hands those named in its `context` on to its fields."""

    def forward(self, forward: Method) -> Method:
        """The call, with fields that know what it was called with."""

        def called(self: Takes, y: Tensor, *others: object, **named: object) -> object:
            given = {**dict(zip(self.arguments, others, strict=False)), **named}
            for name, value in given.items():
                if name not in self.context and not _same(value, self.constants.get(name)):
                    was = f"{name} was {self.constants.get(name)!r} when the network was converted"
                    raise InputError(f"{was}; where it varies, its forward takes it without a default")
            missing = [name for name in self.context if name not in given]
            if missing:
                raise InputError(f"called without {missing[0]}, which it had when the network was converted")
            context = {name: given[name] for name in self.context}
            return forward(InCall(self, [_bound(step, context) for step in self.fields]), y)

        return called


class Absorbed(nn.Module):
    """In the place of a block that is part of another one now: hands on the state."""

    def forward(self, y: Tensor, *others: object, **named: object) -> Tensor:
        return y


def known_as(block: nn.Module, before: nn.Module) -> nn.Module:
    """A block with what the one before it in its place is asked for by name: a network may read its width, say.

    Its modules are those of the fields, and not the block's a second time."""
    plain = {n: v for n, v in vars(before).items() if isinstance(v, bool | int | float | str) and not n.startswith("_")}
    for name, value in {**plain, **dict(before.named_children())}.items():
        if not hasattr(block, name):
            block.__dict__[name] = value
    return block


class Bound(nn.Module):
    """A field with what it is called with beside the state, in one call of a network."""

    def __init__(self, field: nn.Module, context: Mapping[str, object]) -> None:
        super().__init__()
        self.field = field
        self.context = context
        self.after = field.after if isinstance(field, BranchField) else None

    def forward(self, y: Tensor) -> Tensor:
        slope: Tensor = self.field(y, **self.context)
        return slope


def _same(value: object, constant: object) -> bool:
    return value is constant or (isinstance(value, bool | int | float | str) and bool(value == constant))


def _bound(step: nn.Module, context: Mapping[str, object]) -> Bound | list[Bound]:
    """A step's field or fields, bound."""
    return [Bound(f, context) for f in step] if isinstance(step, nn.ModuleList) else Bound(step, context)
