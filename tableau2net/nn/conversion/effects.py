"""What a forward does beside its calls, seen while it is traced: it draws by chance, or changes its module."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_REGISTERED = ("_parameters", "_buffers", "_modules")
_CONTAINERS = (list, dict, set)


class DrawsError(Exception):
    """A forward draws by chance as it runs, so what was traced is one case of several."""


@contextmanager
def put_back(module: nn.Module) -> Iterator[list[str]]:
    """Afterwards a module and its children are as they were; what is yielded names the attributes that were changed.

    Raises DrawsError where numbers were drawn; the generators are as they were in any case."""
    changed: list[str] = []
    kept = [(where, m, _attributes(m)) for where, m in (("", module), *module.named_children())]
    generators = [(get, put, get()) for get, put in _generators()]
    try:
        yield changed
        if any(not _equal(get(), state) for get, _, state in generators):
            raise DrawsError("it draws numbers as it runs, not from its input")
    finally:
        for _, put, state in generators:
            put(state)
        for where, m, before in kept:
            changed += [f"{where}.{name}".lstrip(".") for name in _restored(m, before)]


def _generators() -> Iterator[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    yield torch.get_rng_state, torch.set_rng_state
    yield random.getstate, random.setstate
    if (numpy := sys.modules.get("numpy")) is not None:
        yield lambda: numpy.random.get_state(legacy=False), numpy.random.set_state


def _equal(a: Any, b: Any) -> bool:
    """Whether two states of a generator are one."""
    return torch.equal(a, b) if isinstance(a, Tensor) else str(a) == str(b)


def _attributes(module: nn.Module) -> dict[str, tuple[Any, Any]]:
    """What a module has by name, each with a copy of what may be changed in it."""
    return {name: (value, _copy(value)) for name, value in vars(module).items() if not _constant(name)}


def _constant(name: str) -> bool:
    """Whether an attribute is one that the tracer itself has made."""
    return name.startswith("_tensor_constant")


def _copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value._version, value.detach().clone()
    return value.copy() if isinstance(value, _CONTAINERS) else None


def _restored(module: nn.Module, before: dict[str, tuple[Any, Any]]) -> Iterator[str]:
    """Puts back what a module had; the names of what was changed."""
    now = vars(module)
    for name in [name for name in now if name not in before and not _constant(name)]:
        del now[name]
        yield name
    for name, (value, copy) in before.items():
        if now.get(name, now) is not value:
            now[name] = value
            yield name
        elif isinstance(value, Tensor) and value._version != copy[0]:
            with torch.no_grad():
                value.copy_(copy[1])
            yield name
        elif isinstance(value, _CONTAINERS) and not _same(value, copy):
            yield from _refilled(name, value, copy)


def _same(a: Any, b: Any) -> bool:
    """Whether two containers hold the same objects, in the same order."""
    if isinstance(a, dict):
        return list(a) == list(b) and all(a[name] is b[name] for name in a)
    return len(a) == len(b) and (a == b if isinstance(a, set) else all(x is y for x, y in zip(a, b, strict=True)))


def _refilled(name: str, value: Any, copy: Any) -> Iterator[str]:
    """Puts back what a container held; its name, or those of what a module registers in it."""
    if name in _REGISTERED:
        yield from (key for key in {**copy, **value} if copy.get(key) is not value.get(key))
    else:
        yield name
    value.clear()
    (value.extend if isinstance(value, list) else value.update)(copy)
