"""What undoing a step does to an error: the inverse read as a linear recursion."""

from __future__ import annotations

from sympy import Expr

from tableau2net.exact.cancelled import Expressions
from tableau2net.step.forms import forms
from tableau2net.step.inverse import inverted
from tableau2net.step.program import Step


def backward_matrix(step: Step, one_field: bool = False) -> tuple[tuple[Expr, ...], ...] | None:
    """The inverse of a step at h = 0: what was known before, a row each, by what is handed on, a column each; exact, in
    the step's parameters. Field values are left out, which are times h. None where there is no inverse.

    one_field: whether all steps evaluate the same field; see `inverted`.
    """
    back = inverted(step, one_field=one_field)
    return None if back is None else _rows(back.step)


def _rows(back: Step) -> tuple[tuple[Expr, ...], ...]:
    arithmetic = Expressions()
    known = forms(back.flat(), arithmetic)
    states = [i.name for i in back.inputs if i.kind == "y"]
    outputs = [o for o, i in zip(back.outputs, back.inputs, strict=True) if i.kind == "y"]
    rows = [known.get(name, {name: arithmetic.one}) for name in outputs]
    return tuple(tuple(row.get(name, arithmetic.zero).value for name in states) for row in rows)
