"""How far implicit stages are from solved, as they are handed on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from tableau2net.runtime.implicit_gradient import Stages, Tensors
from tableau2net.runtime.random_state import RandomState
from tableau2net.runtime.statistics import frozen_statistics
from tableau2net.runtime.vectors import Layout, length

_WATCHING: list[list[float]] = []


@contextmanager
def residuals() -> Iterator[list[float]]:
    """For the while, each solve of implicit stages evaluates the field once more and puts down what is left of it:
    ‖y − G(y)‖ over ‖G(y) − start‖, of the stages y that it hands on; for backward Euler, of the length of the step.

    1 is no better than the start itself. Not of solves inside ``torch.compile``, nor of those that a field solves.
    """
    found: list[float] = []
    _WATCHING.append(found)
    try:
        yield found
    finally:
        _WATCHING.remove(found)


def watch(stages: Stages, start: Tensors, states: Tensors, modules: Sequence[Any]) -> None:
    """Put down what is left where somebody asks; nothing else changes."""
    if torch.compiler.is_compiling() or not _WATCHING:
        return
    layout, random = Layout.of(states), RandomState(states[0].device)
    with torch.no_grad(), frozen_statistics(modules), random.restored():
        image, point, begun = (layout.join(t) for t in (stages(*states)[0], states, start))
        moved = length(image - begun)
        left = length(point - image)
    for found in _WATCHING:
        found.append(left / moved if moved else left)
