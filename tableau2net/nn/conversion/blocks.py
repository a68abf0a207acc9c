"""Compiled blocks that also do what blocks of a network did beside adding: an activation after it, more arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial, reduce
from typing import Any, cast

import torch
from torch import nn

from tableau2net.codegen import Options, compile
from tableau2net.errors import InputError
from tableau2net.nn.conversion.fields import Field
from tableau2net.scheme import Scheme


@cache
def block_class(scheme: Scheme, options: Options, after: bool = False, context: bool = False) -> type[nn.Module]:
    """The compiled block of a scheme.

    after: the state that a step hands on, start-up steps too, goes through its field's `after`.
    context: the block is called with more than the state, and hands those named in its `context` on to its fields.

    Raises InputError where a step cannot end so: it is undone on the way back, or hands on a slope at its end."""
    base: Any = compile(scheme, **vars(options))
    methods: dict[str, Any] = {}
    said = []
    if after:
        _check_after(scheme, options, base)
        methods |= {name: staticmethod(_then(getattr(base, name))) for name in ("step", "start") if hasattr(base, name)}
        said.append("What followed the addition follows each step.")
    if any(kept.startswith("y_") for kept in base.history):
        steps = {name: methods.get(name, getattr(base, name)) for name in ("step", "start") if hasattr(base, name)}
        methods |= {name: staticmethod(_one_dtype(step, 1 + len(base.history))) for name, step in steps.items()}
    if context:
        methods["forward"] = _in_context(base.forward)
        said.append("What it is called with beside the state is handed on to the fields.")
    if not methods:  # nothing to add
        return cast("type[nn.Module]", base)
    about = {"__doc__": " ".join([str(base.__doc__), *said]), "__module__": base.__module__}
    cls = type(base.__name__, (base,), {**methods, **about})
    empty = partial(_empty, after=after, context=context)
    setattr(cls, "__reduce__", lambda self: (empty, (scheme, options), vars(self)))  # noqa: B010
    return cls


class Passed(nn.Module):
    """In the place of a block that is part of another one now: hands on the state."""

    def forward(self, y: Any, *others: Any, **named: Any) -> Any:
        return y


class Bound(nn.Module):
    """A field with what it is called with beside the state, in one call of a network."""

    def __init__(self, field: Field, context: dict[str, Any]) -> None:
        super().__init__()
        self.field = field
        self.context = context
        self.after = field.after

    def forward(self, y: Any) -> Any:
        return self.field(y, **self.context)


class _Call:
    """A block in one call: itself, with other fields."""

    def __init__(self, block: Any, fields: list[Any]) -> None:
        self.block, self.fields = block, fields

    def __getattr__(self, name: str) -> Any:
        return getattr(self.block, name)


def _in_context(forward: Callable[..., Any]) -> Callable[..., Any]:
    def called(self: Any, y: Any, *others: Any, **named: Any) -> Any:
        given = {**dict(zip(self.arguments, others, strict=False)), **named}
        for name, value in given.items():
            if name not in self.context and not _same(value, self.constants.get(name)):
                raise InputError(f"{name} was {self.constants.get(name)!r} when the network was converted")
        missing = [name for name in self.context if name not in given]
        if missing:
            raise InputError(f"called without {missing[0]}, which it had when the network was converted")
        context = {name: given[name] for name in self.context}
        return forward(_Call(self, [_bound(step, context) for step in self.fields]), y)

    return called


def _same(value: Any, constant: Any) -> bool:
    return value is constant or (isinstance(value, bool | int | float | str) and bool(value == constant))


def _bound(step: Any, context: dict[str, Any]) -> Any:
    """A step's field or fields, bound."""
    return (
        [Bound(cast(Field, f), context) for f in step]
        if isinstance(step, nn.ModuleList)
        else Bound(cast(Field, step), context)
    )


def _check_after(scheme: Scheme, options: Options, base: Any) -> None:
    name = scheme.name or scheme.family
    if options.backward in ("reversible", "adjoint"):
        raise InputError(
            f"after='keep': backward={options.backward!r} cannot undo what follows the addition; write 'move'"
        )
    if any(kept.startswith("f_n") for kept in base.history):
        raise InputError(f"after='keep': {name} hands on the slope where its step ends, before a ReLU; write 'move'")


def _then(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step of a scheme, then the `after` of its last field."""

    def stepped(*arguments: Any) -> Any:
        after = [a for a in arguments if isinstance(a, Field | Bound)][-1].after
        handed = step(*arguments)
        if after is None:
            return handed
        return (after(handed[0]), *handed[1:]) if isinstance(handed, tuple) else after(handed)

    return stepped


def _one_dtype(step: Callable[..., Any], count: int) -> Callable[..., Any]:
    """A step whose states, its last arguments, are of one dtype.

    Under autocast a state may begin in half precision and go on in the precision of a layer scale."""
    call = step.__func__ if isinstance(step, staticmethod) else step

    def stepped(*arguments: Any) -> Any:
        states = arguments[-count:]
        kinds = [s.dtype for s in states if s is not None]
        widest = reduce(torch.promote_types, kinds)
        if any(kind != widest for kind in kinds):
            states = tuple(s if s is None else s.to(widest) for s in states)
        return call(*arguments[:-count], *states)

    return stepped


def _empty(scheme: Scheme, options: Options, *, after: bool, context: bool) -> nn.Module:
    """An empty instance for pickle and deepcopy to fill."""
    cls = block_class(scheme, options, after, context)
    return cls.__new__(cls)
