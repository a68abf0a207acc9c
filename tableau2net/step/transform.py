"""A function of a linear operator, applied to a state or an increment."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import mpmath
from sympy import Expr, S, Symbol

from tableau2net.errors import InputError
from tableau2net.exact.text import text_of
from tableau2net.exact.typeset_numbers import latex_number
from tableau2net.scheme.lowering import Operator
from tableau2net.scheme.matrix_functions import Identity, MatrixFunction, PhiSum, Resolvent
from tableau2net.step.combine import Combine
from tableau2net.step.evaluate import Evaluate
from tableau2net.step.operation import Assignment, Element, Kind, Notation, NumberValues, SeriesValues, Terms, Vector

LETTERS = {"linear": "L", "jacobian": "J", "matrix": "A"}


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
    def solves(self) -> bool:
        """Whether it is the solution of a linear system."""
        return isinstance(self.function, Resolvent)

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
        """target = value + γ z target of a resolvent, z value of the operator itself; A is then the whole field, or its
        part."""
        part, inner = 0 if self.operator == "matrix" else self.part, f"{self.target}_z"
        if isinstance(self.function, Identity):
            return Evaluate(inner, (self.value,), S.Zero, 0, part), Combine(self.target, ((S.One, inner),))
        if not isinstance(self.function, Resolvent):
            return None
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
        value, product = numbers.of(self.value), numbers.operator(self.operator, self.part)
        if isinstance(self.function, Identity):
            return product(value)
        if not isinstance(self.function, Resolvent):
            return self._by_series(value, product)
        gamma, size = mpmath.mpmathify(self.function.gamma.evalf(mpmath.mp.dps + 5)), range(len(value))
        columns = [product([mpmath.mpf(i == j) for i in size]) for j in size]
        system = mpmath.matrix([[(i == j) - gamma * columns[j][i] for j in size] for i in size])
        return list(mpmath.lu_solve(system, mpmath.matrix(value)))

    def _by_series(self, value: Vector, product: Callable[[Vector], Vector]) -> Vector:
        """Σ g_k (hA)^k v, until nothing changes."""
        total, power, k = [0 * x for x in value], value, 0
        while True:
            g = mpmath.mpmathify(self.function.taylor(k).evalf(mpmath.mp.dps + 5))
            new = [a + g * x for a, x in zip(total, power, strict=True)]
            if k > 1 and new == total:
                return new
            total, power, k = new, product(power), k + 1

    def written(self, notation: Notation) -> str:
        value, operator = notation.name(self.value), notation.operator(self.operator, self.part)
        scale = self.function.gamma if isinstance(self.function, Resolvent) else S.One
        if notation.language == "torch":
            method = {Resolvent: "resolvent", Identity: "product"}.get(type(self.function))
            if method is None or self.operator == "linear":
                return self._of_linear(operator, notation)
            return f"{operator}.{method}({notation.scaled(scale)}, {value})"
        scaled = f"{notation.scaled(scale)} {operator}"
        if isinstance(self.function, Identity):
            return f"{scaled} {value}"
        if isinstance(self.function, Resolvent):
            inverse = rf"\left(I - {scaled}\right)^{{-1}}" if notation.language == "latex" else f"(I - {scaled})^-1"
            return f"{inverse} {value}"
        function = self.function.expression(Symbol(f"h{operator}"))
        if notation.language == "latex":
            text = latex_number(function)
            return rf"\left({text}\right) {value}" if function.is_Add else f"{text} {value}"
        return f"({text_of(function)}) {value}"

    def _of_linear(self, field: str, notation: Notation) -> str:
        """The sum of φ-functions as a linear field, or a Jacobian, takes it."""
        if not isinstance(self.function, PhiSum):
            raise InputError(f"no code takes {type(self.function).__name__} of the operator {self.operator!r}")
        number = notation.number
        terms = [f"({number(t.weight)}, {t.index}, {number(t.scale)})" for t in self.function.terms]
        told = f"({', '.join(terms)}{',' * (len(terms) == 1)})"
        return f"phi_sum({field}, {told}, h, {notation.name(self.value)})"
