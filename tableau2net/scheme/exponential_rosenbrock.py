"""Exponential Rosenbrock methods for y' = f(t, y): J = ∂f/∂y at the step's beginning is the linear part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Unpack

from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.exact.exponentials import Exponentials
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.coefficient_table import About
from tableau2net.scheme.exponential import Functions, check_functions
from tableau2net.scheme.keys import Numbers
from tableau2net.scheme.layout import CellGrid
from tableau2net.scheme.lowering import StepWriter
from tableau2net.scheme.matrix_functions import Phi, PhiSum
from tableau2net.scheme.registered import register_scheme_family
from tableau2net.scheme.runge_kutta import butcher_grid


@register_scheme_family
@dataclass(frozen=True)
class ExponentialRosenbrock(Scheme):
    """Y_i = y + c_i h φ_1(c_i hJ) f(t, y) + h²c_i² φ_2(c_i hJ) f_t + h Σ_{1<j<i} a_ij(hJ) D_j, and y⁺ likewise with b_i
    and c = 1; D_i = f(t + c_i h, Y_i) − f(t, y) − J (Y_i − y) − c_i h f_t (Hochbruck, Ostermann & Schweitzer, SIAM J.
    Numer. Anal. 47, 2009, eq. 2.6).

    A: s rows of functions of z = hJ, as `ExponentialRungeKutta` has them, of the columns j = 2, …, i − 1; the first two
    rows are empty.  b: the weights of D_2, …, D_s.  c: the s nodes, the first one 0.  b_hat: those of an embedded
    method.  Raises InputError on a wrong shape."""

    family: ClassVar[str] = "exponential-rosenbrock"
    explicit: ClassVar[bool] = True

    A: tuple[Functions, ...]
    b: Functions
    c: tuple[Expr, ...]
    b_hat: Functions | None = None

    if TYPE_CHECKING:

        def __init__(
            self, A: Iterable[Numbers], b: Numbers, c: Numbers, b_hat: Numbers | None = None, **about: Unpack[About]
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        s = len(self.c)
        if not s or not self.c[0].is_zero:
            raise InputError("c: the nodes, the first of which is 0")
        for key, row in (("b", self.b), ("b_hat", self.b_hat)):
            if row is not None and len(row) != s - 1:
                raise InputError(f"{key} has {len(row)} entries, there are {s} stages: one for each behind the first")
        if len(self.A) != s:
            raise InputError(f"A has {len(self.A)} rows but there are {s} nodes: one row a stage")
        for i, row in enumerate(self.A):
            if len(row) > max(i - 1, 0):
                raise InputError(f"A[{i}] has {len(row)} entries: one for each stage between it and the first")
        object.__setattr__(
            self, "A", tuple((*row, *[S.Zero] * (max(i - 1, 0) - len(row))) for i, row in enumerate(self.A))
        )
        rows = {f"A[{i}]": row for i, row in enumerate(self.A)} | {"b": self.b, "b_hat": self.b_hat or ()}
        check_functions(self.ring, {f"{key}[{j}]": x for key, row in rows.items() for j, x in enumerate(row)})

    @cached_property
    def ring(self) -> Exponentials:
        """Where its functions live."""
        return Exponentials([x for row in (*self.A, self.b, self.b_hat or ()) for x in row], self.c)

    @property
    def stages(self) -> int:
        """The number of stages s."""
        return len(self.c)

    def lower(self, step: StepWriter) -> None:
        y = step.state("y")
        slope = step.combine("h_k1", [(S.One, step.evaluate("k1", y, S.Zero, 0))])
        moved = step.combine("h_ft", [(S.One, step.along("ft", y, None, S.Zero, 0, moved=S.One))])

        def function(name: str, terms: Iterable[tuple[Expr, int, Expr]], value: str) -> str:
            return step.transform(name, PhiSum(tuple(Phi(*term) for term in terms)), value, operator="jacobian")

        def increment(name: str, c: Expr, row: Functions) -> str:
            terms = [function(f"{name}_f", [(c, 1, c)], slope), function(f"{name}_t", [(c**2, 2, c)], moved)]
            for j, a in enumerate(row, 2):
                if not a.is_zero:
                    terms.append(function(f"{name}_{j}", self.ring.as_phi(self.ring.read(a)), f"d{j}"))
            return step.combine(name, [(S.One, term) for term in terms])

        for i, (c, row) in enumerate(zip(self.c[1:], self.A[1:], strict=True), 2):
            u = increment(f"u{i}", c, row)
            at = step.combine(f"y{i}", [(S.One, y), (S.One, u)])
            k = step.evaluate(f"k{i}", at, c, i - 1)
            linear = step.along(f"j{i}", y, u, S.Zero, 0, moved=c)
            step.combine(f"d{i}", [(S.One, k), (-S.One, "k1"), (-S.One, linear)])
        new = increment("u_new", S.One, self.b)
        step.hand_on(y, step.combine("y_new", [(S.One, y), (S.One, new)]))
        if self.b_hat is not None:
            step.estimate = step.combine("y_hat", [(S.One, y), (S.One, increment("u_hat", S.One, self.b_hat))])

    def grids(self) -> tuple[CellGrid, ...]:
        padded = tuple((S.Zero, *row, *[S.Zero] * (self.stages - 1 - len(row))) for row in self.A)
        hat = None if self.b_hat is None else (S.Zero, *self.b_hat)
        return (butcher_grid(padded, (S.Zero, *self.b), self.c, hat, explicit=True),)

    def free_names(self) -> list[str]:
        return []  # functions are no numbers
