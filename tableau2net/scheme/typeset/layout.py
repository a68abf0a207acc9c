"""Where each coefficient stands: the tables of a scheme, before anyone says how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import TypeAlias

from sympy import Expr

from tableau2net.scheme.base import Scheme
from tableau2net.scheme.general_linear import GeneralLinear
from tableau2net.scheme.multistep import AdditiveMultistep, Multistep
from tableau2net.scheme.parts import AdditiveRungeKutta, PartitionedRungeKutta
from tableau2net.scheme.runge_kutta import RungeKutta


@dataclass(frozen=True)
class Label:
    """A heading: what a terminal and HTML show, and how LaTeX writes it."""

    text: str
    latex: str


Cell: TypeAlias = Expr | Label | None
Row: TypeAlias = tuple[Cell, ...]


@dataclass(frozen=True)
class CellGrid:
    """A table of cells. None is a blank.

    columns: how many columns stand together; groups are ruled off from one another, as sections of rows are.
    name: what the table is the table of, where a scheme has several."""

    columns: tuple[int, ...]
    sections: tuple[tuple[Row, ...], ...]
    name: Label | None = None


@singledispatch
def grids(scheme: Scheme) -> tuple[CellGrid, ...]:
    """The tables of a scheme, to stand side by side: the Butcher tableau (one a part), α and β by age, or A, U, B, V.

    Raises TypeError for a family that has no customary table."""
    raise TypeError(f"{type(scheme).__name__} has no table")


@grids.register
def _runge_kutta(scheme: RungeKutta) -> tuple[CellGrid, ...]:
    return (_butcher(scheme),)


@grids.register
def _additive(scheme: AdditiveRungeKutta) -> tuple[CellGrid, ...]:
    return tuple(_butcher(part, indexed("f", i)) for i, part in enumerate(scheme.parts, 1))


@grids.register
def _partitioned(scheme: PartitionedRungeKutta) -> tuple[CellGrid, ...]:
    return tuple(_butcher(part, indexed("y", i)) for i, part in enumerate(scheme.parts, 1))


@grids.register
def _multistep(scheme: Multistep) -> tuple[CellGrid, ...]:
    return (_by_age(scheme.alpha, [(Label("β", r"\beta"), scheme.beta)]),)


@grids.register
def _additive_multistep(scheme: AdditiveMultistep) -> tuple[CellGrid, ...]:
    return (_by_age(scheme.alpha, [(indexed("β", i, r"\beta"), beta) for i, beta in enumerate(scheme.betas, 1)]),)


@grids.register
def _general_linear(scheme: GeneralLinear) -> tuple[CellGrid, ...]:
    above = tuple((c, *a, *u) for c, a, u in zip(scheme.c, scheme.A, scheme.U, strict=True))
    below = tuple((None, *b, *v) for b, v in zip(scheme.B, scheme.V, strict=True))
    return (CellGrid((1, scheme.stages, len(scheme.external)), (above, below)),)


def indexed(letter: str, number: int, latex: str = "") -> Label:
    """``f²``, as LaTeX ``f^{[2]}``: which of several fields or states."""
    superscript = str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return Label(letter + superscript, f"{latex or letter}^{{[{number}]}}")


def _butcher(scheme: RungeKutta, name: Label | None = None) -> CellGrid:
    rows = [(c, *_written(row, i, scheme.explicit)) for i, (c, row) in enumerate(zip(scheme.c, scheme.A, strict=True))]
    weights: list[Row] = [(Label("b", ""), *scheme.b)]
    if scheme.b_hat is not None:
        weights.append((Label("b\u0302", ""), *scheme.b_hat))
    return CellGrid((1, scheme.stages), (tuple(rows), *((row,) for row in weights)), name)


def _written(row: Sequence[Expr], i: int, explicit: bool) -> Row:
    """An explicit tableau is a triangle; an implicit row ends at its last entry that is not zero."""
    shown = i if explicit else 1 + max((j for j, a in enumerate(row) if not a.is_zero), default=-1)
    return tuple(a if j < shown else None for j, a in enumerate(row))


def _by_age(alpha: Sequence[Expr], betas: Sequence[tuple[Label, Sequence[Expr]]]) -> CellGrid:
    """α and each β, a row each; the columns are the points n, n+1, …"""
    ages = [Label(age, age) for age in ("n", *(f"n+{j}" for j in range(1, len(alpha))))]
    return CellGrid(
        (1, len(alpha)), (((None, *ages),), ((Label("α", r"\alpha"), *alpha), *((n, *b) for n, b in betas)))
    )
