"""An initial value problem as generated code wants it: states as tensors, fields that count and check."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce, wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.linear_part import LinearPart
from tableau2net.integration.modules_of_closures import modules_held
from tableau2net.runtime.checkpointed import taken_again
from tableau2net.runtime.phi_sums import Terms, phi_sum
from tableau2net.scheme import Scheme
from tableau2net.step import Step, lower

States = tuple[Tensor, ...]
CHANGES = "changes its argument in place (y.mul_, y[0] = …, a ReLU with inplace=True): let it return a new tensor"


class CountedField:
    """A plain function f(t, y) as a field: every call is counted, and what comes back is checked.

    The slope at one state may be known beforehand (the last stage of the step before, the first of a rejected one).
    solver: what implicit stages that begin with this field are handed to.
    again: whether what an evaluation keeps for its gradient is its arguments alone; it is made again then."""

    __slots__ = ("_at", "_first", "_reused", "_slope", "_time", "again", "evaluations", "function", "held", "solver")

    def __init__(self, function: Callable[..., Tensor], solver: Any = None) -> None:
        self.function, self.solver = function, solver
        self.evaluations, self.again = 0, False
        self.held: tuple[torch.nn.Module, ...] = ()  # of an evaluation that is made again, beside the function
        self._time = math.nan
        self._at: Tensor | None = None
        self._slope: Tensor | None = None
        self._first: list[Tensor] = []  # slopes as they came
        self._reused = False

    def __call__(self, t: float, y: Tensor) -> Tensor:
        if y is self._at and t == self._time:
            return self._slope  # type: ignore[return-value]
        return self._evaluated(y, self._called() if self.again else self.function, t, y)

    def known(self, t: float, y: Tensor) -> Tensor | None:
        """f(t, y), where it is known beforehand."""
        return self._slope if y is self._at and t == self._time else None

    def within(self, t: float, *states: Tensor) -> Tensor:
        """f in what is taken again as a whole, or whose gradient nobody asks for."""
        return self._evaluated(self._like(states), self.function, t, *states)

    def _like(self, states: States) -> Tensor:
        return states[0]

    def _called(self) -> Callable[..., Tensor]:
        if self.evaluations and torch.is_grad_enabled():
            return partial(taken_again, partial(_called, len(self.held)), *self.held, self.function)
        return self.function

    def _evaluated(self, like: Tensor, function: Callable[..., Tensor], t: float, *states: Tensor) -> Tensor:
        """f(t, states), a tensor of its own like `like`."""
        if self.evaluations and len(states) == 1 and not states[0].is_inference():  # `slope_of`, without loops
            version = states[0]._version
            slope = function(t, *states)
            if states[0]._version != version:
                raise InputError(f"f {CHANGES}")
        else:
            slope = slope_of(function, t, states, thorough=not self.evaluations)
        self.evaluations += 1
        if not isinstance(slope, Tensor) or slope.shape != like.shape or slope.dtype != like.dtype or slope.is_sparse:
            raise _unlike(slope, like)
        if self._reused or sys.getrefcount(slope) > HELD[0] or _is_part(slope):
            return slope.clone()
        return slope if self._first is _PROBED else self._probed(slope)

    def _probed(self, slope: Tensor) -> Tensor:
        """A copy of one of the first slopes: memory that comes back while they are alive is f's own, written again."""
        at = _memory(slope)
        self._reused = at is None or any(at == _memory(other) for other in self._first)
        self._first = [*self._first, slope] if len(self._first) < PROBES - 1 and not self._reused else _PROBED
        return slope.clone()

    def phi_sum(self, terms: Terms, h: float, v: Tensor) -> Tensor:
        """Σ w φ_k(chL) v, where it is the linear field of an exponential integrator."""
        return phi_sum(self.function, terms, h, v)

    def know(self, t: float, y: Tensor, slope: Tensor) -> None:
        """From now on f(t, y) is not computed again, for this very tensor."""
        self._time, self._at, self._slope = t, y, slope

    def forget(self) -> None:
        """No slope is known."""
        self._time, self._at, self._slope = math.nan, None, None


class PartField(CountedField):
    """A field of one state among several: called with the states that it reads; its slope is like the state `like`."""

    __slots__ = ("like",)

    def __init__(self, function: Callable[..., Tensor], like: Tensor) -> None:
        super().__init__(function)
        self.like = like

    def __call__(self, t: float, *states: Tensor) -> Tensor:
        return self._evaluated(self.like, self._called() if self.again else self.function, t, *states)

    def _like(self, states: States) -> Tensor:
        return self.like


def _called(count: int, *arguments: Any) -> Tensor:
    function, *given = arguments[count:]
    found: Tensor = function(*given)
    return found


def slope_of(function: Callable[..., Any], t: float, states: States, thorough: bool, name: str = "f") -> Any:
    """What a function returns, which is called `name`. Raises InputError where it changes the states: by the count of
    changes that torch keeps, and, where there is none or for a thorough look, by their values."""
    copies = tuple(y.clone() for y in states) if thorough or states[0].is_inference() else None
    versions = () if states[0].is_inference() else tuple(y._version for y in states)
    try:
        found = function(t, *states)
    except TypeError:
        if thorough:
            _takes(function, t, states, name)
        raise
    changed = any(y._version != n for y, n in zip(states, versions, strict=False))
    if copies and not changed:
        changed = any(_differ(y.detach(), old.detach()) for y, old in zip(states, copies, strict=True))
    if changed:
        raise InputError(f"{name} {CHANGES}")
    return found


def _takes(function: Callable[..., Any], t: float, states: States, name: str) -> None:
    """Raises InputError where a function cannot be called with a time and these states."""
    called = function.forward if isinstance(function, torch.nn.Module) else function
    try:
        signature = inspect.signature(called)
    except (TypeError, ValueError):  # one that does not tell
        return
    try:
        signature.bind(t, *states)
    except TypeError as error:
        wanted = f"{name}(t, y)" if len(states) == 1 else f"{name}(t, …) with {len(states)} states"
        raise InputError(f"{name} is called as {wanted}, which it does not take: {error}") from None


def _memory(slope: Tensor) -> int | None:
    """Where a tensor's numbers lie; None for one that stands for others, as torch.func has them."""
    try:
        return slope.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):
        return None


def _held() -> tuple[int, int]:
    """References that a tensor has which nobody else holds, and the base of such a view, as this Python counts."""
    fresh = torch.zeros(2)
    view = torch.zeros(2).view(2, 1)
    base = view._base
    return sys.getrefcount(fresh), sys.getrefcount(base)


def _is_part(slope: Tensor) -> bool:
    """Whether a slope is a view of what somebody else holds."""
    base = slope._base
    return base is not None and sys.getrefcount(base) > HELD[1]


HELD = _held()
PROBES = 4
_PROBED: list[Tensor] = []  # stands for the first slopes when they have been looked at


def _unlike(slope: object, y: Tensor) -> InputError:
    found = f"{tuple(slope.shape)} {slope.dtype}" if isinstance(slope, Tensor) else type(slope).__name__
    found = f"a sparse tensor, {found}" if isinstance(slope, Tensor) and slope.is_sparse else found
    if isinstance(slope, (tuple, list)):
        found += " (several states: y0 as a dict or a named tuple, or t2n.odeint)"
    return InputError(f"f returned {found}: it must return a tensor like the state, {tuple(y.shape)} {y.dtype}")


@dataclass(frozen=True)
class System:
    """The fields and the initial states of a scheme's step.

    velocity: y'(t0), where a scheme for y'' = f hands on none; else that is the second of the states."""

    step: Step
    fields: tuple[CountedField, ...]
    states: States
    velocity: Tensor | None = None

    @property
    def solver(self) -> Any:
        """What implicit stages are handed to."""
        return self.fields[0].solver

    def solve_by(self, solver: Any) -> None:
        """Hand implicit stages to this."""
        for field in self.fields:
            field.solver = solver

    @property
    def moves(self) -> bool:
        """Whether the slope of all that is handed on is known."""
        return self.step.derivative == 1 or self.step.velocity is not None

    @property
    def evaluations(self) -> int:
        """How often fields were evaluated."""
        return sum(field.evaluations for field in self.fields)

    def take_again(self) -> None:
        """Keep the arguments of evaluations alone for gradients."""
        for field in self.fields:
            field.again, field.held = True, modules_held(field.function)

    def forget(self) -> None:
        """No slope is known beforehand: f jumps."""
        for field in self.fields:
            field.forget()

    def at(self, states: States) -> System:
        """The same from other states."""
        return replace(self, states=states)

    def slopes(self, t: float, states: States) -> States:
        """y' of each state."""
        if self.step.velocity is not None:
            read = 1 + any(1 in op.reads for op in self.step.calls)
            return states[1], self.fields[0](t, *states[:read])
        if len(self.states) > 1:
            reads = self.step.reads or ()
            return tuple(f(t, *(states[i] for i in read)) for f, read in zip(self.fields, reads, strict=True))
        (y,) = states
        total = self.fields[0](t, y)
        for field in self.fields[1:]:
            total = total + field(t, y)
        return (total,)


def system_of(scheme: Scheme, f: Any, y0: Any) -> System:
    """The system of a scheme. Raises InputError where f or y0 are not what it takes."""
    step = lower(scheme)
    if step.derivative == 2:
        y, velocity = _several(y0, 2, "y0", "y0 = (y, v), the state and its velocity, for a method for y'' = f")
        states = _alike(_tensors((y, velocity)))
        if step.velocity is not None:
            return System(step, (_second_order(step, _function(f), states[0]),), states)
        return System(step, (CountedField(_function(f)),), states[:1], states[1])
    if len(step.states) > 1:
        n = len(step.states)
        states = _tensors(_several(y0, n, "y0", f"a tuple of {n} states, which {scheme.name} has"))
        functions = _several(f, n, "f", f"a tuple of {n} functions, one a state")
        return System(step, tuple(PartField(_function(g), y) for g, y in zip(functions, states, strict=True)), states)
    parts = max(step.parts, step.fields)
    if parts > 1:
        text = f"a tuple of {parts} functions, whose sum is y' ({scheme.name} treats each in its own way)"
        functions, states = [_function(g) for g in _several(f, parts, "f", text)], _tensors((y0,))
        for part in step.operators("linear"):
            functions[part] = LinearPart(functions[part], states[0])
        return System(step, tuple(map(CountedField, functions)), states)
    return System(step, (CountedField(_function(f)),), _tensors((y0,)))


def with_tensor_time(f: Any) -> Any:
    """The fields, which take t as a tensor of no dimension, of the states' precision and device."""
    if isinstance(f, (tuple, list)):
        return type(f)(with_tensor_time(part) for part in f)
    if not callable(f):
        return f

    @wraps(f)
    def called(t: float, *states: Tensor) -> Any:
        if not states:  # a linear part takes no time
            return f(t)
        return f(torch.as_tensor(t, dtype=states[0].dtype.to_real(), device=states[0].device), *states)

    return called


def _alike(states: States) -> States:
    """y and v, which are added to each other, of one type."""
    y, v = states
    if y.shape != v.shape or y.device != v.device:
        raise InputError(
            f"y0 = (y, v): y is of shape {tuple(y.shape)} on {y.device}, but v of {tuple(v.shape)} on {v.device}"
        )
    one = torch.promote_types(y.dtype, v.dtype)
    return y.to(one), v.to(one)


def _second_order(step: Step, f: Callable[..., Tensor], y: Tensor) -> CountedField:
    """The field of y'' = f(t, y), or of f(t, y, y')."""
    return PartField(f, y) if any(1 in op.reads for op in step.calls) else CountedField(f)


def _several(value: Any, n: int, key: str, what: str) -> Sequence[Any]:
    if not isinstance(value, (tuple, list)) or len(value) != n:
        raise InputError(f"{key}: give {what}")
    return value


def _function(f: Any) -> Callable[..., Tensor]:
    if not callable(f):
        raise InputError(f"f: a function f(t, y) is expected, not {type(f).__name__}")
    return f  # type: ignore[no-any-return]


def _tensors(values: Sequence[Any]) -> States:
    """Tensors of their own: as they are, numbers in double precision."""
    found = []
    for value in values:
        try:
            y = value.clone() if isinstance(value, Tensor) else _stacked(value)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            raise InputError("y0: a tensor is expected, or numbers") from None
        if not (y.is_floating_point() or y.is_complex()):
            raise InputError(f"y0 is of {y.dtype}: steps need floating point, y0.double() say")
        if y.numel() == 0:
            raise InputError("y0 is empty")
        if not _finite(y):
            raise InputError("y0 is not finite")
        found.append(y)
    return tuple(found)


def _finite(y: Tensor) -> bool:
    if y.layout is not torch.strided:
        raise InputError("y0 is sparse: steps need a dense tensor, y0.to_dense()")
    if y.device.type == "meta":
        raise InputError("y0 has no numbers, on the device 'meta'")
    return is_finite(y)


def is_finite(y: Tensor) -> bool:
    """Whether numbers are finite. Those that stand for many, as torch.func.vmap has them, are taken to be."""
    try:
        return bool(torch.isfinite(y.detach()).all())
    except RuntimeError:
        return True


def _differ(y: Tensor, old: Tensor) -> bool:
    """Whether numbers are others than they were, as far as they can be read."""
    try:
        return not torch.equal(y, old)
    except RuntimeError:
        return False


def _stacked(value: Any) -> Tensor:
    """Nested numbers as a tensor in double precision; with tensors among them in theirs, which keep their gradients."""
    inside = list(_tensors_in(value))
    if not inside:
        numbers = np.asarray(value)
        if numbers.dtype.kind == "O" and any(x is None for x in numbers.flat):
            raise TypeError  # numpy takes None for nan
        return torch.tensor(np.array(numbers, dtype=complex if numbers.dtype.kind == "c" else float))
    dtype = reduce(torch.promote_types, (x.dtype for x in inside))
    if not (dtype.is_floating_point or dtype.is_complex):
        dtype = torch.float64

    def made(x: Any) -> Tensor:
        if isinstance(x, (tuple, list)):
            return torch.stack([made(y) for y in x])
        return torch.as_tensor(x, device=inside[0].device).to(dtype)

    return made(value)


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for x in value:
            yield from _tensors_in(x)
