"""What cannot be converted as it is, and what to convert instead."""

from __future__ import annotations

import copy
import math
from typing import TypeVar

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.nn.conversion.conversion_report import Conversion

Module = TypeVar("Module", bound=nn.Module)

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
    if isinstance(done := vars(model).get("conversion"), Conversion):
        raise InputError(f"model is converted already, to {done.scheme}: convert the original")


def copied(model: Module) -> Module:
    """A copy that shares nothing. Tensors that are made of parameters before each call, as weight_norm keeps one beside
    the layer's own, are in the copy too, without their graph."""
    made = (v for m in model.modules() for v in vars(m).values() if isinstance(v, Tensor) and v.grad_fn is not None)
    return copy.deepcopy(model, {id(value): value.detach().clone() for value in made})


def checked_step(h: object) -> float:
    """The step size. Raises InputError where it is no finite number, or 0."""
    try:
        number = math.nan if isinstance(h, str | bool) else float(h)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number == 0:
        raise InputError(f"h={h!r}: write a finite number that is not 0")
    return number
