"""A function of a linear operator, applied to a state or an increment."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.scheme.lowering import Operator
from tableau2net.scheme.matrix_functions import MatrixFunction, Resolvent
from tableau2net.step.combine import Combine
from tableau2net.step.evaluate import Evaluate
from tableau2net.step.operation import Assignment, Element, Kind, Notation, NumberValues, SeriesValues, Terms, Vector


@dataclass(frozen=True)
class Transform(Assignment):
    """``target = g(hA) value``: a state, or an increment where the value is one.

    operator: what A is.
        "linear": the linear field L of y' = N(t, y) + L y, which is the field `part`.
        "jacobian": ∂f/∂y at t_n and the current state, of the field `part`; the value is then an increment.
        "matrix": any matrix; the value is an increment, and `part` a colour of its own, beyond those of the fields."""

    kind: ClassVar[Kind] = "y"
    later: ClassVar[bool] = False

    function: MatrixFunction
    value: str
    operator: Operator
    part: int

    @property
    def operands(self) -> tuple[str, ...]:
        return (self.value,)

    @property
    def coefficients(self) -> tuple[Expr, ...]:
        return self.function.coefficients

    @property
    def meaning(self) -> Hashable:
        return Transform, self.function, self.operator, self.part

    def reading(self, new: Callable[[str], str]) -> Self:
        return replace(self, value=new(self.value))

    @property
    def at_rest(self) -> Terms:
        return ((self.function.taylor(0), self.value),)

    def on_linear(self) -> tuple[Assignment, ...] | None:
        """target = value + γ z target, where the function is a resolvent; A is then the whole field, or its part."""
        if not isinstance(self.function, Resolvent):
            return None
        part = 0 if self.operator == "matrix" else self.part
        inner = f"{self.target}_z"
        return (
            Evaluate(inner, (self.target,), S.Zero, 0, part),
            Combine(self.target, ((S.One, self.value), (self.function.gamma, inner))),
        )

    def on_series(self, series: SeriesValues) -> Callable[[int], Element]:
        """Σ_k g_k (hA)^k v: with hA a root of one branch is stripped, (hA v)([u]) = v(u); of A's colour, or for the
        Jacobian, that of its field. A leaf of the linear field is L y itself."""
        of, forest, name = series.of(self.value), series.forest, self.value
        head, tail, colour, colours = forest.head, forest.tail, forest.colour, forest.colours
        rest = series.rest(self.value)
        factors: list[Element] = []

        def factor(k: int) -> Element:
            while len(factors) <= k:
                factors.append(series.factor(self.function.taylor(len(factors)), name))
            return factors[k]

        def at(tree: int) -> Element:
            total, k = factor(0) * of[tree], 0
            while colour[tree] == self.part:
                k += 1
                if tree < colours:
                    return total if self.operator == "jacobian" else total + factor(k) * rest
                if head[tree] >= colours or tail[tree] < 0:
                    return total  # not a root of one branch
                tree = tail[tree]
                total = total + factor(k) * of[tree]
            return total

        return at

    def on_numbers(self, numbers: NumberValues) -> Vector:
        raise InputError("the test problem is not split into a linear part and the rest")

    def written(self, notation: Notation) -> str:
        if notation.language == "torch":
            raise NotImplementedError("Transform in torch")
        letter = {"linear": "L", "jacobian": "J", "matrix": "A"}[self.operator]
        return f"g(h {letter}) {notation.name(self.value)}"
