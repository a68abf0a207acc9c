"""All that a module holds and that can be changed, to whatever depth: as it was, and what was changed in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from logging import Logger
from types import FunctionType, MethodType, ModuleType

import torch
from torch import Tensor, nn

_REGISTERED = ("_parameters", "_buffers", "_modules")
_OPAQUE = (FunctionType, MethodType, ModuleType, Logger, str, bytes, int, float, complex, type(None))


@dataclass(frozen=True)
class Held:
    """A list, dictionary, set, queue, tensor or class. where: the attribute that leads to it, by the modules' names.

    named: its keys are attributes of a module.  before: what it held."""

    where: str
    value: object
    named: bool
    before: object

    def restored(self) -> list[str]:
        """Puts back what it held; the names of what was changed."""
        if _same(_content(self.value), self.before):
            return []
        names = self._changed() if self.named else [self.where]
        _refill(self.value, self.before)
        return [name for name in names if not made_by_the_tracer(name)]

    def _changed(self) -> list[str]:
        now, before = _content(self.value), self.before
        assert isinstance(now, dict)
        assert isinstance(before, dict)
        missing = object()
        keys = [key for key in {**before, **now} if now.get(key, missing) is not before.get(key, missing)]
        return [_join(self.where, str(key)) for key in keys]


def held(module: nn.Module) -> Iterator[Held]:
    """What a module holds: its attributes, what is in them, its modules and theirs, and what its classes have."""
    seen: set[int] = set()
    waiting: list[tuple[str, object, bool]] = [("", module, False)]
    while waiting:
        where, value, named = waiting.pop()
        if id(value) in seen or isinstance(value, _OPAQUE) or (isinstance(value, type) and not named):
            continue
        seen.add(id(value))
        content = _content(value)
        if content is not None:
            yield Held(where, value, named, content)
        waiting += _inside(where, value, named, content)


def made_by_the_tracer(name: str) -> bool:
    """Whether an attribute is a tensor that was made while a forward was traced, and that the tracer keeps."""
    return name.rpartition(".")[2].startswith("_tensor_constant")


def _inside(where: str, value: object, named: bool, content: object) -> Iterator[tuple[str, object, bool]]:
    """What can be changed in a value that is held, with the attribute that leads to it."""
    if isinstance(value, nn.Module):
        yield where, vars(value), True
        yield from ((where, kind, True) for kind in type(value).__mro__ if _of_a_user(kind))
    elif isinstance(content, dict) and named:
        for name, inner in content.items():
            registered = name in _REGISTERED and isinstance(inner, dict)
            yield (where if registered else _join(where, str(name))), inner, registered
    elif isinstance(content, dict):
        yield from ((where, inner, False) for inner in content.values())
    elif isinstance(content, list):
        yield from ((where, inner, False) for inner in content)
    elif isinstance(value, tuple):
        yield from ((where, inner, False) for inner in value)
    elif not isinstance(value, type | Tensor) and hasattr(value, "__dict__"):
        yield where, vars(value), False


def _of_a_user(kind: type) -> bool:
    return kind is not object and not kind.__module__.startswith(("torch.", "tableau2net."))


def _content(value: object) -> object:
    """A copy of what a value holds, flat; None for what is not looked at."""
    if isinstance(value, Tensor):
        kept = None if isinstance(value, nn.Parameter) or value.is_meta else value.detach().clone()
        return (value._version, kept) if not value.is_inference() else None
    if isinstance(value, type):
        return {name: inner for name, inner in vars(value).items() if not name.startswith("__")}
    if isinstance(value, dict):
        return dict(value)
    return list(value) if isinstance(value, list | deque | set) else None


def _same(now: object, before: object) -> bool:
    """Whether a value holds the same objects, in the same order."""
    if isinstance(now, dict) and isinstance(before, dict):
        return list(now) == list(before) and all(now[name] is before[name] for name in now)
    if isinstance(now, list) and isinstance(before, list):
        return len(now) == len(before) and all(x is y for x, y in zip(now, before, strict=True))
    return isinstance(now, tuple) and isinstance(before, tuple) and now[0] == before[0]


def _refill(value: object, before: object) -> None:
    if isinstance(value, Tensor) and isinstance(before, tuple):
        if before[1] is not None:
            with torch.no_grad():
                value.copy_(before[1])
    elif isinstance(value, type) and isinstance(before, dict):
        for name in [name for name in vars(value) if not name.startswith("__") and name not in before]:
            delattr(value, name)
        for name, inner in before.items():
            if vars(value).get(name) is not inner:
                setattr(value, name, inner)
    elif isinstance(value, dict) and isinstance(before, dict):
        dict.clear(value)
        dict.update(value, before)
    elif isinstance(value, list) and isinstance(before, list):
        value[:] = before
    elif isinstance(value, set | deque) and isinstance(before, list):
        value.clear()
        value.update(before) if isinstance(value, set) else value.extend(before)


def _join(where: str, name: str) -> str:
    return f"{where}.{name}".lstrip(".")
