"""Coefficients of an equation: numbers that are learnt, fields over the grid, and modules that make either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from sympy import Expr, Rational
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.exact.text import float_of, parse, shown
from tableau2net.nn.space.sign_kept import Doubles
from tableau2net.nn.space.stencil_weights import ExactBuffers
from tableau2net.scheme.equation import Equation

LEARNABLE = "learnable"


class GridCoefficients(ExactBuffers):
    """What stands for the open parameters of an equation, by name.

    A parameter is learnt, a tensor kept as a buffer, a module called without arguments; tensors are one number, or of a
    shape that broadcasts with the grid."""

    def __init__(self, given: Mapping[str, Tensor | nn.Module]) -> None:
        super().__init__()
        self.names = tuple(given)
        for name, value in given.items():
            if hasattr(self, name):
                raise InputError(f"coefficient {name}: the name is one of torch's modules; choose another")
            if isinstance(value, nn.Module | nn.Parameter):
                setattr(self, name, value)
            else:
                self.register_buffer(name, value)

    @property
    def scalars(self) -> tuple[str, ...]:
        """Those that are one number."""
        held = ((name, getattr(self, name)) for name in self.names)
        return tuple(name for name, value in held if isinstance(value, Tensor) and value.dim() == 0)

    def add(self, name: str, values: Doubles) -> None:
        """A field over the grid that follows from the equation."""
        self.names = (*self.names, name)
        self.hold(name, values)

    @property
    def learnt(self) -> set[str]:
        """The names of those that are learnt."""
        return {name.partition(".")[0] for name, value in self.named_parameters() if value.requires_grad}

    def forward(self, name: str) -> Tensor:
        """The value under a name."""
        value = getattr(self, name)
        made: Tensor = value() if isinstance(value, nn.Module) else value
        return made


def settled(equation: Equation, given: Mapping[str, object]) -> tuple[Equation, dict[str, Tensor | nn.Module]]:
    """The equation with the numbers that are given for parameters, or declared by it, and what is more than a number.

    given: by name a number, "learnable" (starting at the declared value), a tensor, a parameter or a module.
    Raises InputError for what is none of these, and for a name that is no parameter."""
    numbers: dict[str, object] = {}
    more: dict[str, Tensor | nn.Module] = {}
    for name in given:
        if name not in equation.symbols:
            known = ", ".join(equation.symbols) or "none"
            raise InputError(
                f"coefficients: {equation.name or 'the equation'} has no {shown(name)!r} (it has: {known})"
            )
    for parameter in equation.parameters:
        value = given.get(parameter.name, parameter.value)
        if isinstance(value, str) and value == LEARNABLE:
            more[parameter.name] = nn.Parameter(
                torch.tensor(float_of(parameter.value), dtype=torch.get_default_dtype())
            )
        elif isinstance(value, Tensor | nn.Module):
            more[parameter.name] = value
        else:
            numbers[parameter.name] = _number(value, parameter.name)
    return equation.with_values(**numbers), more


def _number(value: Any, name: str) -> Expr:
    if isinstance(value, float):
        value = Rational(*value.as_integer_ratio()) if value == value and abs(value) < float("inf") else value
    try:
        return parse(value)
    except InputError:
        raise InputError(
            f'coefficients: {name} = {shown(value)}: a number, "learnable", a tensor or a module is expected'
        ) from None
