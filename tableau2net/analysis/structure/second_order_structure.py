"""The structure of Runge–Kutta–Nyström methods: which keep the symplectic form, which are their own adjoint."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from sympy import Expr

from tableau2net.analysis.order.equality import changed
from tableau2net.exact.balls import Ball, Balls
from tableau2net.scheme import RungeKuttaNystrom
from tableau2net.step import lower
from tableau2net.step.forms import linear_form
from tableau2net.step.passes import prune, unify


def symplectic_nystrom(scheme: RungeKuttaNystrom) -> bool | None:
    """Whether a method is symplectic for y'' = −∇U(y), at the declared parameter values: b̄_i = b_i (1 − c_i) and
    b_i (b̄_j − ā_ij) = b_j (b̄_i − ā_ji) for all i, j (Suris 1989; HLW IV.2.3), equal stages made one and idle ones left
    out. None for f(t, y, y')."""
    if scheme.A is not None:
        return None
    point = scheme.at_defaults()
    step = unify(prune(lower(point)))
    form = linear_form(step, Balls(point.digits) if point.digits is not None else None)
    assert form is not None
    zero, one, stages = form.arithmetic.zero, form.arithmetic.one, range(len(form.A))
    b_bar, b = ([row.get(i, zero) for i in stages] for row in form.B)
    a: list[list[Any]] = [[row.get(j, zero) for j in stages] for row in form.A]
    c = [row.get(1, zero) for row in form.U]
    if any(b_bar[i] - b[i] * (one - c[i]) for i in stages):
        return False
    return not any(b[i] * (b_bar[j] - a[i][j]) - b[j] * (b_bar[i] - a[j][i]) for i, j in product(stages, repeat=2))


def symmetric_nystrom(scheme: RungeKuttaNystrom) -> bool:
    """Whether a method is its own adjoint, whatever the order and number of its stages: both give the same for every
    f; where decimals were printed, as far as those go with the stages in their printed order."""
    point = scheme.at_defaults()
    if point.digits is not None and _mirrored(point, Balls(point.digits)):
        return True
    return changed(prune(lower(point)), prune(lower(point.reflected()))) is None


def _mirrored(method: RungeKuttaNystrom, numbers: Balls) -> bool:
    """Whether no coefficient is surely another than that of the adjoint (see `RungeKuttaNystrom.reflected`)."""
    one = numbers.one

    def row(xs: Iterable[Expr]) -> list[Ball]:
        return [numbers.convert(x) for x in xs]

    b, b_bar, c = row(method.b), row(method.b_bar), row(method.c)
    A_bar, A = [row(xs) for xs in method.A_bar], [row(xs) for xs in method.A or ()]
    s = range(len(b))
    apart = [x for i in s for x in (b[i] - b[-1 - i], c[i] + c[-1 - i] - one, b_bar[i] + b_bar[-1 - i] - b[-1 - i])]
    for i, j in product(s, repeat=2):
        apart.append(A_bar[i][j] - A_bar[-1 - i][-1 - j] + b_bar[-1 - j] - (one - c[-1 - i]) * b[-1 - j])
        apart += [A[i][j] + A[-1 - i][-1 - j] - b[-1 - j]] if A else []
    return not any(apart)
