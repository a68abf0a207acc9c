"""Compiled blocks whose steps end with what followed the addition in the network that was converted."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from torch import nn

from tableau2net.codegen import Options, compile
from tableau2net.errors import InputError
from tableau2net.nn.conversion.fields import Field
from tableau2net.scheme import Scheme


@cache
def with_after(scheme: Scheme, options: Options) -> type[nn.Module]:
    """The compiled block; the state that a step hands on, start-up steps too, goes through its field's `after`.

    Raises InputError where a step cannot end so: it is undone on the way back, or hands on a slope at its end."""
    base: Any = compile(scheme, **vars(options))
    _check_after(scheme, options, base)
    steps = {name: staticmethod(_then(getattr(base, name))) for name in ("step", "start") if hasattr(base, name)}
    about = f"{base.__doc__} What followed the addition follows each step."
    cls = type(base.__name__, (base,), {**steps, "__doc__": about, "__module__": base.__module__})
    setattr(cls, "__reduce__", lambda self: (_restore, (scheme, options), vars(self)))  # noqa: B010
    return cls


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
        after = [a for a in arguments if isinstance(a, Field)][-1].after
        handed = step(*arguments)
        if after is None:
            return handed
        return (after(handed[0]), *handed[1:]) if isinstance(handed, tuple) else after(handed)

    return stepped


def _restore(scheme: Scheme, options: Options) -> nn.Module:
    """An empty instance for pickle and deepcopy to fill."""
    cls = with_after(scheme, options)
    return cls.__new__(cls)
