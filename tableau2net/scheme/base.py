"""What every declared scheme has, whatever its family: a step, and what may be made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sympy import Expr

from tableau2net.errors import InputError
from tableau2net.exact.text import symbol
from tableau2net.scheme.coefficient_table import CoefficientTable
from tableau2net.scheme.lowering import StepWriter
from tableau2net.scheme.parameters import Parameter

MAX_PARTS = 4


@dataclass(frozen=True, kw_only=True)
class Scheme(CoefficientTable):
    """A time-stepping method as data: its coefficients, and with `lower` what a step is.

    The rest has a default here and in `CoefficientTable`; `register_scheme_family` makes its files known."""

    @classmethod
    def called(cls) -> str:
        return f"{cls.family} scheme"

    def lower(self, step: StepWriter) -> None:
        """Tell one step, line by line, to `step`."""
        raise TypeError(f"{type(self).__name__} has no method lower, which says what a step is")

    def reflected(self) -> Self:
        """The coefficients of the adjoint method; see `operations.adjoint`. Raises InputError where there are none."""
        raise InputError(f"adjoint: a {self.family} scheme has none that is written as a table")

    @classmethod
    def composed(cls, schemes: Sequence[Self], weights: Sequence[Expr]) -> Self:
        """The coefficients of a step w_1·h of the first scheme, then w_2·h of the second, and so on; see
        `operations.compose`. Raises InputError for a family that has no such thing."""
        raise InputError(f"compose: a {cls.family} scheme has no composition, it is not a one-step method")

    def freed(self) -> Self:
        """The family in which each nonzero coefficient is a parameter of its own, starting where it stands.

        A coefficient that a scheme's order needs (consistency, say) is free to leave it: the order that holds for
        all values is usually 0, and the report says so."""
        start = self.at_defaults().coefficients
        free = {n: c for n, c in start.items() if not c.is_zero and n in self.free_names()}
        return self.with_coefficients(
            {n: symbol(n) if n in free else c for n, c in start.items()},
            parameters=tuple(Parameter(n, c) for n, c in free.items()),
            claims={},
            digits=None,  # decimals are where learning starts
        )

    def free_names(self) -> Sequence[str]:
        """The coefficients that `freed` may open (those that a normalisation fixes are left out)."""
        return list(self.coefficients)
