"""An operation of a step answers for itself: what it reads, how it acts on each kind of value, how it is written.

A reading asks each operation in turn, and none asks what kind it is; so a new operation is one class, here or in
another package, and a family that uses it one more. What an operation does is said in terms of what the reading hands
in: a `SeriesValues`, `NumberValues`, a `Notation`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol, Self

from sympy import Expr, Symbol

from tableau2net.scheme.lowering import Operator

Kind = Literal["y", "f"]
Terms = tuple[tuple[Expr, str], ...]
Element = Any  # of the arithmetic of a reading: supports + and *
Vector = list[Any]


class Trees(Protocol):
    """Rooted trees by number, each one a head grafted with a tail: see `analysis.reading.trees`."""

    @property
    def colours(self) -> int: ...
    @property
    def head(self) -> list[int]: ...
    @property
    def tail(self) -> list[int]: ...
    @property
    def colour(self) -> list[int]: ...


class SeriesValues(Protocol):
    """What an operation acts on where values are B-series: a coefficient for each tree of a forest.

    of: the coefficients of a value by tree, a list that grows: those of smaller trees are there, and for an operation
        that is not `later` that of the same tree.
    states: the same of what a call reads, by the colour of a branch.
    rest: what a state comes to where f = 0, as a multiple of y: the coefficient of the empty tree.
    factor: what a coefficient in a sum multiplies the series of a value by, field values counting with h.
    total: Σ factor · coefficient, of factors and as many coefficients.
    time: c in t + c·h, as an element.
    """

    zero: Element
    one: Element

    @property
    def forest(self) -> Trees: ...
    def of(self, value: str) -> list[Element]: ...
    def states(self, call: Call) -> list[list[Element]]: ...
    def rest(self, value: str) -> Element: ...
    def factor(self, coefficient: Expr, value: str) -> Element: ...
    def total(self, factors: list[Element], coefficients: list[Element]) -> Element: ...
    def time(self, evaluation: str) -> Element: ...


class NumberValues(Protocol):
    """What an operation acts on where values are vectors of numbers.

    operator: v ↦ hA v, of an operator as `Transform` names it."""

    h: Any

    def of(self, value: str) -> Vector: ...
    def sum(self, terms: Terms) -> Vector: ...
    def field(self, call: Call, values: tuple[Vector, ...]) -> Vector: ...
    def operator(self, kind: Operator, part: int) -> Callable[[Vector], Vector]: ...


class Notation(Protocol):
    """What an operation is written with. language: of the text, so that one may say a thing in its own words.

    scaled: a coefficient times h.  number: one as it is.  operator: what a step's operator is called in code."""

    @property
    def language(self) -> Literal["text", "latex", "torch"]: ...
    def name(self, value: str) -> str: ...
    def sum(self, terms: Terms) -> str: ...
    def field(self, call: Call) -> str: ...
    def time(self, call: Call) -> str: ...
    def evaluation(self, call: Call) -> str: ...
    def scaled(self, coefficient: Expr) -> str: ...
    def operator(self, kind: Operator, part: int) -> str: ...
    def number(self, value: Expr) -> str: ...


class Operation(ABC):
    """An entry of a step: one assignment, or several that are solved together."""

    @property
    @abstractmethod
    def members(self) -> tuple[Assignment, ...]:
        """The assignments in it."""


@dataclass(frozen=True)
class Assignment(Operation):
    """``target = …``: one value from others.

    kind: whether it is a state or a field value, which counts with a factor h.
    later: whether its B-series at a tree follows from smaller trees alone, as that of a field does, which multiplies by
        h; so that it may stand in a loop.
    """

    kind: ClassVar[Kind]
    later: ClassVar[bool]

    target: str

    @property
    def members(self) -> tuple[Assignment, ...]:
        return (self,)

    @property
    @abstractmethod
    def operands(self) -> tuple[str, ...]:
        """The values that it reads."""

    @property
    @abstractmethod
    def coefficients(self) -> tuple[Expr, ...]:
        """The exact numbers in it."""

    @property
    @abstractmethod
    def meaning(self) -> Hashable:
        """What it does, but for the values that it reads: two that do the same to equal values are equal."""

    @abstractmethod
    def reading(self, new: Callable[[str], str]) -> Self:
        """The same of other values."""

    @property
    @abstractmethod
    def at_rest(self) -> Terms:
        """What it comes to where f = 0: a combination of states; nothing for a field value."""

    @abstractmethod
    def on_linear(self) -> tuple[Assignment, ...] | None:
        """What it comes to where f is linear, in combinations and evaluations, of which its target is the last. None
        where it comes to no such thing."""

    @abstractmethod
    def on_series(self, series: SeriesValues) -> Callable[[int], Element]:
        """Its action on B-series: the coefficient of the target at a tree. Asked for each tree once, in their order."""

    @abstractmethod
    def on_numbers(self, numbers: NumberValues) -> Vector:
        """The target in numbers."""

    @abstractmethod
    def written(self, notation: Notation) -> str:
        """The right-hand side, a field value without its factor h."""

    def renamed(self, new: Callable[[str], str]) -> Self:
        """The same under other names."""
        return replace(self.reading(new), target=new(self.target))

    def size(self, states: Collection[str]) -> tuple[int, int]:
        """Kernels beside those of the fields that it calls, and the tensors that they read and write."""
        return 0, 0

    def saved(self, learnt: Collection[Symbol] | None) -> Iterable[str]:
        """What autograd keeps because of it; learnt: the symbols that are differentiated by, None for every one."""
        return self.operands


@dataclass(frozen=True)
class Call(Assignment):
    """An assignment that calls a field of the system, with the weights of stage `slot` (0, 1, … in a network).

    values, reads: the states it is called at, and which component of the system each of them is.  time: c, where it is
    called at t_n + c·h.  part: which of an additive or partitioned method's fields f^[0], f^[1], … it is."""

    kind: ClassVar[Kind] = "f"
    later: ClassVar[bool] = True

    values: tuple[str, ...]
    time: Expr
    slot: int
    part: int = 0
    reads: tuple[int, ...] = (0,)

    @property
    def place(self) -> tuple[object, ...]:
        """Where it is called, and which field."""
        return self.values, self.time, self.slot, self.part, self.reads

    @property
    def value(self) -> str:
        """The state, in a system that has one."""
        (value,) = self.values
        return value

    @property
    def operands(self) -> tuple[str, ...]:
        return self.values

    @property
    def coefficients(self) -> tuple[Expr, ...]:
        return (self.time,)

    @property
    def at_rest(self) -> Terms:
        return ()

    @property
    def meaning(self) -> Hashable:
        return type(self), self.time, self.part, self.reads

    def reading(self, new: Callable[[str], str]) -> Self:
        return replace(self, values=tuple(map(new, self.values)))


@dataclass(frozen=True)
class Solve(Operation):
    """Assignments that refer to each other's targets: an implicit stage, or coupled stages, solved together."""

    operations: tuple[Assignment, ...]

    @property
    def members(self) -> tuple[Assignment, ...]:
        return self.operations
