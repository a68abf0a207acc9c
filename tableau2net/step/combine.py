"""A linear combination of values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from sympy import Add, Expr, S, Symbol, cancel, radsimp

from tableau2net.step.operation import Assignment, Element, Kind, Notation, NumberValues, SeriesValues, Terms, Vector


@dataclass(frozen=True)
class Combine(Assignment):
    """``target = Σ coefficient · value``, field values times h. The target is a state.

    Each value stands in the terms once, with a coefficient that is not 0: equal values, which a pass may find, are
    added up, and what cancels is gone. So no reader has to think of a value that is there twice."""

    kind: ClassVar[Kind] = "y"
    later: ClassVar[bool] = False

    terms: Terms

    def __post_init__(self) -> None:
        if len({v for _, v in self.terms}) < len(self.terms) or any(c.is_zero for c, _ in self.terms):
            object.__setattr__(self, "terms", collected(self.terms))

    @property
    def operands(self) -> tuple[str, ...]:
        return tuple([name for _, name in self.terms])

    @property
    def coefficients(self) -> tuple[Expr, ...]:
        return tuple([c for c, _ in self.terms])

    @property
    def at_rest(self) -> Terms:
        return self.terms

    @property
    def meaning(self) -> Hashable:
        return Combine, self.coefficients

    def reading(self, new: Callable[[str], str]) -> Combine:
        return replace(self, terms=tuple([(c, new(v)) for c, v in self.terms]))

    def on_linear(self) -> tuple[Assignment, ...]:
        return (self,)

    def on_series(self, series: SeriesValues) -> Callable[[int], Element]:
        factors, values = [series.factor(c, v) for c, v in self.terms], [series.of(v) for _, v in self.terms]
        total = series.total

        def at(tree: int) -> Element:
            return total(factors, [value[tree] for value in values])

        return at

    def on_numbers(self, numbers: NumberValues) -> Vector:
        return numbers.sum(self.terms)

    def written(self, notation: Notation) -> str:
        return notation.sum(self.terms)

    def size(self, states: Collection[str]) -> tuple[int, int]:
        """A chain of adds begins with a state whose coefficient is 1, or with a product."""
        return chain(len(self.terms), any(c == S.One and v in states for c, v in self.terms))

    def saved(self, learnt: Collection[Symbol] | None) -> Iterable[str]:
        return (v for c, v in self.terms if is_learnt(c, learnt))


def chain(terms: int, starts: bool) -> tuple[int, int]:
    """`Combine.size` with so many terms; `starts`: one of them is a state with the coefficient 1."""
    if not terms:
        return 1, 1  # zeros are written
    adds = terms - 1
    return (adds, 3 * adds) if starts else (adds + 1, 3 * adds + 2)


def is_learnt(coefficient: Expr, learnt: Collection[Symbol] | None) -> bool:
    """Whether a coefficient holds a symbol that is differentiated by (None: any symbol)."""
    symbols = coefficient.free_symbols
    return bool(symbols if learnt is None else symbols & set(learnt))


def collected(terms: Iterable[tuple[Expr, str]]) -> Terms:
    """Terms with the coefficients of equal values added up, those that come to 0 dropped, in the order they came in."""
    found: dict[str, list[Expr]] = {}
    for c, v in terms:
        found.setdefault(v, []).append(c)
    totals = ((_sum(coefficients), v) for v, coefficients in found.items())
    return tuple((c, v) for c, v in totals if not c.is_zero)


def _sum(coefficients: list[Expr]) -> Expr:
    """What several coefficients come to, without what cancels; one alone stays as it is written."""
    return coefficients[0] if len(coefficients) == 1 else radsimp(cancel(Add(*coefficients)))
