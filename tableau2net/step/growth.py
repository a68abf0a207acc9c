"""How much a rounding error grows when steps are undone one after the other: the inverse read as a linear recursion."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sympy import Expr

from tableau2net.exact.cancelled import Expressions
from tableau2net.exact.text import float_of
from tableau2net.step.forms import Arithmetic, Plain, forms
from tableau2net.step.inverse import inverted
from tableau2net.step.program import Step

Matrix = tuple[tuple[Any, ...], ...]


def backward_matrix(step: Step, one_field: bool = False) -> tuple[tuple[Expr, ...], ...] | None:
    """The inverse of a step at h = 0: what was known before, a row each, by what is handed on, a column each; exact, in
    the step's parameters. Field values are left out, which are times h. None where there is no inverse.

    one_field: whether all steps evaluate the same field; see `inverted`.
    """
    back = inverted(step, one_field=one_field)
    if back is None:
        return None
    return tuple(tuple(entry.value for entry in row) for row in _rows(back.step, Expressions()))


def backward_growth(
    step: Step,
    steps: int,
    values: Mapping[str, float] | Sequence[Mapping[str, float]] = (),
    z: complex = 0,
    one_field: bool = False,
) -> float:
    """In floating point: how many times a rounding error may grow while `steps` steps are undone.

    The error e of one step has become B e, B² e, … after the steps before it, B the matrix of the inverse; the growth
    is the largest of the norms ‖Bⁿ‖_∞, n ≤ steps. It is |k|⁻ⁿ but for a factor for lm, 1 for leapfrog and RevNet,
    2λ⁻ⁿ − 1 for the coupled form.

    values: the parameters' values, where they are not the declared ones; a mapping a step, first step first, where
        they differ.
    z: hλ of the test equation y' = λy; at 0 the growth as h → 0.
    Infinite where there is no inverse at these values.
    """
    back = inverted(step, one_field=one_field)
    if back is None:
        return math.inf
    each = [values] * steps if isinstance(values, Mapping) else list(values) or [{}] * steps
    worst, product = 1.0, None
    cache: dict[tuple[tuple[str, float], ...], Matrix] = {}
    for given in each:
        key = tuple(sorted(given.items()))
        if key not in cache:
            try:
                cache[key] = _rows(back.step, Plain(_numbers(step, given)), z)
            except ZeroDivisionError:
                return math.inf
        product = cache[key] if product is None else _times(product, cache[key])
        worst = max(worst, *(sum(map(abs, row)) for row in product))
    return worst if math.isfinite(worst) else math.inf


def _numbers(step: Step, given: Mapping[str, float]) -> Callable[[Expr], float]:
    """Coefficients as floats, at given parameters or else at those declared."""
    at = {p.symbol: given.get(p.name, p.value) for p in step.parameters}

    def number(c: Expr) -> float:
        found = c.subs(at) if c.free_symbols else c
        if not found.is_finite:
            raise ZeroDivisionError
        return float_of(found)

    return number


def _rows(back: Step, arithmetic: Arithmetic, z: Any = 0) -> Matrix:
    """The linear map of a program, field values times h being z times where they are taken."""
    known = forms(back.flat(), arithmetic, z or None)
    names = [i.name for i in back.inputs if i.kind == "y" or z]
    outputs = [o for o, i in zip(back.outputs, back.inputs, strict=True) if i.name in names]
    rows = [known.get(name, {name: arithmetic.one}) for name in outputs]
    return tuple(tuple(row.get(name, arithmetic.zero) for name in names) for row in rows)


def _times(left: Matrix, right: Matrix) -> Matrix:
    return tuple(
        tuple(sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*right, strict=True))
        for row in left
    )
