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
from tableau2net.step import Combine, Evaluate, Solve, Step, lower

Complex = NDArray[np.complex128]
SECONDS = 5.0  # about, for a figure: of many stages or steps it has fewer points
ENTRIES = 4_000_000  # complex numbers at once: 64 MB, however many stages a method has


def check_region(scheme: Scheme) -> None:
    """Raise InputError where y' = λ y has no single z = hλ: several fields or several states."""
    step = lower(scheme)
    if step.parts > 1 or len(step.states) != 1:
        raise InputError(f"{scheme.name or 'scheme'}: several fields or states, so there is no region in one hλ")


def amplification(scheme: Scheme, z: NDArray[Any]) -> NDArray[np.float64]:
    """The largest |ζ| by which a solution of y' = λ y grows a step, at z = hλ: |R(z)|, or the spectral radius of
    the matrix that hands one step's history on to the next."""
    step = lower(scheme.at_defaults())
    flat = np.asarray(z, dtype=complex).ravel()
    batch = max(1, ENTRIES // _entries(step))
    found = [np.empty(0)]
    for start in range(0, len(flat), batch):
        matrices = _matrices(step, flat[start : start + batch])
        found.append(np.abs(matrices[:, 0, 0]) if matrices.shape[1] == 1 else _radius(matrices))
    return np.concatenate(found).reshape(np.shape(z))


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
    """For each z the matrix from inputs to outputs; field values are kept times h."""
    n = len(step.inputs)
    values: dict[str, Complex] = {}
    for i, given in enumerate(step.inputs):
        values[given.name] = np.zeros((n, len(z)), dtype=complex)
        values[given.name][i] = 1
    with np.errstate(all="ignore"):
        for op in step.operations:
            if isinstance(op, Solve):
                _solve(op, values, z)
            else:
                values[op.target] = _apply(op, values, z)
    return np.stack([values[name] for name in step.outputs]).transpose(2, 0, 1)


def _apply(op: Combine | Evaluate, values: dict[str, Complex], z: Complex) -> Complex:
    if isinstance(op, Evaluate):
        return z * values[op.value]
    zero = np.zeros_like(next(iter(values.values())))
    return sum((float_of(c) * values[v] for c, v in op.terms), zero)


def _solve(op: Solve, values: dict[str, Complex], z: Complex) -> None:
    """x = M(z) x + known: one linear system a point."""
    index = {inner.target: i for i, inner in enumerate(op.operations)}
    n, m = len(next(iter(values.values()))), len(index)
    matrix = np.zeros((len(z), m, m), dtype=complex)
    known = np.zeros((len(z), m, n), dtype=complex)
    matrix[:] = np.eye(m)
    for i, inner in enumerate(op.operations):
        terms: list[tuple[Any, str]]
        terms = [(z, inner.value)] if isinstance(inner, Evaluate) else [(float_of(c), v) for c, v in inner.terms]
        for factor, value in terms:
            if value in index:
                matrix[:, i, index[value]] -= factor
            else:
                known[:, i] += (factor * values[value]).T
    solved: Complex
    try:
        solved = np.asarray(np.linalg.solve(matrix, known), dtype=complex)
    except np.linalg.LinAlgError:  # a pole exactly on a grid point: move it off by rounding
        solved = np.asarray(np.linalg.solve(matrix + 1e-15 * np.eye(m), known), dtype=complex)
    for target, i in index.items():
        values[target] = solved[:, i].T
