"""Numbers on the command line: whole ones that 64 bits hold, and finite ones."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from tableau2net.errors import InputError

LARGEST = 2**63 - 1


def bounded(command: Callable[..., None]) -> Callable[..., None]:
    """The command, whose numbers are refused in a line where they are out of all bounds."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        for name, value in options.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                _check(f"--{name.replace('_', '-')}", value)
        command(*arguments, **options)

    return run


def _check(option: str, value: float) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{option} {value}: a finite number is expected")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise InputError(f"{option}: a whole number of {value.bit_length()} bits; 64 are the most")
