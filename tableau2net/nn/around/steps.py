"""What a network may have around each step: the chance that it does not take place, an activation that follows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from tableau2net.codegen import CompiledBlock, Options
from tableau2net.errors import InputError
from tableau2net.nn.around.surrounded import Around, Method
from tableau2net.nn.fields.branches import Drop
from tableau2net.scheme import Scheme


@dataclass(frozen=True)
class Survival(Around):
    """Stochastic depth: in training the field of a step counts η/p times, η one draw from Bernoulli(p) for the step and
    all its stages, p what `set_survival` wrote on the field (Huang et al. 2016; survivors scaled as by Lu et al. 2018).

    In evaluation mode, and where p is 1, the step is the plain one, to the bit.
    """

    def check(self, scheme: Scheme, options: Options, block: type[CompiledBlock]) -> None:
        """InputError with a way back that undoes steps: it would draw again."""
        _check_kept("survival", options)

    def step(self, step: Method, block: type[CompiledBlock]) -> Method:
        """The step with scaled fields."""
        fields, state = len(block.field_names), -1 - len(block.history)  # fields, h, factors, y, history

        def stepped(*arguments: Any) -> Any:
            called = arguments[:fields]
            if called[0].training and called[0].survival < 1:
                factor = draw(called[0], arguments[state])
                called = tuple(_Scaled(f, factor) for f in called)
            return step(*called, *arguments[fields:])

        return stepped


@dataclass(frozen=True)
class After(Around):
    """An activation that follows the addition: y⁺ = a(Φ(y)), a the `after` of the step's last field unless it is None.

    option: how the user asked for it.  instead: what else to write where it cannot be.
    """

    option: str
    instead: str

    def check(self, scheme: Scheme, options: Options, block: type[CompiledBlock]) -> None:
        """InputError with a way back that undoes steps, and where a step hands on what it saw before the activation."""
        _check_kept(self.option, options, f", or {self.instead}")
        if any(not name.startswith(("y_prev", "f_prev")) for name in block.history):
            raise InputError(
                f"{self.option}: {scheme.name or scheme.family} remembers {', '.join(block.history)}, some of it seen "
                f"before the activation; write {self.instead}"
            )

    def step(self, step: Method, block: type[CompiledBlock]) -> Method:
        """The step, then the activation."""
        last = len(block.field_names) - 1

        def stepped(*arguments: Any) -> Any:
            after = arguments[last].after
            new = step(*arguments)
            if after is None:
                return new
            return (after(new[0]), *new[1:]) if isinstance(new, tuple) else after(new)

        return stepped


def _check_kept(option: str, options: Options, instead: str = "") -> None:
    if options.backward not in ("store", "checkpoint"):
        raise InputError(
            f"{option}: a step is taken back without it; write backward='store' or backward='checkpoint'{instead}"
        )


class _Scaled(nn.Module):
    """A field times a factor, for one step."""

    def __init__(self, field: nn.Module, factor: Tensor) -> None:
        super().__init__()
        self.field = field
        self.factor = factor

    def forward(self, *arguments: object) -> Tensor:
        slope: Tensor = self.field(*arguments)
        return slope * self.factor.to(slope.dtype)


class Chancy(Protocol):
    """A field that says how probable its step is."""

    survival: float
    drop: Drop


def set_survival(field: Chancy, p: float, drop: Drop) -> None:
    """Write on a field how probable its step is, and whether it is drawn for the batch or for each image."""
    field.survival, field.drop = p, drop


def draw(field: Chancy, y: Tensor) -> Tensor:
    """η/p with η from Bernoulli(p), by torch's generator: one number, or one an image."""
    p = field.survival
    shape = (y.shape[0], *(1 for _ in y.shape[1:])) if field.drop == "sample" else ()
    return (torch.rand(shape, device=y.device) < p).float() / p
