"""A generated module against the formula, in float64: what it computes, and its gradient. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy
import torch
from sympy import Expr
from torch import Tensor, nn

from tableau2net.codegen import compile
from tableau2net.errors import InputError
from tableau2net.scheme import Multistep, RungeKutta, Scheme
from tableau2net.scheme.expression import float_of
from tableau2net.step import Input, lower
from tableau2net.testing.formula import advance

H = 0.3
TOLERANCE = 1e-12


class Field(nn.Module):
    """A small smooth field that depends on time, random but the same each time."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(0.6 * torch.randn(3, 3, dtype=torch.float64, generator=random))
        self.bias = nn.Parameter(torch.randn(3, dtype=torch.float64, generator=random))

    def forward(self, t: Any, y: Tensor) -> Tensor:
        return torch.tanh(y @ self.weight + self.bias + torch.cos(torch.as_tensor(t, dtype=torch.float64)))


@dataclass
class Remembered:
    """A step of a network: the states and field values of the steps before (a `formula.Given`)."""

    h: float
    t: float
    here: Field
    values: dict[str, Tensor]
    states: list[Tensor]  # youngest first
    slopes: list[Tensor]  # of the steps before, youngest first

    @property
    def tolerance(self) -> float:
        return 0.0

    def number(self, value: Expr) -> Any:
        if not value.free_symbols:
            return float_of(value)
        names = sorted(map(str, value.free_symbols))
        return sympy.lambdify(names, value, "math")(*(self.values[name] for name in names))

    def distance(self, a: Tensor, b: Tensor) -> float:
        return float((a - b).detach().abs().max())

    def field(self, part: int, time: Any, states: list[Tensor]) -> Tensor:
        result: Tensor = self.here(self.t + time * self.h, states[0])
        return result

    def y(self, component: int, age: int) -> Tensor:
        return self.states[age]

    def f(self, part: int, age: int) -> Tensor:
        return self.slopes[age - 1] if age else self.field(part, 0, [self.states[0]])

    def nordsieck(self, q: tuple[Expr, ...]) -> Tensor:
        raise TypeError("a network has no Nordsieck values")

    def k(self, stage: int) -> Tensor:
        raise TypeError("a network has no stages of a step before")


def differences(scheme: Scheme) -> list[str]:
    """What the generated module gets wrong, a line each; none where it computes the formula to 1e-12.

    Open parameters are learnt coefficients, whose gradient is compared too.
    Raises InputError for an implicit scheme, or one of another family than Runge–Kutta and multistep for y' = f."""
    if not isinstance(scheme, RungeKutta | Multistep) or not scheme.explicit or getattr(scheme, "derivative", 1) != 1:
        raise InputError("modules are compared for explicit Runge–Kutta and multistep schemes for y' = f")
    learnt = {"coefficients": "learnable", "sharing": "shared"} if scheme.parameters else {}
    cls = compile(scheme, time_dependent=True, **learnt)
    history = lower(scheme if scheme.parameters else scheme.at_defaults()).history
    depth = max((i.age for i in history), default=0)
    fields = [Field(seed) for seed in range(depth + 3)]
    past = [_random(100 + n) for n in range(len(history))]
    y = _random(99)
    options = {"given": depth} if history else {}
    block = cls(fields, h=H, t0=0.25, **options).double()
    # a parameter that nothing reads is not in the module
    values = {p.name: torch.tensor(float_of(p.value), dtype=torch.float64) for p in scheme.parameters}
    coefficients = {name: getattr(block, name) for name in cls.coefficients}  # type: ignore[attr-defined]
    with torch.no_grad():
        for name, tensor in coefficients.items():
            tensor.copy_(values[name])
    values |= coefficients
    generated = block(y, *past)
    expected = _by_formula(scheme, fields, y, dict(zip(history, past, strict=True)), values)
    inputs = {"y": y} | {i.name: x for i, x in zip(history, past, strict=True)} | coefficients
    inputs |= {f"weights of field {n}": field.weight for n, field in enumerate(fields)}
    size = max([1.0, *(abs(float_of(c)) for c in scheme.at_defaults().coefficients.values())])
    found = _difference("a generated module", generated, expected, size)
    gradients = zip(_gradients(generated, inputs), _gradients(expected, inputs), inputs, strict=True)
    return found + [line for a, b, name in gradients for line in _difference(f"its gradient in {name}", a, b, size)]


def _by_formula(
    scheme: Scheme, fields: list[Field], y: Tensor, past: dict[Input, Tensor], values: dict[str, Tensor]
) -> Tensor:
    steps = scheme.steps if isinstance(scheme, Multistep) else 1
    missing = torch.zeros_like(y)  # a value that only a coefficient 0 would read
    given = {(i.kind, i.age): x for i, x in past.items()}
    states = [y, *(given.get(("y", age), missing) for age in range(1, steps))]
    slopes = [given.get(("f", age), missing) for age in range(1, steps)]
    for n, field in enumerate(fields):
        at = Remembered(H, 0.25 + n * H, field, values, states, slopes)
        slopes = [at.f(0, 0), *slopes]
        states = [advance(scheme, at).states[0], *states]
    return states[0]


def _random(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 3, dtype=torch.float64, generator=generator).requires_grad_()


def _gradients(result: Tensor, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
    weight = torch.linspace(-1, 1, result.numel(), dtype=torch.float64).reshape(result.shape)
    return torch.autograd.grad(
        (result * weight).sum(), list(inputs.values()), allow_unused=True, materialize_grads=True, retain_graph=True
    )


def _difference(what: str, generated: Tensor, expected: Tensor, size: float) -> list[str]:
    error = float((generated - expected).detach().abs().max())
    allowed = TOLERANCE * size * float(1 + expected.detach().abs().max())
    return [] if error <= allowed else [f"{what} is {error:.2g} away from the formula, {allowed:.2g} is allowed"]
