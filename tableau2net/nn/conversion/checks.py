"""What cannot be converted as it is, and what to convert instead."""

from __future__ import annotations

import math

import torch
from torch import nn

from tableau2net.errors import InputError
from tableau2net.nn.conversion.report import Conversion

_WRAPPERS = ("DistributedDataParallel", "DataParallel", "FullyShardedDataParallel")


def check_model(model: object) -> None:
    """Raises InputError where a network is none, or one that other tools have changed already."""
    kind = type(model).__name__
    if isinstance(model, type):
        raise InputError(f"model is the class {model.__name__}: make a network of it, {model.__name__}(…)")
    if not isinstance(model, nn.Module):
        raise InputError(f"model is {'a function' if callable(model) else 'no network'} ({kind}): give an nn.Module")
    if isinstance(model, torch.jit.ScriptModule):
        raise InputError(f"model is scripted or traced ({kind}): convert the Python module, then script the result")
    if hasattr(model, "_orig_mod"):
        raise InputError("model is compiled by torch.compile: convert model._orig_mod, then compile the result")
    if kind in _WRAPPERS:
        raise InputError(f"model is wrapped in {kind}: convert model.module, then wrap the result")
    if isinstance(done := getattr(model, "conversion", None), Conversion):
        raise InputError(f"model is converted already, to {done.scheme}: convert the original")


def checked_step(h: object) -> float:
    """The step size. Raises InputError where it is no finite number, or 0."""
    try:
        number = math.nan if isinstance(h, str | bool) else float(h)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number == 0:
        raise InputError(f"h={h!r}: write a finite number that is not 0")
    return number
