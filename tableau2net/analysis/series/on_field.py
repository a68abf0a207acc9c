"""Elementary differentials of a given vector field, and what a B-series is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sympy import Expr, S, Symbol, sympify

from tableau2net.analysis.reading.trees import Forest
from tableau2net.errors import InputError
from tableau2net.exact.text import shown

Vector = list[Expr]


class Differentials:
    """F(t)(y) of each tree, as sympy expressions.

    fields: one vector a colour, over all components of y."""

    def __init__(self, forest: Forest, fields: Sequence[Vector], y: Sequence[Symbol]) -> None:
        self.forest, self.fields, self.y = forest, fields, tuple(y)
        self._known: dict[int, Vector] = {}

    def of(self, tree: int) -> Vector:
        """F(t) = f^(m)(F(t_1), …, F(t_m))."""
        if tree not in self._known:
            branches = [self.of(branch) for branch in self.forest.branches(tree)]
            field = self.fields[self.forest.colour[tree]]
            self._known[tree] = [self._along(component, branches) for component in field]
        return self._known[tree]

    def _along(self, value: Expr, directions: Sequence[Vector]) -> Expr:
        """The derivative of a value along each of some directions, which are held fixed."""
        if not directions or value.is_zero:
            return value
        first, *others = directions
        parts = ((v, value.diff(y)) for y, v in zip(self.y, first, strict=True) if not v.is_zero)
        return sum((v * self._along(derivative, others) for v, derivative in parts), S.Zero)


def vectors(f: Any, y: Any, colours: int, states: int) -> tuple[list[Vector], list[Symbol]]:
    """Fields as vectors over all components, one a colour. Raises InputError where they do not fit."""
    given = [[*map(_expression, _listed(row, "f"))] for row in (_listed(f, "f") if colours > 1 else [f])]
    blocks = [_listed(row, "y") for row in (_listed(y, "y") if states > 1 else [y])]
    symbols = [s for block in blocks for s in block]
    if not symbols or not all(isinstance(s, Symbol) for s in symbols) or len(set(symbols)) < len(symbols):
        raise InputError(
            "evaluate: y is a list of different symbols, one a component; a list of such lists, one a state"
        )
    if len(given) != colours or len(blocks) != states:
        raise InputError(f"evaluate: f is a list of {colours} fields, y of {states} states")
    sizes = [len(block) for block in blocks] if states > 1 else [len(symbols)] * colours
    if [len(row) for row in given] != sizes:
        raise InputError("evaluate: each field has as many components as the state that it moves")
    if states == 1:
        return given, symbols
    starts = [sum(sizes[:i]) for i in range(states)]
    padded = [
        [S.Zero] * start + row + [S.Zero] * (len(symbols) - start - len(row))
        for start, row in zip(starts, given, strict=True)
    ]
    return padded, symbols


def _listed(values: Any, what: str) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(f"evaluate: {what} is a list, one entry a component, not {shown(values)}")
    return list(values)


def _expression(value: object) -> Expr:
    found = sympify(value) if not isinstance(value, str) else None
    if not isinstance(found, Expr):
        raise InputError(f"evaluate: {value!r}: sympy expressions in the symbols y are expected")
    return found
