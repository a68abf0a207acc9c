"""Combinations as rows of a matrix of exact numbers: what sharing works on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sympy import QQ, Expr

from tableau2net.exact.radicals import Number, exact, expression, magnitude, quotient, quotient_key
from tableau2net.step.combine import Combine, chain
from tableau2net.step.forms import combined, nonzero
from tableau2net.step.operation import Kind, Operation
from tableau2net.step.program import Step

Terms = dict[str, Number]
Size = tuple[int, int]  # tensor passes, kernels: what is made small, in this order

GROWTH = 4  # a coefficient may become so many times the largest it was: more would amplify rounding


@dataclass(frozen=True)
class MatrixRow:
    """A combination: its terms with numbers, and those whose coefficients hold symbols, which stay as they are.

    limit: the largest magnitude that a coefficient may take."""

    target: str
    terms: Terms
    others: tuple[tuple[Expr, str], ...] = ()
    limit: float = 0.0

    def __hash__(self) -> int:
        return hash(self.target)


@dataclass
class Rows:
    """A program as a list of rows and of the operations that are left alone, with what each state comes to.

    meaning: each state whose coefficients are all numbers, in terms of inputs, evaluations and states that do
    not. It never changes: rows are only written in other ways."""

    items: list[MatrixRow | Operation]
    kinds: dict[str, Kind]
    meaning: dict[str, Terms] = field(default_factory=dict)

    def copy(self) -> Rows:
        return replace(self, items=list(self.items), kinds=dict(self.kinds), meaning=dict(self.meaning))

    def rows(self) -> list[tuple[int, MatrixRow]]:
        return [(i, item) for i, item in enumerate(self.items) if isinstance(item, MatrixRow)]

    def expanded(self, terms: Mapping[str, Number]) -> Terms:
        """A combination with the states in it written out."""
        return nonzero(combined(((c, value) for value, c in terms.items()), self.meaning, QQ(1)))

    def size(self, row: MatrixRow) -> Size:
        """What a row costs; see `step.cost`."""
        return self.size_of(row.terms, len(row.others))

    def size_of(self, terms: Mapping[str, Number], others: int = 0) -> Size:
        starts = any(c == 1 and self.kinds[v] == "y" for v, c in terms.items())
        kernels, passes = chain(len(terms) + others, starts)
        return passes, kernels

    def total(self) -> Size:
        """What all rows cost together."""
        sizes = [self.size(row) for _, row in self.rows()]
        return sum(passes for passes, _ in sizes), sum(kernels for _, kernels in sizes)


def rows_of(step: Step) -> Rows:
    """The combinations of a step as rows. Those inside a solve are left alone, and never stand for what they come to:
    a solve ends with a small residual, and what is summed outside it should not depend on how small."""
    rows = Rows([], dict(step.kinds))
    for op in step.operations:
        row = _row(op) if isinstance(op, Combine) else None
        rows.items.append(row or op)
        if row is not None and not row.others:
            rows.meaning[row.target] = rows.expanded(row.terms)
    return rows


def _row(op: Combine) -> MatrixRow:
    numbers = {v: exact(c) for c, v in op.terms if c.is_number}
    others = tuple((c, v) for c, v in op.terms if not c.is_number)
    return MatrixRow(op.target, numbers, others, GROWTH * max(map(magnitude, numbers.values()), default=0.0))


def step_of(rows: Rows, step: Step) -> Step:
    """The step with its combinations as the rows have them: the state that a chain of adds begins with first, then
    states, then field values, in the order in which they come about."""
    made = [i.name for i in step.inputs]
    for item in rows.items:
        made += [o.target for o in item.members] if not isinstance(item, MatrixRow) else [item.target]
    place = {name: i for i, name in enumerate(made)}
    return replace(step, operations=tuple(_operation(rows, item, place) for item in rows.items))


def _operation(rows: Rows, item: MatrixRow | Operation, place: Mapping[str, int]) -> Operation:
    if not isinstance(item, MatrixRow):
        return item

    def key(term: tuple[Expr, str]) -> tuple[bool, bool, int]:
        state = rows.kinds[term[1]] == "y"
        return (not (state and term[0] == 1), not state, place[term[1]])

    terms = [(expression(c), v) for v, c in item.terms.items()]
    return Combine(item.target, tuple(sorted([*terms, *item.others], key=key)))


def available(rows: Rows, position: int) -> Iterable[str]:
    """States made before a position that have a meaning, and are more than one value."""
    for item in rows.items[:position]:
        if isinstance(item, MatrixRow) and len(rows.meaning.get(item.target, ())) > 1:
            yield item.target


def in_proportion(numbers: Terms, others: Terms, values: Iterable[str], least: int) -> list[tuple[Number, list[str]]]:
    """Sets of at least so many values at which the numbers are one multiple of the others, with the multiple.

    Equal quotients are equal floats, correctly rounded, which find the sets; exact arithmetic then confirms them."""
    groups: dict[float | None, list[str]] = {}
    for v in values:
        groups.setdefault(quotient_key(numbers[v], others[v]), []).append(v)
    found = []
    for key, near in groups.items():
        if len(near) >= least and key is not None:
            exactly: dict[Number, list[str]] = {}
            for v in near:
                exactly.setdefault(quotient(numbers[v], others[v]), []).append(v)
            found += [(ratio, equal) for ratio, equal in exactly.items() if len(equal) >= least]
    return found
