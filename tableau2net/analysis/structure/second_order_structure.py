"""The structure of Runge–Kutta–Nyström methods: which keep the symplectic form, which are their own adjoint."""

from __future__ import annotations

from itertools import product
from typing import Any

from tableau2net.analysis.order.equality import changed
from tableau2net.exact.balls import Balls
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


def symmetric_nystrom(scheme: RungeKuttaNystrom) -> bool | None:
    """Whether a method is its own adjoint, whatever the order and number of its stages: both give the same for every
    f. None where decimals were printed, to which equal stages are not told apart."""
    point = scheme.at_defaults()
    if point.digits is not None:
        return None
    return changed(prune(lower(point)), prune(lower(point.reflected()))) is None
