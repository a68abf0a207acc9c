"""`odeint_adjoint`: gradients by an equation that is solved backwards in time, so that no step is kept.

With a = ∂L/∂y, a' = −(∂f/∂y)ᵀ a, and −aᵀ ∂f/∂θ integrated beside it is ∂L/∂θ (Chen et al. 2018, arXiv:1806.07366,
algorithm 1). Its error is that of the tolerance, where `odeint` has the gradient of the steps that were taken."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.integration.captured import leaves_below
from tableau2net.integration.odeint_call import CALLBACKS, OdeintCall, largest_rms, odeint, options_of
from tableau2net.integration.pytrees import Packed, leaves_of
from tableau2net.runtime.transforms import one_at_a_time, transforming


def odeint_adjoint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    *,
    rtol: Any = 1e-7,
    atol: Any = 1e-9,
    method: Any = None,
    options: Mapping[str, Any] | None = None,
    event_fn: Callable[..., Any] | None = None,
    adjoint_rtol: Any = None,
    adjoint_atol: Any = None,
    adjoint_method: Any = None,
    adjoint_options: Mapping[str, Any] | None = None,
    adjoint_params: Iterable[Tensor] | None = None,
) -> Any:
    """`odeint`, with gradients by an equation that is solved backwards: memory does not grow with the steps.

    func: a module, whose parameters get gradients, or any function, and then adjoint_params says which tensors do.
    adjoint_rtol, adjoint_atol, adjoint_method, adjoint_options: of the equation backwards; by default those forwards,
        but for the norm. norm is of a tuple: t, y, ∂L/∂y, then a tensor for each parameter; "seminorm" leaves those of
        parameters out (Kidger et al. 2021, arXiv:2009.09457).

    Gradients flow to y0, t and the parameters, once; a warning tells of another tensor that func is made of, as an
    evaluation at t[0] shows. Otherwise as `odeint`.
    """
    if adjoint_params is None and not isinstance(func, nn.Module):
        raise InputError("adjoint_params: func is no module; give the tensors that want gradients, () for none")
    if adjoint_method not in (None, method) and options is not None and adjoint_options is None:
        raise InputError("adjoint_options: another method backwards, so options do not hold for it; give them too")
    if transforming():
        raise InputError("odeint_adjoint: torch.func and forward mode do not see through it; use odeint")
    solve = OdeintCall.of(func, y0, t, rtol, atol, method, options)
    forwards = options_of(options)
    given = {k: v for k, v in forwards.items() if k != "norm"} if adjoint_options is None else dict(adjoint_options)
    params = tuple(func.parameters() if adjoint_params is None else adjoint_params)  # type: ignore[attr-defined]
    wanted = tuple(p for p in params if p.requires_grad)
    if len(wanted) < len(params) and callable(given.get("norm")):
        warnings.warn("adjoint_params: those that want no gradient are not among what norm is given", stacklevel=2)
    given["norm"] = _norm(given.get("norm"), forwards.get("norm"), solve.tree)
    backwards = {
        "rtol": rtol if adjoint_rtol is None else adjoint_rtol,
        "atol": atol if adjoint_atol is None else adjoint_atol,
        "method": method if adjoint_method is None else adjoint_method,
    }
    callbacks = {name: getattr(func, f"{name}_adjoint", None) for name in CALLBACKS.values()}
    if torch.is_grad_enabled():
        _looked_at(solve, params, told=adjoint_params is None or bool(params))
    found = AdjointSolve.apply(solve, event_fn, backwards, given, callbacks, solve.y0, solve.like, *wanted)
    if event_fn is None:
        return solve.shaped(found)
    time, y = found
    return time, solve.shaped(y)


def _looked_at(solve: OdeintCall, params: tuple[Tensor, ...], told: bool) -> None:
    """An evaluation with its graph before any without: what func keeps from it has a graph then as well. A warning of
    what it is made of beside params, unless none are wanted."""
    with torch.enable_grad():
        slope = solve.func(solve.like.detach()[0].to(solve.y0.dtype.to_real()), solve.y0.detach())
    if told and isinstance(slope, Tensor):
        for leaf in leaves_below((slope,), params):
            text = f"func depends on a tensor of shape {tuple(leaf.shape)} that is not among them: it gets no gradient"
            warnings.warn(f"adjoint_params: {text}", stacklevel=3)
            break


class AdjointSolve(torch.autograd.Function):
    """States at times, with gradients by the adjoint equation."""

    @staticmethod
    def forward(
        ctx: Any,
        solve: OdeintCall,
        event_fn: Any,
        backwards: dict[str, Any],
        adjoint_options: dict[str, Any],
        callbacks: dict[str, Any],
        y0: Tensor,
        t: Tensor,
        *params: Tensor,
    ) -> Any:
        """The solution, of which only the states at the times are kept."""
        plain = replace(solve, y0=y0.detach(), wanted=solve.times)
        ctx.func, ctx.backwards, ctx.adjoint_options, ctx.callbacks = solve.func, backwards, adjoint_options, callbacks
        ctx.of_times, ctx.until = t.requires_grad, event_fn is not None
        with torch.no_grad():
            if event_fn is None:
                y = plain.at_times()
                ctx.save_for_backward(t, y, *params)
                return y
            time, y = plain.until(event_fn)
        ctx.save_for_backward(torch.stack((t[0], time.to(t))), y, *params)
        return time, y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """From the last time to the first, an interval after the other."""
        one_at_a_time(grads, "odeint_adjoint")
        times, y, *params = ctx.saved_tensors
        wanted, by_time = grads[-1], torch.zeros_like(times)
        moved = _Adjoint(ctx.func, tuple(params), ctx.of_times)
        for name, callback in ctx.callbacks.items():
            if callback is not None:
                setattr(moved, name, callback)
        begun = torch.zeros((), dtype=y.dtype.to_real(), device=y.device)
        state = (begun, y[-1], wanted[-1], *(torch.zeros_like(p) for p in params))
        for i in range(len(times) - 1, 0, -1):
            if ctx.of_times:
                with torch.no_grad():
                    slope = ctx.func(times[i].to(begun), y[i])
                by_time[i] = (slope.conj() * wanted[i]).real.sum()
                state = (state[0] - by_time[i].to(begun), *state[1:])
            ends = torch.stack((times[i], times[i - 1]))
            with torch.no_grad():
                found = odeint(moved, state, ends, options=ctx.adjoint_options, **ctx.backwards)
            time, _, adjoint, *rest = (part[1] for part in found)
            state = (time, y[i - 1], adjoint + wanted[i - 1], *rest)
        by_time[0] = state[0].to(by_time)
        if ctx.until:  # the time of the event is another's matter
            by_time[1:] = 0
        return (None, None, None, None, None, state[2], by_time if ctx.of_times else None, *state[3:])


class _Adjoint:
    """The right side of the equation backwards: of ∂L/∂t, y, ∂L/∂y, and ∂L/∂θ a parameter."""

    def __init__(self, func: Callable[..., Tensor], params: tuple[Tensor, ...], of_times: bool) -> None:
        self.func, self.params, self.of_times = func, params, of_times

    def __call__(self, t: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            time, y = t.detach().requires_grad_(self.of_times), state[1].detach().requires_grad_()
            slope = self.func(time, y)
            wanted = ((time,) if self.of_times else ()) + (y, *self.params)
            found: tuple[Tensor | None, ...] = (None,) * len(wanted)
            if slope.requires_grad:
                found = torch.autograd.grad(slope, wanted, -state[2], allow_unused=True, retain_graph=True)
        by = [torch.zeros_like(x) if g is None else g for g, x in zip(found, wanted, strict=True)]
        time_part = by[0] if self.of_times else torch.zeros_like(t)
        return (time_part, slope.detach(), *by[self.of_times :])


def _norm(given: Any, forwards: Any, tree: Packed | None) -> Callable[[Any], Any]:
    """The norm backwards, of (∂L/∂t, y, ∂L/∂y, ∂L/∂θ …)."""
    if given is not None and given != "seminorm" and not callable(given):
        raise InputError(f'adjoint_options: norm = {given!r}: a function, or "seminorm"')
    if callable(given):
        return given if tree is None else partial(_opened, given, tree)
    return partial(_largest, partial(_of_state, forwards, tree), given == "seminorm")


def _of_state(norm: Any, tree: Packed | None, y: Tensor) -> Tensor:
    found: Tensor = (norm or largest_rms)(y if tree is None else tree.split(y))
    return found


def _largest(of_state: Callable[[Tensor], Tensor], seminorm: bool, parts: tuple[Tensor, ...]) -> Tensor:
    t, y, adjoint, *params = parts
    found = [t.abs(), of_state(y), of_state(adjoint)]
    if params and not seminorm:
        found.append(largest_rms(tuple(params)))
    return torch.stack([torch.as_tensor(x).to(t) for x in found]).max()


def _opened(norm: Callable[..., Any], tree: Packed, parts: tuple[Tensor, ...]) -> Any:
    """A function of the leaves of y and of ∂L/∂y, each by itself."""
    t, y, adjoint, *params = parts
    leaves = [leaf for x in (y, adjoint) for _, leaf in leaves_of(tree.split(x), "y0")]
    return norm((t, *leaves, *params))
