"""What is known of an order: how high it is, how far that holds, and the conditions that end it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sympy import Expr

from tableau2net.analysis.reading.trees import bracket
from tableau2net.exact.text import digits_in, is_long
from tableau2net.scheme import CoefficientTable


class OrderKind(NamedTuple):
    """How far an order holds, in words: by itself; behind "order 4" in a sentence; behind it where there is no room."""

    alone: str
    behind: str
    brief: str


KINDS = {
    "exact": OrderKind("exact", "", ""),
    "all parameters": OrderKind(
        "for all values of the parameters", " for all values of the parameters", " for all parameter values"
    ),
    "decimal": OrderKind("as far as the printed decimals go", " to the decimals printed", " to the decimals printed"),
    "linear": OrderKind(
        "for linear fields only: a stage starts from no y",
        " for linear fields only, since a stage starts from no y",
        " if linear",
    ),
}


def kind_of(table: CoefficientTable) -> str:
    """How far the order of a scheme, or of a stencil, holds, where it is an order for every field."""
    return "all parameters" if table.parameters else "exact" if table.digits is None else "decimal"


@dataclass(frozen=True)
class Residual:
    """An order condition that fails: a(t) − 1/γ(t) at the tree with this level sequence.

    The empty tree stands for the constant term: what the step leaves of y when f = 0, minus 1.
    colours: with several fields, which of them each node is, from 1 (0: a derivative in time).
    of: the value handed on that misses it, where that is not the state."""

    tree: tuple[int, ...]
    value: Expr
    colours: tuple[int, ...] = ()
    of: str = ""

    def __str__(self) -> str:
        value = f"a number of {digits_in(self.value):,} digits" if is_long(self.value) else self.value
        return f"{bracket(self.tree, self.colours)}{f' of {self.of}' if self.of else ''}: {value}"


@dataclass(frozen=True)
class Order:
    """What is known of the order.

    order: the largest p with every condition up to p fulfilled; −1 when not even a constant solution is kept.
    kind: "exact"; "all parameters" when it holds identically in the scheme's parameters; "decimal" when the source
        printed decimals, and the conditions hold as far as those go; "linear" when a stage starts from no y, so that
        there is an order for linear fields only.
    complete: False when the search ended at its limit with nothing failing: the order is at least `order`.
    failing: the conditions of order `order` + 1 that do not hold, those with a derivative in time last.
    autonomous: the order where the field does not depend on time, which is higher if the nodes c are wrong.
    """

    order: int
    kind: str
    complete: bool
    failing: tuple[Residual, ...]
    autonomous: int
