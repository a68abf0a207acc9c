"""What is said of steps before they are taken: by fields that know how large they may be."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from tableau2net.scheme import Scheme

Check = Callable[[Any, Scheme, float], str]  # of a field, a scheme and the size of a step: a line, or nothing
_checks: dict[type, Check] = {}


def register_step_check(kind: type, check: Check) -> None:
    """Let fields of a class be asked before equal steps are taken with them."""
    _checks[kind] = check


def said_of_steps(function: object, scheme: Scheme, size: float) -> str:
    """What a field has to say of steps of this size; empty where it is of no class that is asked."""
    found = (check(function, scheme, abs(size)) for kind, check in _checks.items() if isinstance(function, kind))
    return next(filter(None, found), "")


def warn_of_steps(function: object, scheme: Scheme, size: float) -> None:
    """Warn, where a field has something to say."""
    if told := said_of_steps(function, scheme, size):
        warnings.warn(told, RuntimeWarning, stacklevel=5)
