"""`odeint`: torchdiffeq's function, by any scheme. One import changes, the arguments do not."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.control import LARGEST, SAFETY, SMALLEST
from tableau2net.integration.events import Event
from tableau2net.integration.interface import integrate
from tableau2net.integration.method_names import NamedMethod, method_of
from tableau2net.integration.pytrees import Packed, leaves_of
from tableau2net.integration.solution import IntegrationError
from tableau2net.runtime.transforms import differentiations

TRIED = 2**31 - 1  # torchdiffeq's max_num_steps
ROUNDINGS = 10  # of y, that rtol is no finer than
SLACK = 1e-9  # of a step, that rounding of its size may leave over
LOOKED = 20_000  # steps of a given size until an event
CALLBACKS = {"step": "callback_step", "accept": "callback_accept_step", "reject": "callback_reject_step"}
CONTROLLED = frozenset(
    ("norm", "first_step", "min_step", "max_step", "max_num_steps", "step_t", "jump_t", "safety", "ifactor", "dfactor")
)
GIVEN = frozenset(("step_size", "grid_constructor", "interp", "perturb", "norm", "max_order"))


def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    *,
    rtol: Any = 1e-7,
    atol: Any = 1e-9,
    method: Any = None,
    options: Mapping[str, Any] | None = None,
    event_fn: Callable[..., Any] | None = None,
) -> Any:
    """The solution of y' = func(t, y), y(t[0]) = y0, at the times t: torchdiffeq's function, by any scheme.

    func: a function of t, a tensor of no dimension of y's precision and device, and of y. What it has of
        callback_step, callback_accept_step and callback_reject_step is called with (t, y, h) around each step.
    y0: a tensor, or a tuple, list, dict or named tuple of such, nested at will; func returns the like.
    t: the times, rising or falling.
    rtol, atol: numbers, tensors like y, or one for each entry of a tuple or dict. An rtol finer than ten roundings of y
        is taken as ten roundings.
    method: a name of torchdiffeq's (dopri5, where there is none), of scipy's, of a scheme of ours, or a scheme. "rk4"
        is the 3/8 rule, as it is there. A tolerance chooses the steps of those that it does there, and of one-step
        schemes of ours; the others take steps from each time to the next.
    options: step_size, grid_constructor, perturb, max_order with given steps; first_step, min_step, max_step,
        max_num_steps, step_t, jump_t, safety, ifactor, dfactor with chosen ones; norm, a function of the weighted
        error, which is like y. Unknown ones are warned of.
    event_fn: a function of (t, y), a number or a tensor: where the first of its entries changes sign, it ends. t is two
        times then, the second of which says the direction; found are (event_t, y) with y at t[0] and there.

    Gradients flow to y0, t, and what func is made of; not to the time of an event, which `odeint_event` does.
    Returns y with the times along the first dimension; trees of such where y0 is one. Raises InputError for what cannot
    be integrated, IntegrationError where the integration does not arrive.
    """
    solve = OdeintCall.of(func, y0, t, rtol, atol, method, options)
    if event_fn is None:
        return solve.shaped(solve.at_times())
    time, y = solve.until(event_fn)
    return time, solve.shaped(y)


@dataclass(frozen=True)
class OdeintCall:
    """What `odeint` was asked, as `integrate` takes it.

    tree: the state, where it is no tensor. times: numbers; wanted: the same, tensors where gradients flow to them."""

    func: Callable[..., Any]
    y0: Tensor
    tree: Packed | None
    times: tuple[float, ...]
    wanted: tuple[Any, ...]
    like: Tensor
    method: NamedMethod
    options: dict[str, Any]
    controls: dict[str, Any]
    callbacks: dict[str, Callable[..., Any]]

    @classmethod
    def of(cls, func: Any, y0: Any, t: Any, rtol: Any, atol: Any, method: Any, options: Any) -> OdeintCall:
        """Raises InputError where it is not what `odeint` takes."""
        if not callable(func):
            raise InputError(f"func: a function of (t, y) is expected, not {type(func).__name__}")
        options = options_of(options)
        chosen = method_of(method, options)
        tree = None if isinstance(y0, (Tensor, int, float, complex)) else Packed(y0)
        state = _tensor(y0) if tree is None else tree.joined
        times, wanted, like = _times(t)
        _warn_of_options(chosen, options)
        controls = _controls(state, tree, rtol, atol, options) if chosen.controlled else {}
        return cls(
            _like_the_state(func, tree), state, tree, times, wanted, like, chosen, options, controls,
            _callbacks(func, chosen, state, tree),
        )  # fmt: skip

    def at_times(self) -> Tensor:
        """The states at the times."""
        if len(self.times) == 1:
            return self.y0.clone()[None]
        found: Tensor = self._integrated(self._grid(), self.wanted[0], self.times[-1], at=list(self.wanted))
        return found

    def until(self, event_fn: Any) -> tuple[Tensor, Tensor]:
        """The time at which the first event is, and the states at t[0] and there."""
        if len(self.times) != 2:
            raise InputError(f"t: two times with event_fn, the beginning and the direction, not {len(self.times)}")
        seen = (lambda y: y) if self.tree is None else self.tree.split
        begin, later = self.times
        first = _signs(event_fn(self._time(begin), seen(self.y0)))

        def value(t: float, y: Tensor) -> Tensor:
            found = event_fn(self._time(t), seen(y))
            return (torch.as_tensor(found).to(first) * first).min().detach()

        if bool((first == 0).any()):
            return self._ended(begin, self.y0)
        y, t, start, span = self.y0, begin, self.wanted[0], later - begin
        left = int(self.controls.get("max_steps", TRIED))
        while True:
            try:
                found = self._window(y, t, start, t + span, Event(value, -1), left)
            except IntegrationError as error:  # of all windows as many steps are allowed as of one
                whole = self.controls.get("max_steps", TRIED)
                raise IntegrationError(str(error).replace(f"max_steps = {left} ", f"max_steps = {whole} ")) from None
            if found.ending is not None:
                return self._ended(float(found.ending.t), found.ending.states[0])
            y, t, span, left = found.y, found.grid[-1], 2 * span, left - found.steps - found.rejected
            if left < 1 or not math.isfinite(t + span):
                raise IntegrationError(f"event_fn has not changed its sign until t = {t:.6g}")
            start = t

    def _window(self, y: Tensor, begin: float, start: Any, end: float, event: Event, left: int) -> Any:
        """A part of the way until an event. start: where it begins, as a tensor where a gradient flows to it."""
        if self.method.controlled:
            return self._integrated(None, start, end, y, max_steps=left, event=event, full=True)
        size = self._step_size("event_fn")
        count = max(1, math.ceil(abs(end - begin) / size - SLACK))
        if abs(end - self.times[0]) > 2 * LOOKED * size:
            raise IntegrationError(f"event_fn has not changed its sign in {LOOKED} steps of {size:.6g}")
        h = math.copysign(size, end - begin)
        ends = [begin + n * h for n in range(count + 1)]
        return self._integrated(ends, start, ends[-1], y, event=event, full=True)

    def _step_size(self, what: str) -> float:
        size = self.options.get("step_size")
        if size is None:
            raise InputError(f"{what}: with steps that are given their size is needed, options={{'step_size': …}}")
        return _size(size, "step_size")

    def _integrated(self, grid: Any, begin: Any, end: float, y: Tensor | None = None, **further: Any) -> Any:
        y = self.y0 if y is None else y
        how = (
            {"max_steps": TRIED} | self.controls
            if self.method.controlled
            else {"grid": grid, "start": self.method.start}
        )
        if not self.method.controlled and self.options.get("perturb", False):
            how["jumps"] = "grid"
        return integrate(
            self.method.scheme,
            self.func,
            y,
            begin,
            end,
            tensor_time=True,
            callbacks=self.callbacks or None,
            **(how | further),
        )

    def _grid(self) -> Any:
        """Where steps end, if that is given."""
        if self.method.controlled:
            return None
        begin, end = self.times[0], self.times[-1]
        constructor = self.options.get("grid_constructor")
        if self.options.get("step_size") is not None:
            if constructor is not None:
                raise InputError("options: step_size or grid_constructor, not both")
            size = self._step_size("step_size")
            count = max(1, math.ceil(abs(end - begin) / size - SLACK))
            h = math.copysign(size, end - begin)
            return [*(begin + n * h for n in range(count)), end]
        if constructor is None:
            return list(self.times)
        y = self.y0 if self.tree is None else self.tree.split(self.y0)
        return constructor(self.func, y, self.like.detach())

    def _time(self, t: float) -> Tensor:
        return torch.tensor(t, dtype=self.y0.dtype.to_real(), device=self.y0.device)

    def _ended(self, t: float, y: Tensor) -> tuple[Tensor, Tensor]:
        return torch.tensor(t, dtype=torch.float64).to(self.like), torch.stack((self.y0, y))

    def shaped(self, y: Tensor) -> Any:
        """States, one a time, as they were given."""
        return y if self.tree is None else self.tree.split(y)


# ---------------------------------------------------------------------- what was given


def options_of(options: Any) -> dict[str, Any]:
    """A copy of options. Raises InputError where they are none."""
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise InputError(f"options: a dict is expected, not {type(options).__name__}")
    return dict(options)


def _tensor(y0: Any) -> Tensor:
    """A state that is one tensor."""
    y = y0 if isinstance(y0, Tensor) else torch.tensor(y0, dtype=torch.float64)
    if not (y.is_floating_point() or y.is_complex()):
        raise InputError(f"y0 is of {y.dtype}: steps need floating point, y0.double() say")
    return y


def _times(t: Any) -> tuple[tuple[float, ...], tuple[Any, ...], Tensor]:
    """The times as numbers, as they are wanted, and as a tensor."""
    try:
        like = t if isinstance(t, Tensor) else torch.as_tensor(t, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise InputError("t: a tensor of times is expected") from None
    if like.dim() != 1 or not like.numel():
        raise InputError(f"t: a list of times is expected, of at least one, not {tuple(like.shape)}")
    if like.is_complex() or like.dtype is torch.bool:
        raise InputError(f"t is of {like.dtype}: real numbers are expected")
    like = like if like.is_floating_point() else like.double()
    times = tuple(like.detach().double().tolist())
    if not all(map(math.isfinite, times)):
        raise InputError("t: times must be finite")
    signs = {(b > a) - (b < a) for a, b in pairwise(times)}
    if len(signs) > 1 or 0 in signs:
        raise InputError("t: times must go one way, none of them twice")
    return times, tuple(like.unbind()) if differentiations(like) else times, like


def _like_the_state(func: Callable[..., Any], tree: Packed | None) -> Callable[..., Any]:
    """func of (t, joined state), with slopes of the state's own dtype."""

    def called(t: Tensor, y: Tensor) -> Any:
        slope = func(t, y) if tree is None else tree.join(func(t, tree.split(y)), "func")
        if isinstance(slope, Tensor) and slope.dtype != y.dtype and (y.is_complex() or not slope.is_complex()):
            return slope.to(y.dtype)
        return slope

    return called


def _callbacks(func: Any, method: NamedMethod, y: Tensor, tree: Packed | None) -> dict[str, Callable[..., Any]]:
    """What func has of callbacks, for `integrate`; those that the method does not have are warned of."""
    found = {name: getattr(func, attribute) for name, attribute in CALLBACKS.items() if hasattr(func, attribute)}
    allowed = {"step", "accept", "reject"} if method.controlled else {"step"}
    allowed = set() if method.name == "scipy_solver" else allowed
    if beyond := sorted(CALLBACKS[name] for name in found.keys() - allowed):
        warnings.warn(f"{method.name} does not call {', '.join(beyond)}", stacklevel=4)
    return {name: partial(_called, found[name], tree, y) for name in found.keys() & allowed}


def _called(callback: Callable[..., Any], tree: Packed | None, like: Tensor, t: float, y: Tensor, h: float) -> None:
    time, size = torch.tensor((t, abs(h)), dtype=torch.float64, device=like.device)
    callback(time, y if tree is None else tree.split(y), size)


def _warn_of_options(method: NamedMethod, options: dict[str, Any]) -> None:
    """A warning of those that mean nothing to the method."""
    known = CONTROLLED | {"dtype"} if method.controlled else GIVEN
    known |= {"solver"} if method.name == "scipy_solver" else set()
    if unknown := sorted(options.keys() - known):
        warnings.warn(
            f"{method.name}: unexpected options {', '.join(unknown)}; known are {', '.join(sorted(known))}",
            stacklevel=4,
        )
    if options.get("dtype", torch.float64) is not torch.float64:
        warnings.warn("options: dtype: times and steps are in double precision", stacklevel=4)


def _controls(y: Tensor, tree: Packed | None, rtol: Any, atol: Any, options: dict[str, Any]) -> dict[str, Any]:
    """What chooses steps, for `integrate`."""
    norm = options.get("norm")
    if tree is not None:
        rtol, atol = (tree.tolerance(_listed(tol), name) for tol, name in ((rtol, "rtol"), (atol, "atol")))
        norm = partial(_of_tree, norm or largest_rms, tree)
    found: dict[str, Any] = {"rtol": _coarse(rtol, y), "atol": atol, "norm": norm or "rms"}
    for name in ("first_step", "min_step", "max_step"):
        if options.get(name) is not None and float(options[name]) != math.inf:
            found[name] = options[name]
    if options.get("max_num_steps") is not None:
        found["max_steps"] = int(options["max_num_steps"])
    names = (("safety", SAFETY), ("dfactor", SMALLEST), ("ifactor", LARGEST))
    if any(name in options for name, _ in names):
        found["factors"] = [float(options.get(name, usual)) for name, usual in names]
    return found | {to: options[name] for name, to in (("jump_t", "jumps"), ("step_t", "stops")) if name in options}


def _listed(tolerance: Any) -> Any:
    """A tensor of tolerances for the entries of a tuple is a list of them."""
    return list(tolerance) if isinstance(tolerance, Tensor) and tolerance.dim() else tolerance


def _coarse(rtol: Any, y: Tensor) -> Any:
    """A relative tolerance that y's numbers resolve."""
    least = ROUNDINGS * torch.finfo(y.dtype).eps
    if isinstance(rtol, Tensor) and rtol.dim():
        return torch.where((rtol > 0) & (rtol < least), least, rtol)
    try:
        return least if 0 < float(rtol) < least else rtol
    except (TypeError, ValueError):
        return rtol  # refused where it is read


def _of_tree(norm: Callable[..., Any], tree: Packed, weighted: Tensor) -> Any:
    return norm(tree.split(weighted))


def largest_rms(tree: Any) -> Tensor:
    """The largest root mean square of the leaves of a tree, whose errors do not hide behind each other."""
    found = [leaf.abs().pow(2).mean().sqrt() for _, leaf in leaves_of(tree, "y0") if leaf.numel()]
    return torch.stack([x.to(found[0]) for x in found]).max()


def _size(value: Any, name: str) -> float:
    try:
        size = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"options: {name}: a number is expected") from None
    if not (math.isfinite(size) and size > 0):
        raise InputError(f"options: {name} = {size}: a positive size, whichever way t goes")
    return size


def _signs(value: Any) -> Tensor:
    found = torch.as_tensor(value).detach()
    if found.is_complex() or not found.numel():
        raise InputError("event_fn: real numbers are expected, whose signs count")
    return found.to(torch.float64).sign()
