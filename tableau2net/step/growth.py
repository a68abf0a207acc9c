"""What undoing a step does to an error: the inverse read as a linear recursion."""

from __future__ import annotations

from sympy import Expr, S, cancel

from tableau2net.step.inverse import inverted
from tableau2net.step.program import Combine, Step


def backward_matrix(step: Step, one_field: bool = False) -> tuple[tuple[Expr, ...], ...] | None:
    """The inverse of a step at h = 0: what was known before, a row each, by what is handed on, a column each; exact, in
    the step's parameters. Field values are left out, which are times h. None where there is no inverse.

    one_field: whether all steps evaluate the same field; see `inverted`.
    """
    back = inverted(step, one_field=one_field)
    return None if back is None else _rows(back.step)


def _rows(back: Step) -> tuple[tuple[Expr, ...], ...]:
    states = [i.name for i in back.inputs if i.kind == "y"]
    known: dict[str, dict[str, Expr]] = {name: {name: S.One} for name in states}
    for op in back.flat():
        total: dict[str, Expr] = {}
        for c, v in op.terms if isinstance(op, Combine) else ():
            for name, x in known.get(v, {}).items():
                total[name] = cancel(total.get(name, S.Zero) + c * x)
        known[op.target] = total
    rows = [known.get(o, {}) for o, i in zip(back.outputs, back.inputs, strict=True) if i.kind == "y"]
    return tuple(tuple(row.get(name, S.Zero) for name in states) for row in rows)
