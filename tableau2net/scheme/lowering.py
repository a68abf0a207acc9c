"""What a family lowers itself to: the step program, told line by line to whoever writes it down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Protocol

from sympy import Expr, S

from tableau2net.scheme.matrix_functions import MatrixFunction

Operator = Literal["linear", "jacobian", "matrix"]
Terms = Iterable[tuple[Expr, str]]


class StepWriter(Protocol):
    """Writes down one step of a scheme, as `Scheme.lower` tells it. Every value has a name, which each method returns.

    A value is a state or a field value; among terms a field value counts with h^d. Names may be used before their line
    is told: lines that need each other are solved together. The current states are told before all else.

    derivative: d in y^(d) = f, 1 unless it is set.
    fields: how many fields the system has, where a step need not evaluate all of them.
    estimate: the name of the state that an embedded method gives, where there is one.  velocity_estimate: that of h·y'
        as it gives it, where a step for y'' = f hands that on.
    """

    derivative: int
    fields: int
    estimate: str | None
    velocity_estimate: str | None

    def state(self, name: str, age: int = 0, *, component: int = 0, nordsieck: tuple[Expr, ...] | None = None) -> str:
        """A state that is known when the step begins, `age` steps old.

        component: which one, in a system of several.  nordsieck: q where it stands for Σ q_k h^k y^(k)(t_n) instead."""

    def slope(self, name: str, age: int = 0, *, part: int = 0, stage: str | None = None) -> str:
        """A field value that is known when the step begins, at the solution `age` steps ago.

        part: of which field.  stage: the name of an evaluation, where it is that of an earlier step."""

    def combine(self, name: str, terms: Terms) -> str:
        """``name = Σ coefficient · value``, a state; terms with a zero coefficient are left out."""

    def value(self, name: str, terms: Terms) -> str:
        """The same; where the terms are just a state that was known when the step began, that one."""

    def evaluate(
        self,
        name: str,
        at: str | tuple[str, ...],
        time: Expr,
        stage: int = 0,
        *,
        part: int = 0,
        reads: tuple[int, ...] = (0,),
    ) -> str:
        """``name = f(t_n + time·h, at)``, with the weights of a stage (from 0).

        part: which field.  reads: which component of the system each of the states `at` is."""

    def along(
        self,
        name: str,
        at: str | tuple[str, ...],
        direction: str | None,
        time: Expr,
        stage: int = 0,
        *,
        moved: Expr = S.Zero,
        part: int = 0,
        reads: tuple[int, ...] = (0,),
    ) -> str:
        """``name = f_y(t_n + time·h, at)·direction + moved·h·f_t(t_n + time·h, at)``, a field value.

        direction: an increment or a field value, which counts with h; None for none. Along the field value at the same
        place, with moved = 1, it is h times the second derivative of the solution."""

    def transform(
        self, name: str, function: MatrixFunction, value: str, *, operator: Operator = "linear", part: int = 0
    ) -> str:
        """``name = g(hA) value``, of a state or an increment; operator, part: what A is, see `step.transform`."""

    def flow(
        self, name: str, start: str, length: Expr, time: Expr, forcing: Iterable[tuple[str, tuple[Expr, ...]]]
    ) -> str:
        """``name = v(1)``, v(0) = start, dv/dτ = length·h f(t_n + (time + length·τ)·h, v) + h Σ_j γ_j(τ) k_j, exactly,
        of the first field f. forcing: k_j and the coefficients of γ_j by powers of τ."""

    def apply(self, operation: Any) -> str:
        """An operation of a kind of its own, an `Assignment` (see step/operation.py); the name is its target."""

    def hand_on(self, known: str, value: str) -> None:
        """When the next step begins, `value` stands in the place of what was `known` when this one did."""


def aged(letter: str, age: int) -> str:
    """``y_new``, ``y``, ``y_prev``, ``y_prev2``, … and ``f_new``, ``f_n``, ``f_prev``, …: the value that is `age` steps
    old, −1 at the end of the step."""
    if age == 0:
        return "y" if letter == "y" else f"{letter}_n"
    return f"{letter}_new" if age < 0 else f"{letter}_prev{age if age > 1 else ''}"
