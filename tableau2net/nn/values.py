"""What the options of networks may be, whichever family takes them: asked before anything is made of a value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import TypeGuard

from tableau2net.errors import InputError

MOST = 2**14  # channels or classes; the weights of one such convolution would take ten gigabytes


def _size(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and 1 <= int(value) <= MOST


def _sizes(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 0 and all(map(_size, value))


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _step(value: object) -> bool:
    return _number(value) and value != 0


def _tolerance(value: object) -> bool:
    return _number(value) and value >= 0


def _truth(value: object) -> bool:
    return isinstance(value, bool)


_WHOLE = f"a whole number from 1 to {MOST}"
_FINITE = "a finite number"
CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "widths": (_sizes, f"a list of whole numbers from 1 to {MOST}, [16,32,64] say"),
    **dict.fromkeys(
        ("width", "opening", "in_channels", "num_classes", "iterations", "keep_order", "size", "steps"), (_size, _WHOLE)
    ),
    **dict.fromkeys(("dropout", "survival"), (_number, _FINITE)),
    **dict.fromkeys(("h", "horizon"), (_step, "a finite number other than 0")),
    **dict.fromkeys(
        ("rtol", "atol", "tolerance", "depth_rate", "gate_cost"), (_tolerance, "a finite number, at least 0")
    ),
    "drop": (lambda value: isinstance(value, str) or _number(value), "how a path is dropped, as the family says it"),
    "activation": (callable, "a function, which only Python can give"),
    **dict.fromkeys(
        ("keep_stable", "keep_range", "plain_first", "normal_opening", "gate_relaxed"), (_truth, "true or false")
    ),
}
_MAY_BE_LEFT_OUT = {"opening", "survival", "keep_order", "depth_rate"}  # by None, which is their default


def check_values(options: Mapping[str, object]) -> None:
    """Raise InputError for the first value that no network takes under that name."""
    for name in sorted(CHECKS.keys() & options.keys()):
        value = options[name]
        right, what = CHECKS[name]
        if not (value is None and name in _MAY_BE_LEFT_OUT) and not right(value):
            raise InputError(f"{name}={repr(value)[:60]}: write {what}")
