"""The arguments that say what steps may be, as numbers."""

from __future__ import annotations

import math
import operator
from itertools import pairwise
from typing import Any

from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.adaptive import StepBounds
from tableau2net.integration.output import grid_of, numbers

MOST = 10_000_000  # equal steps


def steps_given(steps: Any, grid: Any, t0: float, t1: float) -> tuple[float | None, tuple[float, ...]]:
    """The step, where all are equal, and where steps end."""
    if steps is None:
        ends = grid_of(grid, t0, t1)
        h = (t1 - t0) / (len(ends) - 1)
        even = all(abs(b - a - h) <= 1e-12 * max(abs(h), abs(t0), abs(t1)) for a, b in pairwise(ends))
        return (h if even else None), ends
    steps = whole(steps, "steps")
    if not 1 <= steps <= MOST:
        raise InputError(f"steps = {steps}: at least one step is taken, and at most {MOST} in one go")
    h = (t1 - t0) / steps
    return h, (*(t0 + n * h for n in range(steps)), t1)


def sizes_given(first: Any, largest: Any, tried: Any, least: Any, factors: Any) -> StepBounds:
    """What the steps may be."""
    given = {
        key: real(value, key) for key, value in (("first_step", first), ("max_step", largest)) if value is not None
    }
    for key, size in given.items():
        if not size > 0:
            raise InputError(f"{key} = {size}: a positive size, whichever way t goes")
    if (tried := whole(tried, "max_steps")) < 1:
        raise InputError(f"max_steps = {tried}: at least one")
    if not 0 <= (least := real(least, "min_step")) <= given.get("max_step", math.inf):
        raise InputError(f"min_step = {least}: a size from 0 to max_step, whichever way t goes")
    found = numbers(factors, "factors")
    if len(found) != 3 or not (0 < found[0] < 1 and 0 < found[1] < 1 < found[2]):
        raise InputError(f"factors = {found}: safety and the least, between 0 and 1, and the largest, above")
    three = (found[0], found[1], found[2])
    return StepBounds(given.get("first_step"), given.get("max_step", math.inf), tried, least, three)


def chosen_by_nothing(**given: bool) -> None:
    """Raises InputError where something was given that only steps which a tolerance chooses have."""
    for key, wanted in given.items():
        if wanted:
            raise InputError(f"{key}: of steps that a tolerance chooses; with steps= or grid= their sizes are given")


def whole(value: Any, key: str) -> int:
    """A whole number, of whatever type."""
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise InputError(f"{key} = {value!r}: a whole number is expected")


def real(value: Any, key: str) -> float:
    """A finite number, of whatever type."""
    try:
        time = float(value.detach() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise InputError(f"{key}: a number is expected") from None
    if not math.isfinite(time):
        raise InputError(f"{key} = {time}: a finite number is expected")
    return time
