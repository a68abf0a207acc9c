"""|R(z)| on a grid: the step program run on y' = λ y in complex doubles, everywhere at once."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.scheme import Scheme
from tableau2net.step import Combine, Solve, Step, lower
from tableau2net.step.forms import LinearForm, Plain, Row, linear_form

Complex = NDArray[np.complex128]
SECONDS = 5.0  # about, for a figure: of many stages or steps it has fewer points
ENTRIES = 4_000_000  # complex numbers at once: 64 MB, however many stages a method has


def check_region(scheme: Scheme) -> None:
    """Raise InputError where y' = λ y has no single z = hλ: several fields or several states."""
    step = lower(scheme)
    if step.parts > 1 or len(step.states) != 1:
        raise InputError(f"{scheme.name or 'scheme'}: several fields or states, so there is no region in one hλ")


def amplification(scheme: Scheme, *z: NDArray[Any]) -> NDArray[np.float64]:
    """The largest |ζ| by which a solution of y' = λ y grows a step, at z = hλ: |R(z)|, or the spectral radius of
    the matrix that hands one step's history on to the next. z: one array for all fields, or one for each."""
    step = lower(scheme.at_defaults())
    flat = np.stack([np.asarray(each, dtype=complex).ravel() for each in z])
    batch = max(1, ENTRIES // _entries(step))
    found = [np.empty(0)]
    for start in range(0, flat.shape[1], batch):
        matrices = _matrices(step, flat[:, start : start + batch])
        found.append(np.abs(matrices[:, 0, 0]) if matrices.shape[1] == 1 else _radius(matrices))
    return np.concatenate(found).reshape(np.shape(z[0]))


def coarser(schemes: Iterable[Scheme], points: int) -> float:
    """By how much the points of a figure, `points` of a plane, are to be further apart in each direction: 1 but for
    schemes of many steps or coupled stages, of which it warns."""
    every = sum(_seconds(lower(scheme.at_defaults())) for scheme in schemes)
    found = max(1.0, sqrt(every * points / SECONDS))
    if found > 1:
        warn(f"so many stages or steps: the figure has {points / found**2:,.0f} points, not {points:,}", stacklevel=2)
    return found


def _seconds(step: Step) -> float:
    """About what a point takes: combinations, linear systems, eigenvalues."""
    n = len(step.inputs)
    terms = sum(len(op.terms) if isinstance(op, Combine) else 1 for op in step.flat())
    solved = sum(len(op.operations) ** 3 for op in step.operations if isinstance(op, Solve))
    return 1e-8 * n * terms + 1e-9 * solved + (3.5e-7 * n**2 if n > 1 else 0.0)


def _entries(step: Step) -> int:
    """How many numbers `_matrices` holds a point."""
    n = len(step.inputs)
    solved = [len(op.operations) for op in step.operations if isinstance(op, Solve)]
    return n * (sum(1 for _ in step.flat()) + 3 * n) + max((4 * m * (m + n) for m in solved), default=0)


def _radius(matrices: Complex) -> NDArray[np.float64]:
    finite = np.isfinite(matrices).all(axis=(1, 2))
    found = np.full(len(matrices), np.inf)
    found[finite] = np.abs(np.linalg.eigvals(matrices[finite])).max(axis=1)
    return found


def _matrices(step: Step, z: Complex) -> Complex:
    """For each column of z, of one row for all fields or one each, the matrix from inputs to outputs: V + zB(I −
    zA)^{-1}U, group by group."""
    form = linear_form(step, Plain(float_of))
    if form is None:
        raise InputError("several states, so there is no region in one hλ")
    taken = dict(enumerate(np.eye(form.size, dtype=complex)[:, :, None] * np.ones(z.shape[1])))
    made: dict[int, Complex] = {}  # F by number
    zero = np.zeros((form.size, z.shape[1]), dtype=complex)
    rows = [z[field if len(z) > 1 else 0] for field in form.fields]

    def value(fields: Row, given: Row) -> Complex:
        """What is known of a value."""
        known = sum((c * made[j] for j, c in fields.items() if j in made), zero)
        return sum((c * taken[i] for i, c in given.items()), known)

    with np.errstate(all="ignore"):
        for group in form.groups:
            known = [rows[j] * value(form.A[j], form.U[j]) for j in group]
            made |= zip(group, _solved(form, group, known, np.stack([rows[j] for j in group], 1)), strict=True)
        return np.stack([value(*pair) for pair in zip(form.B, form.V, strict=True)]).transpose(2, 0, 1)


def _solved(form: LinearForm, group: tuple[int, ...], known: list[Complex], z: Complex) -> Iterable[Complex]:
    """F = zAF + known: one linear system a point, where there is anything to solve."""
    A = np.array([[form.A[i].get(j, 0.0) for j in group] for i in group])
    if not A.any():
        return known
    matrix = np.eye(len(group)) - z[:, :, None] * A
    right = np.stack(known).transpose(2, 0, 1)
    try:
        solved = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:  # a pole exactly on a grid point: move it off by rounding
        solved = np.linalg.solve(matrix + 1e-15 * np.eye(len(group)), right)
    return np.asarray(solved, dtype=complex).transpose(1, 2, 0)
