"""Numbers that a network is made with: whole ones and finite ones, or a line that names the one that is not."""

from __future__ import annotations

import math
from numbers import Real

from tableau2net.errors import InputError


def whole(least: int = 1, /, **sizes: object) -> None:
    """Raise InputError for the first that is no whole number from `least` on."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < least:
            raise InputError(f"{name}={size!r}: write a whole number from {least} on")


def finite(least: float = -math.inf, /, *, open: bool = False, **numbers: object) -> None:
    """Raise InputError for the first that is no finite number, or one below `least`; open: or that itself."""
    said = "" if least == -math.inf else f" above {least:g}" if open else f" from {least:g} on"
    for name, number in numbers.items():
        known = isinstance(number, Real) and not isinstance(number, bool) and math.isfinite(number)
        if not known or (float(number) <= least if open else float(number) < least):  # type: ignore[arg-type]
            raise InputError(f"{name}={number!r}: a finite number{said}")
