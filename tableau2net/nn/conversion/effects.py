"""What a forward does beside its calls, seen while it is traced: it draws by chance, or changes what it holds."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from tableau2net.nn.conversion.held import Held, held

State = TypeVar("State")


class DrawsError(Exception):
    """A forward draws by chance as it runs, so what was traced is one case of several."""


@contextmanager
def put_back(module: nn.Module) -> Iterator[list[str]]:
    """Afterwards a module and all that it holds are as they were; what is yielded names what was changed.

    Raises DrawsError where numbers were drawn; the generators are as they were in any case."""
    changed: list[str] = []
    kept: list[Held] = list(held(module))
    generators = list(_generators())
    try:
        yield changed
        if any(drawn() for drawn, _ in generators):
            raise DrawsError("it draws numbers as it runs, not from its input")
    finally:
        for _, restore in generators:
            restore()
        for each in kept:
            changed += each.restored()


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
    return torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else pickle.dumps(a) == pickle.dumps(b)
