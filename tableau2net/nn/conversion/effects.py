"""What a forward does beside its calls, seen while it is traced: it draws by chance, or changes its module."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

_REGISTERED = ("_parameters", "_buffers", "_modules")
_CONTAINERS = (list, dict, set)

State = TypeVar("State")


class DrawsError(Exception):
    """A forward draws by chance as it runs, so what was traced is one case of several."""


@contextmanager
def put_back(module: nn.Module) -> Iterator[list[str]]:
    """Afterwards a module and its children are as they were; what is yielded names the attributes that were changed.

    Raises DrawsError where numbers were drawn; the generators are as they were in any case."""
    changed: list[str] = []
    kept = [(where, m, _attributes(m)) for where, m in (("", module), *module.named_children())]
    generators = list(_generators())
    try:
        yield changed
        if any(drawn() for drawn, _ in generators):
            raise DrawsError("it draws numbers as it runs, not from its input")
    finally:
        for _, restore in generators:
            restore()
        for where, m, before in kept:
            changed += [f"{where}.{name}".lstrip(".") for name in _restored(m, before)]


def _generators() -> Iterator[tuple[Callable[[], bool], Callable[[], object]]]:
    """Of each generator whether numbers were drawn from it since, and what puts it back."""
    yield _kept(torch.get_rng_state, torch.set_rng_state)
    yield _kept(random.getstate, random.setstate)
    if (numpy := sys.modules.get("numpy")) is not None:
        yield _kept(lambda: numpy.random.get_state(legacy=False), numpy.random.set_state)


def _kept(get: Callable[[], State], put: Callable[[State], object]) -> tuple[Callable[[], bool], Callable[[], object]]:
    state = get()
    return lambda: not _equal(get(), state), lambda: put(state)


def _equal(a: object, b: object) -> bool:
    """Whether two states of a generator are one."""
    return torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else str(a) == str(b)


def _attributes(module: nn.Module) -> dict[str, tuple[object, object]]:
    """What a module has by name, each with a copy of what may be changed in it."""
    return {name: (value, _copy(value)) for name, value in vars(module).items() if not _constant(name)}


def _constant(name: str) -> bool:
    """Whether an attribute is one that the tracer itself has made."""
    return name.startswith("_tensor_constant")


def _copy(value: object) -> object:
    if isinstance(value, Tensor):
        return value._version, value.detach().clone()
    return value.copy() if isinstance(value, _CONTAINERS) else None


def _restored(module: nn.Module, before: dict[str, tuple[object, object]]) -> Iterator[str]:
    """Puts back what a module had; the names of what was changed."""
    now = vars(module)
    for name in [name for name in now if name not in before and not _constant(name)]:
        del now[name]
        yield name
    for name, (value, copy) in before.items():
        if now.get(name, now) is not value:
            now[name] = value
            yield name
        elif isinstance(value, Tensor) and isinstance(copy, tuple) and value._version != copy[0]:
            with torch.no_grad():
                value.copy_(copy[1])
            yield name
        elif isinstance(value, _CONTAINERS) and not _same(value, copy):
            yield from _refilled(name, value, copy)


def _same(a: object, b: object) -> bool:
    """Whether two containers of one kind hold the same objects, in the same order."""
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(a[name] is b[name] for name in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))
    return a == b


def _refilled(name: str, value: list[object] | dict[object, object] | set[object], copy: object) -> Iterator[str]:
    """Puts back what a container held; its name, or those of what a module registers in it."""
    if isinstance(value, dict) and isinstance(copy, dict):
        keys = [str(key) for key in {**copy, **value} if copy.get(key) is not value.get(key)]
        yield from keys if name in _REGISTERED else [name]
        value.clear()
        value.update(copy)
    elif isinstance(value, list) and isinstance(copy, list):
        yield name
        value[:] = copy
    elif isinstance(value, set) and isinstance(copy, set):
        yield name
        value.clear()
        value.update(copy)
