"""What a formula of a step starts from, and what it ends in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sympy import Expr

State = Any
MAX_SWEEPS = 400


class Given(Protocol):
    """What a step starts from, and how numbers and states are calculated with."""

    @property
    def h(self) -> Any:
        """The size of the step."""

    def number(self, value: Expr) -> Any:
        """An exact coefficient as one that multiplies states."""

    def distance(self, a: State, b: State) -> Any:
        """How far apart two states are."""

    @property
    def tolerance(self) -> Any:
        """Below this, implicit stages have settled."""

    def field(self, part: int, time: Any, states: list[State], stage: int = 0) -> State:
        """f^part at t_n + time·h and the states, one a component; stages may have fields of their own."""

    def along(self, time: Any, state: State, u: State, moved: Any) -> State:
        """h (f_y u + moved f_t) at t_n + time·h and a state, u and moved in units of their own."""

    def matrix(self, u: State) -> State:
        """h times the matrix of a W-method, times u."""

    def y(self, component: int, age: int) -> State:
        """A state `age` steps ago."""

    def f(self, part: int, age: int) -> State:
        """The field at the solution `age` steps ago."""

    def nordsieck(self, q: tuple[Expr, ...]) -> State:
        """Σ q_k h^k y^(k)."""

    def k(self, stage: int) -> State:
        """The field at a stage (from 0) of the step before."""


@dataclass(frozen=True)
class Advanced:
    """The end of a step: the states, what the embedded method gives, and for general linear methods what is handed on
    and the field at the stages; for y'' = f, where h·y' is handed on, that, and as the embedded method gives it."""

    states: list[State]
    embedded: State | None = None
    external: tuple[State, ...] = ()
    stages: tuple[State, ...] = ()
    velocity: State | None = None
    embedded_velocity: State | None = None


def settle(
    at: Given, sweep: Callable[[list[State]], list[State]], start: list[State], once: bool = False
) -> list[State]:
    """Sweep until nothing changes; a step h small beside the field wins digits with each."""
    old = sweep(start)
    for _ in range(0 if once else MAX_SWEEPS):
        new = sweep(old)
        if max(at.distance(a, b) for a, b in zip(new, old, strict=True)) <= at.tolerance:
            return new
        old = new
    if not once:
        raise ArithmeticError("the implicit stages did not settle")
    return old
