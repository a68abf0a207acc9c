"""The modules that a function calls without being one: of its closure, its defaults, its object, its globals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

from torch import nn

MANY = 1000  # things looked at


def modules_held(function: Any) -> tuple[nn.Module, ...]:
    """Those that a function can be seen to hold; none for a module, which says itself what it is made of."""
    if isinstance(function, nn.Module):
        return ()
    found: dict[int, nn.Module] = {}
    seen: set[int] = set()
    left = [function]
    while left and len(seen) < MANY:
        thing = left.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, nn.Module):
            found[id(thing)] = thing
        else:
            left.extend(_inside(thing))
    return tuple(found.values())


def _inside(thing: Any) -> Iterator[Any]:
    if isinstance(thing, (list, tuple, set)):
        yield from thing
    elif isinstance(thing, Mapping):
        yield from thing.values()
    elif isinstance(thing, partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    elif isinstance(thing, MethodType):
        yield from (thing.__self__, thing.__func__)
    elif isinstance(thing, FunctionType):
        if not thing.__module__.startswith("torch."):
            yield from _of_function(thing)
    elif callable(thing) and not isinstance(thing, type):
        yield from getattr(thing, "__dict__", {}).values()


def _of_function(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    yield from (function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
