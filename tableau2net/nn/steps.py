"""Compiled blocks with something around each step: a ReLU after it, or the chance that it does not take place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.codegen import Options, compile
from tableau2net.errors import InputError
from tableau2net.scheme import Scheme

Drop = Literal["batch", "sample"]
Step = Callable[..., Any]


def block_class(scheme: Scheme, options: dict[str, Any], *, relu: bool = False, survival: bool = False) -> Any:
    """The block that `compile` makes, and around each of its steps, start-up steps too:

    relu: the new state goes through a ReLU before anything sees it, y⁺ = relu(Φ(y)).
    survival: in training the field of a step counts η/p times, η one draw from Bernoulli(p) for the step and all its
        stages, p what `set_survival` wrote on the field (stochastic depth, Huang et al. 2016; survivors scaled as by
        Lu et al. 2018). In evaluation mode, and where p is 1, the step is the plain one, to the bit.

    Raises InputError where a step cannot be surrounded: with a way back that recomputes steps from their inverse, and
    after a step that has evaluated the field at a state which the ReLU changes.
    """
    plain = compile(scheme, **options)
    return Surroundings(relu, survival).block_class(scheme, Options(**options)) if relu or survival else plain


@dataclass(frozen=True)
class Surroundings:
    """What is around each step of a block; with a scheme and options it makes an empty block, for pickle to fill."""

    relu: bool
    survival: bool

    def __call__(self, scheme: Scheme, options: Options) -> nn.Module:
        cls = self.block_class(scheme, options)
        return cls.__new__(cls)

    def block_class(self, scheme: Scheme, options: Options) -> type[nn.Module]:
        """The class; InputError as in the function of this name."""
        return _surrounded(scheme, options, self)


@cache
def _surrounded(scheme: Scheme, options: Options, around: Surroundings) -> type[nn.Module]:
    plain: Any = compile(scheme, **vars(options))
    _check(scheme, options, around, plain)
    fields, state = len(plain.field_names), -1 - len(plain.history)  # fields, h, factors, y, history
    surrounded = {
        name: staticmethod(_around(getattr(plain, name), fields, state, around.relu, around.survival))
        for name in ("step", "start")
        if hasattr(plain, name)
    }
    again = (around, (scheme, options))
    return type(plain.__name__, (plain,), {**surrounded, "__reduce__": lambda self: (*again, vars(self))})


def _check(scheme: Scheme, options: Options, around: Surroundings, plain: Any) -> None:
    what = "relu='step'" if around.relu else "survival"
    if options.backward not in ("store", "checkpoint"):
        raise InputError(f"{what}: a step is taken back without it; write backward='store' or backward='checkpoint'")
    if around.relu and any(not name.startswith(("y_prev", "f_prev")) for name in plain.history):
        raise InputError(
            f"relu='step': {scheme.name or scheme.family} remembers {', '.join(plain.history)}, some of it seen before "
            "the ReLU; write relu='increment' or relu='argument'"
        )


def _around(step: Step, fields: int, state: int, relu: bool, survival: bool) -> Step:
    def surrounded(*arguments: Any) -> Any:
        called, rest = arguments[:fields], arguments[fields:]
        if survival and called[0].training and called[0].survival < 1:
            factor = draw(called[0], rest[state])
            called = tuple(_Scaled(f, factor) for f in called)
        new = step(*called, *rest)
        if not relu:
            return new
        return (functional.relu(new[0]), *new[1:]) if isinstance(new, tuple) else functional.relu(new)

    return surrounded


class _Scaled(nn.Module):
    """A field times a factor, for one step."""

    def __init__(self, field: nn.Module, factor: Tensor) -> None:
        super().__init__()
        self.field = field
        self.factor = factor

    def forward(self, *arguments: Any) -> Tensor:
        slope: Tensor = self.field(*arguments)
        return slope * self.factor.to(slope.dtype)


def set_survival(field: nn.Module, p: float, drop: Drop) -> None:
    """Write on a field how probable its step is, and whether it is drawn for the batch or for each picture."""
    written = cast(Any, field)
    written.survival, written.drop = p, drop


def draw(field: nn.Module, y: Tensor) -> Tensor:
    """η/p with η from Bernoulli(p), by torch's generator: one number, or one a picture."""
    written = cast(Any, field)
    p: float = written.survival
    shape = (y.shape[0], *(1 for _ in y.shape[1:])) if written.drop == "sample" else ()
    return (torch.rand(shape, device=y.device) < p).float() / p
