"""The one reading of a step program: every value as a combination of what the step takes and of its evaluations.

The coefficients are those of any arithmetic: an exact domain, balls, floats. Where f is linear, evaluations depend on
each other in the same way, and the whole step is

    Y = A F + U x,    x⁺ = B F + V x,    F = zY,    z = h^d λ,

the general linear form (HW II, V.4), so that x⁺ = (V + zB(I − zA)^{-1}U) x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from sympy import Expr

from tableau2net.exact.domain import domain_of
from tableau2net.step.combine import Combine
from tableau2net.step.operation import Assignment, Call, Element
from tableau2net.step.program import Step
from tableau2net.step.schedule import in_order

Key = TypeVar("Key")
Form = dict[str, Element]  # Σ coefficient · atom: an input or an evaluation
Row = dict[int, Element]  # the nonzero entries by column
Matrix = tuple[Row, ...]


class Arithmetic(Protocol):
    """Where coefficients live: its elements are added and multiplied with + and *."""

    zero: Element
    one: Element

    def convert(self, value: Expr) -> Element: ...


@dataclass
class Plain:
    """Numbers as they are, of a conversion's making."""

    convert: Callable[[Expr], Element]
    zero: Element = 0.0
    one: Element = 1.0


def combined(
    terms: Iterable[tuple[Element, Key]], known: Mapping[Key, dict[Key, Element]], one: Element
) -> dict[Key, Element]:
    """Σ coefficient · value with what is known of the values written out; an unknown one is an atom."""
    total: dict[Key, Element] = {}
    for c, value in terms:
        for atom, x in known[value].items() if value in known else ((value, one),):
            total[atom] = total[atom] + c * x if atom in total else c * x
    return total


def nonzero(form: Mapping[Key, Element]) -> dict[Key, Element]:
    """A form without what cancelled. Of exact numbers: in others, what may be zero is not nothing."""
    return {atom: x for atom, x in form.items() if x}


def forms(operations: Iterable[Assignment], arithmetic: Arithmetic) -> dict[str, Form]:
    """Every value that is a combination in terms of those that are none, which are taken as independent.

    Raises InputError where states define each other."""
    known: dict[str, Form] = {}
    for op in in_order([op for op in operations if isinstance(op, Combine)]):
        known[op.target] = combined([(arithmetic.convert(c), v) for c, v in op.terms], known, arithmetic.one)
    return known


@dataclass(frozen=True)
class LinearForm:
    """A step on a linear problem: Y = A F + U x, x⁺ = B F + V x with the rows of A, U, B, V by column.

    fields: for each of F, which of an additive method's fields it is.  groups: the field values that are solved for
    together, in order; A is lower triangular but for them."""

    arithmetic: Any
    A: Matrix
    U: Matrix
    B: Matrix
    V: Matrix
    fields: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """How many values are handed from step to step."""
        return len(self.V)

    def alone(self, part: int) -> LinearForm:
        """The same step where every other field is zero."""
        kept = {j: n for n, j in enumerate(j for j, field in enumerate(self.fields) if field == part)}
        groups = (tuple(kept[j] for j in group if j in kept) for group in self.groups)
        return replace(
            self,
            A=tuple(_columns(self.A[j], kept) for j in kept),
            U=tuple(self.U[j] for j in kept),
            B=tuple(_columns(row, kept) for row in self.B),
            fields=tuple(self.fields[j] for j in kept),
            groups=tuple(group for group in groups if group),
        )

    def weighted(self, weights: Sequence[Element]) -> LinearForm:
        """The same step where each field's z is so many times z: F = zwY is w times what is called F here."""
        A, B = (
            tuple({j: x * weights[self.fields[j]] for j, x in row.items()} for row in rows) for rows in (self.A, self.B)
        )
        return replace(self, A=A, B=B)


def linear_form(step: Step, arithmetic: Arithmetic | None = None, weights: Sequence[Expr] = ()) -> LinearForm | None:
    """The step where f is linear, for y'' = f in y alone; None where a field depends on several states, or an operation
    is not linear then.

    arithmetic: left out, the exact domain of the coefficients. weights: one a field of an additive method, whose z is
    then so many times z. Raises InputError where states define each other."""
    groups: list[list[Assignment]] = []
    for op in step.operations:
        comes_to = [member.on_linear() for member in op.members]
        if None in comes_to:
            return None
        groups.append([o for found in comes_to for o in found or ()])
    operations = [op for group in groups for op in group]
    calls = [op for op in operations if isinstance(op, Call)]
    if len(step.states) != 1 or (step.derivative == 1 and any(len(op.values) != 1 for op in calls)):
        return None
    arithmetic = arithmetic or domain_of([*(c for op in operations for c in op.coefficients), *weights])
    known = forms(operations, arithmetic)
    inputs = {given.name: i for i, given in enumerate(step.inputs)}
    column = {op.target: j for j, op in enumerate(calls)}

    def rows(names: Iterable[str]) -> tuple[Matrix, Matrix]:
        """Values by field values and by inputs."""
        found = [known.get(name, {name: arithmetic.one}) for name in names]
        return tuple(_columns(form, column) for form in found), tuple(_columns(form, inputs) for form in found)

    A, U = rows(op.values[0] for op in calls)
    B, V = rows(step.outputs)
    together = (tuple([column[op.target] for op in group if isinstance(op, Call)]) for group in groups)
    form = LinearForm(
        arithmetic, A, U, B, V, fields=tuple(op.part for op in calls), groups=tuple(filter(None, together))
    )
    return form.weighted([arithmetic.convert(w) for w in weights]) if weights else form


def _columns(row: Mapping[Any, Element], kept: Mapping[Any, int]) -> Row:
    return {kept[j]: x for j, x in row.items() if j in kept}
