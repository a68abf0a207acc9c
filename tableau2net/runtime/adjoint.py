"""The continuous adjoint: a loop of steps whose gradient is that of the exact flow, by torchdiffeq."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.runtime.evaluations import evaluation
from tableau2net.runtime.surroundings import Surroundings
from tableau2net.runtime.untouched import untouched

ADJOINT_METHOD = "rk4"


@torch.compiler.disable  # type: ignore[untyped-decorator]
def adjoint(step: Callable[..., Tensor], timed: bool, arguments: Sequence[tuple[Any, ...]], y: Tensor) -> Tensor:
    """``for a in arguments: y = step(*a, y)``, a = (f, h, …), or (f, h, t, …) if timed, with an inexact gradient.

    From the last state, which alone is kept, the state and its adjoint a' = −(∂f/∂y)ᵀ a are integrated back, for each
    step by one of a fourth-order method: optimise, then discretise. The gradient is off by what the steps are off the
    flow. Learnt factors get none, since the flow does not depend on them. Raises ImportError where torchdiffeq is not
    installed.
    """
    _odeint()
    parameters = list({id(p): p for given in arguments for p in _parameters(given[0])}.values())
    if not torch.is_grad_enabled() or not any(tensor.requires_grad for tensor in (y, *parameters)):
        for given in arguments:
            y = untouched(step, *given, y)
        return y
    found: Tensor = _Adjoint.apply(step, timed, arguments, y, *parameters)
    return found


def _odeint() -> Callable[..., tuple[Tensor, ...]]:
    try:
        from torchdiffeq import odeint
    except ImportError:
        raise ImportError("backward='adjoint' needs torchdiffeq: install tableau2net[adjoint]") from None
    found: Callable[..., tuple[Tensor, ...]] = odeint
    return found


def _parameters(field: Any) -> list[Tensor]:
    return [p for p in field.parameters() if p.requires_grad] if isinstance(field, nn.Module) else []


class _Adjoint(torch.autograd.Function):
    """The steps, and their adjoint equations in the place of their derivatives."""

    @staticmethod
    def forward(
        ctx: Any,
        step: Callable[..., Tensor],
        timed: bool,
        arguments: Sequence[tuple[Any, ...]],
        y: Tensor,
        *parameters: Tensor,
    ) -> Tensor:
        ctx.timed, ctx.steps = timed, [given[: 3 if timed else 2] for given in arguments]
        ctx.surroundings = Surroundings(y.device)
        for given in arguments:
            y = untouched(step, *given, y)
        torch.clear_autocast_cache()
        ctx.save_for_backward(y, *parameters)
        return y

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("backward='adjoint' gives first derivatives; second ones need backward='store'")
        y, *parameters = ctx.saved_tensors
        total = {id(p): torch.zeros_like(p) for p in parameters}
        with ctx.surroundings.restored([given[0] for given in ctx.steps], parameters):
            for field, h, *time in reversed(ctx.steps):
                own = _parameters(field)
                y, cotangent, *gradients = _step_back(field, h, time, y, cotangent, own)
                for p, gradient in zip(own, gradients, strict=True):
                    total[id(p)] += gradient
        return (None, None, None, cotangent, *total.values())


def _step_back(
    field: Any, h: float, time: list[float], y: Tensor, cotangent: Tensor, own: list[Tensor]
) -> list[Tensor]:
    """State, adjoint and parameter gradients at the beginning of a step."""
    first = evaluation(field, 0)  # where running statistics are read, those of the first evaluation

    def slope(t: Tensor, values: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        state = values[0].detach().requires_grad_()
        with torch.enable_grad():
            k: Tensor = first(t.to(state.dtype), state) if time else first(state)
        if not k.requires_grad:
            return (k, *map(torch.zeros_like, values[1:]))
        against = -values[1].to(k.dtype)
        found = torch.autograd.grad(k, (state, *own), against, allow_unused=True, materialize_grads=True)
        return (k.detach(), *found)

    begin = time[0] if time else 0.0
    times = torch.tensor([begin + h, begin], dtype=torch.float64, device=y.device)
    start = (y, cotangent, *map(torch.zeros_like, own))
    return [end[-1] for end in _odeint()(slope, start, times, method=ADJOINT_METHOD)]
