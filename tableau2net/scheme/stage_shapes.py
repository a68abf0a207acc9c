"""The shapes of a table by stages, said once for all families: its rows, its vectors, and what is wrong with them."""

from __future__ import annotations

from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.scheme.keys import Matrix


def stages_of(weights: tuple[Expr, ...], key: str = "b") -> int:
    """The number of stages, one a weight. Raises InputError where there are none."""
    if not weights:
        raise InputError(f"{key}: a method has at least one stage")
    return len(weights)


def stage_rows(rows: Matrix, key: str, stages: int, weights: str = "b") -> Matrix:
    """A row for each stage, those that stop early filled with 0; weights: the key that has one a stage.

    Raises InputError."""
    if len(rows) != stages:
        raise InputError(f"{key} has {len(rows)} rows but {weights} has {stages} weights: one row a stage")
    return filled(rows, key, stages)


def filled(rows: Matrix, key: str, stages: int) -> Matrix:
    """Rows of at most so many entries, those that stop early filled with 0. Raises InputError."""
    for i, row in enumerate(rows):
        if len(row) > stages:
            raise InputError(f"{key}[{i}] has {len(row)} entries but there are {stages} stages")
    return tuple(row + (S.Zero,) * (stages - len(row)) for row in rows)


def check_stage_vectors(scheme: object, stages: int, *keys: str) -> None:
    """Have an entry for each stage in each vector that is given. Raises InputError."""
    for key in keys:
        vector = getattr(scheme, key)
        if vector is not None and len(vector) != stages:
            raise InputError(f"{key} has {len(vector)} entries but there are {stages} stages")
