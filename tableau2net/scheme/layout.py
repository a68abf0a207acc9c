"""Where each coefficient stands: the tables of a scheme, before anyone says how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sympy import Expr


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


@dataclass(frozen=True)
class Recurrence:
    """Σ_j α_j y_{n+j} = h^d Σ_ν Σ_j β^ν_j f^ν_{n+j}, j = 0..k, oldest first: what a linear multistep method is.

    betas: β of each field.  letters: each field's letter in LaTeX.  derivative: d."""

    alpha: tuple[Expr, ...]
    betas: tuple[tuple[Expr, ...], ...]
    letters: tuple[str, ...] = ("f",)
    derivative: int = 1

    @property
    def steps(self) -> int:
        """The number of steps k."""
        return len(self.alpha) - 1


class Tabulated(Protocol):
    """What can be typeset: a scheme of any family."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def reference(self) -> str: ...

    def grids(self) -> tuple[CellGrid, ...]: ...

    def formula(self) -> Recurrence | None: ...


def indexed(letter: str, number: int, latex: str = "") -> Label:
    """``f²``, as LaTeX ``f^{[2]}``: which of several fields or states."""
    superscript = str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return Label(letter + superscript, f"{latex or letter}^{{[{number}]}}")


def by_age(alpha: Sequence[Expr], betas: Sequence[tuple[Label, Sequence[Expr]]]) -> CellGrid:
    """α and each β, a row each; the columns are the points n, n+1, …"""
    ages = [Label(age, age) for age in ("n", *(f"n+{j}" for j in range(1, len(alpha))))]
    return CellGrid(
        (1, len(alpha)), (((None, *ages),), ((Label("α", r"\alpha"), *alpha), *((n, *b) for n, b in betas)))
    )
