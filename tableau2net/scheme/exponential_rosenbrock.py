"""Exponential Rosenbrock methods for y' = f(t, y): J = ∂f/∂y at the step's beginning is the linear part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Unpack

from sympy import Expr, Integer, S

from tableau2net.errors import InputError
from tableau2net.exact.exponentials import Exponentials, Term
from tableau2net.exact.text import shown
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.coefficient_table import About
from tableau2net.scheme.exponential import Functions, check_functions
from tableau2net.scheme.keys import Numbers
from tableau2net.scheme.layout import CellGrid, Label
from tableau2net.scheme.lowering import StepWriter, aged
from tableau2net.scheme.matrix_functions import Phi, PhiSum
from tableau2net.scheme.registered import register_scheme_family
from tableau2net.scheme.runge_kutta import butcher_grid


@register_scheme_family
@dataclass(frozen=True)
class ExponentialRosenbrock(Scheme):
    """Y_i = y + c_i h φ_1(c_i hJ) f(t, y) + h²c_i² φ_2(c_i hJ) f_t + h Σ_{1<j<i} a_ij(hJ) D_j, and y⁺ likewise with b_i
    and c = 1; D_i = f(t + c_i h, Y_i) − f(t, y) − J (Y_i − y) − c_i h f_t (Hochbruck, Ostermann & Schweitzer, SIAM J.
    Numer. Anal. 47, 2009, eq. 2.6). Exponential propagation methods (Tokman, J. Comput. Phys. 213, 2006) have more:
    other functions of f(t, y) in their stages, or D of the states before, D_{−j} at t − jh, in the new one.

    A: s rows of functions of z = hJ, as `ExponentialRungeKutta` has them, of the columns j = 2, …, i − 1; the first two
    rows are empty.  b: the weights of D_2, …, D_s.  c: the s nodes, the first one 0.  b_hat: those of an embedded
    method.  g: g_2(z), …, g_s(z) in the place of c_i φ_1(c_i z), with g_i(0) = c_i.  past: the weights of D_{−1},
    D_{−2}, … in y⁺.  Raises InputError on a wrong shape."""

    family: ClassVar[str] = "exponential-rosenbrock"
    explicit: ClassVar[bool] = True

    A: tuple[Functions, ...]
    b: Functions
    c: tuple[Expr, ...]
    b_hat: Functions | None = None
    g: Functions = ()
    past: Functions = ()

    if TYPE_CHECKING:

        def __init__(
            self,
            A: Iterable[Numbers],
            b: Numbers,
            c: Numbers,
            b_hat: Numbers | None = None,
            g: Numbers = (),
            past: Numbers = (),
            **about: Unpack[About],
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
        rows |= {"g": self.g, "past": self.past}
        check_functions(self.ring, {f"{key}[{j}]": x for key, row in rows.items() for j, x in enumerate(row)})
        if self.g and len(self.g) != s - 1:
            raise InputError(f"g has {len(self.g)} entries, there are {s} stages: one for each behind the first")
        for i, function in enumerate(self.g):
            there = self.ring.domain.expression(self.ring.laurent(self.ring.read(function), 0))
            if there != self.c[i + 1]:
                raise InputError(f"g[{i}] is {shown(there)} at z = 0, and the node c[{i + 1}] {shown(self.c[i + 1])}")

    @cached_property
    def ring(self) -> Exponentials:
        """Where its functions live."""
        entries = [x for row in (*self.A, self.b, self.b_hat or (), self.g, self.past) for x in row]
        return Exponentials(entries, self.c)

    @property
    def stages(self) -> int:
        """The number of stages s."""
        return len(self.c)

    def lower(self, step: StepWriter) -> None:
        y, ages = "y", range(1, len(self.past) + 1)
        for j in (0, *ages):
            step.hand_on(step.state(aged("y", j), j), aged("y", j - 1))
        for j in ages:
            step.hand_on(step.slope(aged("f", j), j), aged("f", j - 1) if j > 1 else "k1")
        slope = step.combine("h_k1", [(S.One, step.evaluate("k1", y, S.Zero, 0))])
        moved = step.combine("h_ft", [(S.One, step.along("ft", y, None, S.Zero, 0, moved=S.One))])

        def function(name: str, terms: Iterable[tuple[Expr, int, Expr]], value: str) -> str:
            return step.transform(name, PhiSum(tuple(Phi(*term) for term in terms)), value, operator="jacobian")

        def defect(mark: int | str, k: str, u: str, c: Expr) -> str:
            linear = step.along(f"j{mark}", y, u, S.Zero, 0, moved=c)
            return step.combine(f"d{mark}", [(S.One, k), (-S.One, "k1"), (-S.One, linear)])

        def increment(name: str, g: Sequence[Term], row: Functions, past: Functions = ()) -> str:
            # time is one more component, whose slope is 1: of φ_k(cz) that leaves (φ_k(cz) − 1/k!)/z = c φ_{k+1}(cz)
            terms = [
                function(f"{name}_f", g, slope),
                function(f"{name}_t", [(w * c, k + 1, c) for w, k, c in g], moved),
            ]
            weights = [(f"d{j}", a) for j, a in enumerate(row, 2)]
            for d, a in [*weights, *((f"d_prev{j}", a) for j, a in enumerate(past, 1))]:
                if not a.is_zero:
                    terms.append(function(f"{name}_{d[1:]}", self._terms(a), d))
            return step.combine(name, [(S.One, term) for term in terms])

        for j in ages:
            back = step.combine(f"u_prev{j}", [(S.One, aged("y", j)), (-S.One, y)])
            defect(f"_prev{j}", aged("f", j), back, Integer(-j))
        for i, (c, row) in enumerate(zip(self.c[1:], self.A[1:], strict=True), 2):
            u = increment(f"u{i}", self._terms(self.g[i - 2]) if self.g else [(c, 1, c)], row)
            at = step.combine(f"y{i}", [(S.One, y), (S.One, u)])
            defect(i, step.evaluate(f"k{i}", at, c, i - 1), u, c)
        whole = [(S.One, 1, S.One)]
        step.combine("y_new", [(S.One, y), (S.One, increment("u_new", whole, self.b, self.past))])
        if self.b_hat is not None:
            step.estimate = step.combine("y_hat", [(S.One, y), (S.One, increment("u_hat", whole, self.b_hat))])

    def _terms(self, function: Expr) -> Sequence[Term]:
        """A function as Σ w φ_k(cz)."""
        return self.ring.as_phi(self.ring.read(function))

    def grids(self) -> tuple[CellGrid, ...]:
        g = (S.Zero, *self.g) if self.g else (S.Zero,) * self.stages
        padded = tuple((g[i], *row, *[S.Zero] * (self.stages - 1 - len(row))) for i, row in enumerate(self.A))
        hat = None if self.b_hat is None else (S.Zero, *self.b_hat)
        table = butcher_grid(padded, (S.Zero, *self.b), self.c, hat, explicit=True)
        ages = [Label(age, age) for age in (f"n-{j}" for j in range(1, len(self.past) + 1))]
        return (table, CellGrid((len(ages),), ((tuple(ages),), (self.past,)))) if ages else (table,)

    def free_names(self) -> list[str]:
        return []  # functions are no numbers
