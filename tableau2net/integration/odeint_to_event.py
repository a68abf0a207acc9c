"""`odeint_event`: the time at which a solution has an event, with gradients to it and through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.events import NOT_TRANSFORMED
from tableau2net.integration.odeint_call import odeint
from tableau2net.integration.pytrees import Packed
from tableau2net.integration.solution import IntegrationError
from tableau2net.runtime.graphs import change_of
from tableau2net.runtime.transforms import transformed


def odeint_event(
    func: Callable[..., Any],
    y0: Any,
    t0: Any,
    *,
    event_fn: Callable[..., Any],
    reverse_time: bool = False,
    odeint_interface: Callable[..., Any] = odeint,
    **kwargs: Any,
) -> tuple[Tensor, Any]:
    """When event_fn(t, y), or the first of its entries, changes sign on the way from t0, and y at t0 and there.

    reverse_time: the way is towards smaller times. odeint_interface: `odeint`, `odeint_adjoint`, or what is called like
    them; kwargs are for it.

    What it finds moves with y0, t0, and what func and event_fn are made of: g(t, y(t)) = 0 gives dt = −dg/ġ, ġ = ∂g/∂t
    + ∂g/∂y·f, and y moves along f. Gradients are right once, not twice. Raises IntegrationError where ġ is 0.
    """
    begin = t0 if isinstance(t0, Tensor) else torch.tensor(t0, dtype=torch.float64)
    if begin.numel() != 1:
        raise InputError(f"t0: one time is expected, not {tuple(begin.shape)}")
    begin = begin.reshape(1) if begin.is_floating_point() else begin.reshape(1).double()
    ahead = begin.detach() + (-1.0 if reverse_time else 1.0)
    time, solution = odeint_interface(func, y0, torch.cat((begin, ahead)), event_fn=event_fn, **kwargs)
    tree = Packed(y0) if not isinstance(y0, Tensor) else None
    joined = solution if tree is None else Packed(solution, rows=True).joined
    found = _linked(func, event_fn, tree, time, joined, begin.detach()[0])
    if found is None:
        return time, solution
    time, last = found
    joined = torch.cat((joined[:-1], last[None]))
    return time, joined if tree is None else tree.split(joined)


def _linked(
    func: Any, event_fn: Any, tree: Packed | None, time: Tensor, joined: Tensor, begin: Tensor
) -> tuple[Tensor, Tensor] | None:
    """The time and the state there as they move with what they are made of; None where nothing does."""
    if not torch.is_grad_enabled():
        return None
    last, real = joined[-1], joined.dtype.to_real()
    seen = (lambda y: y) if tree is None else tree.split
    signs = torch.as_tensor(event_fn(begin.to(real), seen(joined[0].detach()))).detach().sign()

    def value(t: Tensor, y: Tensor) -> Tensor:
        found: Tensor = (event_fn(t, seen(y)) * signs).min()
        return found

    at = time.detach().to(real)
    moving = value(at, last)
    if transformed((moving, joined)):
        raise InputError(NOT_TRANSFORMED)
    if not moving.requires_grad:
        return None
    t, y = at.clone().requires_grad_(), last.detach().requires_grad_()
    slope = func(at, seen(y.detach()))
    slope = (slope if tree is None else tree.join(slope, "func")).detach()
    by_time, by_state = torch.autograd.grad(value(t, y), (t, y), allow_unused=True)
    speed = 0.0 if by_time is None else float(by_time)
    if by_state is not None:
        speed += float((by_state.conj() * slope).real.sum())
    if speed == 0:
        raise IntegrationError(f"event_fn does not move at t = {float(at):.6g}, so its time has no gradient; detach y0")
    shift = -change_of(moving, "the time of an event") / speed
    return time.detach() + shift.to(time), last + slope * shift.to(real)
