"""The derivative of a field along a direction, with its graph: what two-derivative and Rosenbrock methods take."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from tableau2net.runtime.evaluations import last_evaluation
from tableau2net.runtime.graphs import begun_at, differentiable_twice
from tableau2net.runtime.random_state import RandomState
from tableau2net.runtime.statistics import frozen_statistics


def slope_along(
    field: Callable[..., Tensor],
    y: Tensor,
    u: Tensor | None = None,
    t: float | None = None,
    move: float | Tensor = 0.0,
    inward: float = 0.0,
) -> Tensor:
    """f_y(t, y)·u + move·f_t(t, y): exactly in y; in t by a difference, since fields are given the time as a number.

    field: called with y, or with t and y; one with an attribute `time_dependent` that is False is not differenced.
    u: like y; None for nothing.  inward: a step from t that does not leave what f is given for; see `_in_time`.
    BatchNorm counts nothing. The gradient goes through all of it: it is that of second derivatives of the field."""
    known = () if t is None else (t,)
    at = last_evaluation(field)
    with frozen_statistics((field,)):
        slope = torch.zeros_like(y) if u is None else tangent(lambda v: at(*known, v), y, u)
        return slope if t is None or not inward or _stands_still(field) else slope + move * _in_time(at, t, y, inward)


def slope_and_derivative(
    field: Callable[..., Tensor],
    y: Tensor,
    h: float | Tensor,
    t: float | None = None,
    move: float | Tensor = 0.0,
    inward: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """k = f(t, y), and f_y(t, y)·h k + move·f_t(t, y), with the same random numbers; BatchNorm counts one."""
    random = RandomState(y.device) if draws(field) else None
    slope = field(y) if t is None else field(t, y)
    with random.restored() if random else nullcontext():
        return slope, slope_along(field, y, h * slope, t, move, inward)


def draws(field: Any) -> bool:
    """Whether a field may draw random numbers, as modules in training do."""
    return bool(getattr(field, "training", False)) and not torch.compiler.is_compiling()


def tangent(image_of: Callable[[Tensor], Tensor], y: Tensor, u: Tensor) -> Tensor:
    """The derivative of a map along u at y, with its graph: in forward mode, or where an operation has
    none, by reverse mode twice. A map that autograd does not see is differenced."""
    if torch.compiler.is_compiling():
        found: Tensor = torch.func.jvp(image_of, (y,), (u,))[1]
        return found
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():  # forward mode is switched off there
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.no_grad())
            y, u = y.clone(), u.clone()
        try:
            slope = _forward(image_of, y, u)
        except torch.OutOfMemoryError:
            raise
        except (NotImplementedError, RuntimeError):
            slope = _twice_reversed(image_of, y, u)
        return _unseen(image_of, y, u) if slope is None else slope


def _forward(image_of: Callable[[Tensor], Tensor], y: Tensor, u: Tensor) -> Tensor | None:
    with forward_ad.dual_level(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, of the first tangent in a process
        image = image_of(forward_ad.make_dual(y, u))  # type: ignore[no-untyped-call]
        slope: Tensor | None = forward_ad.unpack_dual(image).tangent  # type: ignore[no-untyped-call]
    return slope


def _twice_reversed(image_of: Callable[[Tensor], Tensor], y: Tensor, u: Tensor) -> Tensor | None:
    """The product of the transpose with d is linear in d, and its own transpose is the derivative. None where nothing
    leads from y to the image, or the map takes no tensor with a graph."""
    keep, at = torch.is_grad_enabled(), begun_at(y)
    with torch.enable_grad():
        try:
            image = image_of(at)
        except torch.OutOfMemoryError:
            raise
        except (NotImplementedError, RuntimeError):
            return None
        if not image.requires_grad:
            return None
        d = torch.zeros_like(image, requires_grad=True)
        (pulled,) = torch.autograd.grad(image, at, d, create_graph=True, allow_unused=True, materialize_grads=True)
        if not pulled.requires_grad:
            return torch.zeros_like(image)
        if not differentiable_twice(pulled):
            raise NotImplementedError("an operation of the field can be differentiated once only")
        (found,) = torch.autograd.grad(pulled, d, u, create_graph=keep)
    return found if keep else found.detach()


def _unseen(image_of: Callable[[Tensor], Tensor], y: Tensor, u: Tensor) -> Tensor:
    """By a difference, where nothing leads from y to the image: zero where nothing does, and else as good as numbers
    are."""
    size = float(torch.linalg.vector_norm(u.detach()))
    if not size > 0:
        return torch.zeros_like(y)
    third: float = torch.finfo(y.dtype).eps ** (1 / 3)
    scale = max(float(torch.linalg.vector_norm(y.detach())), 1.0) / size * third
    ahead, behind = (image_of(y + s * scale * u) for s in (1, -1))
    return (ahead - behind) / (2 * scale)


def _stands_still(field: Any) -> bool:
    """Whether a field says of itself that it does not depend on time."""
    return getattr(getattr(field, "function", field), "time_dependent", True) is False


def _in_time(field: Callable[..., Tensor], t: float, y: Tensor, inward: float) -> Tensor:
    """f_t at t, by a difference of third order from t and three times inside, as far apart as they are represented."""
    step = _apart(t, inward, torch.finfo(y.dtype).eps)
    times = [t + n * step for n in (1, 2, 3)]
    a, b, c = (time - t for time in times)
    here, near, middle, far = (field(time, y) for time in (t, *times))
    near, middle, far = near - here, middle - here, far - here
    return (
        near * (b * c / (a * (b - a) * (c - a)))
        + middle * (a * c / (b * (a - b) * (c - b)))
        + far * (a * b / (c * (a - c) * (b - c)))
    )


def _apart(t: float, inward: float, eps: float) -> float:
    """How far apart times are: a share of the step at which the error of the difference, O(share³), is that of rounding
    what it subtracts. Where numbers near t are coarse against the step it is larger, up to a quarter of it."""
    if isinstance(t, Tensor) or isinstance(inward, Tensor):
        return inward * eps**0.2
    coarse = eps * abs(t)
    share = min(max(eps**0.2, (coarse / abs(inward)) ** 0.25), 0.25)
    return math.copysign(max(share * abs(inward), 2 * math.ulp(t)), inward)
