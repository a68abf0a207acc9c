"""The flow of a fast field with a slow one as its forcing: what a stage of a multirate infinitesimal method is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, ClassVar

import mpmath
from mpmath import log, mpf
from sympy import Expr, Rational, S

from tableau2net.errors import InputError
from tableau2net.exact.typeset_numbers import latex_number
from tableau2net.step.evaluate import TIME, Evaluate
from tableau2net.step.operation import Assignment, Element, Kind, Notation, NumberValues, SeriesValues, Terms, Vector

MOST = 24  # nodes between which a flow of numbers is a polynomial


@dataclass(frozen=True)
class ForcedFlow(Assignment):
    """``target = v(1)``, v(0) = start, dv/dτ = length·h f(t_n + (time + length·τ)·h, v) + h Σ_j γ_j(τ) k_j: a state.

    part: which field f is.  forcing: field values k_j, and the coefficients of γ_j by powers of τ."""

    kind: ClassVar[Kind] = "y"
    later: ClassVar[bool] = False

    start: str
    length: Expr
    time: Expr
    forcing: tuple[tuple[str, tuple[Expr, ...]], ...]
    part: int = 0

    @property
    def operands(self) -> tuple[str, ...]:
        return (self.start, *(name for name, _ in self.forcing))

    @property
    def coefficients(self) -> tuple[Expr, ...]:
        return (self.length, self.time, *(c for _, row in self.forcing for c in row))

    @property
    def meaning(self) -> tuple[object, ...]:
        return ForcedFlow, self.length, self.time, self.part, tuple(row for _, row in self.forcing)

    def reading(self, new: Callable[[str], str]) -> ForcedFlow:
        forcing = tuple((new(name), row) for name, row in self.forcing)
        return ForcedFlow(self.target, new(self.start), self.length, self.time, forcing, self.part)

    @property
    def at_rest(self) -> Terms:
        return ((S.One, self.start),)

    def on_linear(self) -> None:
        """An exponential function, which no combination is."""
        return

    def on_series(self, series: SeriesValues) -> Callable[[int], Element]:
        """v(τ) at each tree is a polynomial in τ, and so is h f(v(τ)), a product of those of the branches."""
        start, forcing = series.of(self.start), [(series.of(k), self._integrated(row)) for k, row in self.forcing]
        forcing = [(k, [series.factor(c, self.start) for c in row]) for k, row in forcing]
        forest, zero = series.forest, series.zero
        length, begun = series.factor(self.length, self.start), series.factor(self.time, self.start)
        moved = [begun, length]  # the time of f, in units of h
        states: list[list[Element]] = []
        slopes: dict[int, list[Element]] = {}

        def at(tree: int) -> Element:
            value = [start[tree]]
            if forest.colours == 1 or forest.colour[tree] == self.part:
                if tree < forest.colours:
                    slopes[tree] = [series.one]
                else:
                    branch = forest.tail[tree]
                    slopes[tree] = _product(
                        slopes[forest.head[tree]], moved if branch == TIME else states[branch], zero
                    )
                value += [length * c * series.factor(Rational(1, n), self.start) for n, c in enumerate(slopes[tree], 1)]
            for k, row in forcing:
                value += [zero] * (len(row) + 1 - len(value))
                for n, c in enumerate(row, 1):
                    value[n] = value[n] + c * k[tree]
            while len(value) > 1 and not value[-1]:
                value.pop()
            states.append(value)
            return sum(value[1:], value[0])

        return at

    @staticmethod
    def _integrated(row: tuple[Expr, ...]) -> list[Expr]:
        return [c / (n + 1) for n, c in enumerate(row)]

    def on_numbers(self, numbers: NumberValues) -> Vector:
        """By collocation with equal steps, as many and swept as often as leaves nothing at this h."""
        begin, h = numbers.of(self.start), numbers.h
        n = min(MOST, max(3, int(mpmath.mp.dps * log(10) / -log(min(abs(h), 0.5)))))
        nodes = [Fraction(i, n) for i in range(n + 1)]
        slow = [
            _sum([(begin, 0 * h), *((numbers.of(k), h * _value(row, x)) for k, row in self.forcing)]) for x in nodes
        ]
        values = [begin] * len(nodes)
        for _ in range(n + 3):
            slopes = [self._slope(numbers, x, v, s) for x, v, s in zip(nodes, values, slow, strict=True)]
            values = [_sum([(begin, 1), *zip(slopes, row, strict=True)]) for row in _integrals(n, mpmath.mp.dps)]
        return values[-1]

    def _slope(self, numbers: NumberValues, x: Fraction, v: Vector, slow: Vector) -> Vector:
        time = self.time + self.length * Rational(x.numerator, x.denominator)
        fast = numbers.field(Evaluate(self.target, (self.start,), time, 0, self.part), (v,))
        return _sum([(fast, numbers.h * _number(self.length)), (slow, 1)])

    def written(self, notation: Notation) -> str:
        if notation.language == "torch":
            raise InputError(
                "the fast field is followed exactly: say how, by multirate(scheme, inner='rk4', substeps=8)"
            )
        latex = notation.language == "latex"
        start, length = notation.name(self.start), latex_number(self.length) if latex else f"({self.length})"
        terms = [f"{_polynomial(row, latex)} {notation.name(k)}" for k, row in self.forcing]
        if latex:
            fast = rf"{length} f^{{[{self.part + 1}]}}"
            return rf"\Phi\left({start}; {' + '.join([fast, *terms])}\right)"
        return f"flow of {' + '.join([f'{length}·f{self.part + 1}', *terms])} from {start}"


def _polynomial(row: tuple[Expr, ...], latex: bool) -> str:
    """A polynomial in τ, in brackets."""
    letter = r"\tau" if latex else "τ"
    powers = ["", f" {letter}", *(f" {letter}^{n}" for n in range(2, len(row)))]
    terms = [(c, latex_number(c) if latex else str(c), p) for c, p in zip(row, powers, strict=False) if not c.is_zero]
    inside = " + ".join(f"({text}){p}" if p and c.is_Add else f"{text}{p}" for c, text, p in terms)
    inside = re.sub(r"\+ - ?", "- ", inside)
    return rf"\left({inside}\right)" if latex else f"({inside})"


def _product(a: list[Element], b: list[Element], zero: Element) -> list[Element]:
    found = [zero] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            found[i + j] = found[i + j] + x * y
    return found


def _number(value: Expr) -> Any:
    return mpf(int(value.p)) / int(value.q) if value.is_Rational else mpf(value.evalf(80))


def _value(row: tuple[Expr, ...], x: Fraction) -> Any:
    """A polynomial at a point."""
    return sum((_number(c) * mpf(x.numerator) ** n / mpf(x.denominator) ** n for n, c in enumerate(row)), mpf(0))


def _sum(terms: list[tuple[Vector, Any]]) -> Vector:
    """Σ factor · vector, of lists or of what can be added and multiplied."""
    if isinstance(terms[0][0], list):
        return [sum((c * v[i] for v, c in terms), mpf(0)) for i in range(len(terms[0][0]))]
    (first, factor), *others = terms
    total: Any = factor * first
    for v, c in others:
        total = total + c * v
    return total


@cache
def _integrals(n: int, digits: int) -> list[list[Any]]:
    """∫_0^x of the polynomial that is 1 at a node i/n and 0 at the others, for x at each node, to so many digits."""
    nodes = [Fraction(i, n) for i in range(n + 1)]
    basis = []
    for i, own in enumerate(nodes):
        p = [Fraction(1)]
        for j, x in enumerate(nodes):
            if i != j:  # times (τ − x)/(own − x)
                p = [(a - x * b) / (own - x) for a, b in zip([Fraction(0), *p], [*p, Fraction(0)], strict=True)]
        basis.append([c / (k + 1) for k, c in enumerate(p)])
    exact = [[sum((c * x ** (k + 1) for k, c in enumerate(p)), Fraction(0)) for p in basis] for x in nodes]
    return [[mpf(w.numerator) / w.denominator for w in row] for row in exact]
