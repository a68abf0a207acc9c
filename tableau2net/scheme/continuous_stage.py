"""Continuous-stage Runge–Kutta methods: a stage for every τ in [0, 1], integrals in the place of sums.

    Y_τ = y + h ∫ A(τ, σ) f(Y_σ) dσ,   y⁺ = y + h ∫ B(σ) f(Y_σ) dσ

over σ from 0 to 1, with polynomials A and B (Butcher 1972; Hairer 2010, JNAIAM 5). Some of them keep the energy of
every Hamiltonian system, which no Runge–Kutta method does: the average vector field method (McLachlan, Quispel and
Robidoux 1999; Quispel and McLaren 2008) is A = τ, B = 1. Code takes the integrals by a quadrature, and is then a
Runge–Kutta method.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Unpack

from sympy import Expr, S, expand

from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.exact.surds import expression
from tableau2net.exact.text import shown
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.coefficient_table import About
from tableau2net.scheme.constructed import polynomial
from tableau2net.scheme.constructed.quadrature import is_exact, nodes
from tableau2net.scheme.exact_rows import left_out, whole_number
from tableau2net.scheme.keys import Matrix, Numbers
from tableau2net.scheme.layout import CellGrid, Label
from tableau2net.scheme.lowering import StepWriter
from tableau2net.scheme.registered import register_scheme_family
from tableau2net.scheme.runge_kutta import RungeKutta, lower_additive

MAX_POWERS, MAX_GAUSS = 8, 5


@register_scheme_family
@dataclass(frozen=True)
class ContinuousRungeKutta(Scheme):
    """A(τ, σ) = Σ A[i][j] τ^i σ^j and B(σ) = Σ B[j] σ^j, powers from 0 on.

    A: rows may stop early, the rest is 0.  B: A(1, σ) when left out, so that y⁺ is the stage at τ = 1.
    gauss: the nodes of the Gauss quadrature that steps are taken with, 1 to 5; by itself twice the degree of A in τ.
    A step is exactly that of the integrals where f is a polynomial of low degree along the stages, and otherwise the
    Runge–Kutta method `table`. Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "continuous-runge-kutta"
    first: ClassVar[int] = 0

    A: Matrix
    B: tuple[Expr, ...] = ()
    gauss: int | None = None

    if TYPE_CHECKING:

        def __init__(
            self, A: Iterable[Numbers], B: Numbers = (), gauss: int | None = None, **about: Unpack[About]
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        width = max(map(len, self.A), default=0)
        if not 1 <= len(self.A) <= MAX_POWERS or not 1 <= width <= MAX_POWERS:
            raise InputError(f"A: a row for each power of τ, in it the powers of σ, at most {MAX_POWERS} of each")
        A = tuple(row + (S.Zero,) * (width - len(row)) for row in self.A)
        object.__setattr__(self, "A", A)
        if left_out(self.B):
            sums = (sum(column, S.Zero) for column in zip(*A, strict=True))
            object.__setattr__(self, "B", tuple(map(expand, sums)))
        if len(self.B) > MAX_POWERS:
            raise InputError(f"B: at most {MAX_POWERS} powers of σ")
        by_itself = max(1, min(MAX_GAUSS, 2 * self.degree))
        gauss = by_itself if self.gauss is None else whole_number(self.gauss, "gauss")
        object.__setattr__(self, "gauss", gauss)
        if not 1 <= gauss <= MAX_GAUSS or not is_exact("gauss", gauss):
            raise InputError(f"gauss = {shown(gauss)}: from 1 to {MAX_GAUSS} nodes")

    @property
    def degree(self) -> int:
        """The degree of A in τ."""
        return max((i for i, row in enumerate(self.A) if any(not x.is_zero for x in row)), default=0)

    @property
    def stages(self) -> int:
        """The stages that are computed: one a node of the quadrature."""
        assert self.gauss is not None, "settled as it was made"
        return self.gauss

    @property
    def explicit(self) -> bool:
        """Whether no stage has to be solved for: only where A = 0."""
        return not self.degree and all(x.is_zero for x in self.A[0])

    @cached_property
    def table(self) -> RungeKutta:
        """The Runge–Kutta method that a step is, on Gauss nodes: a_kl = w_l A(c_k, c_l), b_l = w_l B(c_l)."""
        exact = nodes("gauss", self.stages)
        weights = [polynomial.integral(ell, 0, 1) for ell in polynomial.lagrange(exact)]
        given = [[*map(expression, row)] for row in (exact, weights)]
        domain = domain_of([*given[0], *given[1], *self.B, *(x for row in self.A for x in row)])
        c, w = ([domain.convert(x) for x in row] for row in given)
        powers = [_powers(domain, x) for x in c]
        B = [domain.convert(x) for x in self.B]
        A = [[domain.convert(x) for x in row] for row in self.A]

        def value(at: list[Element], row: list[Element]) -> Element:
            return sum((x * p for x, p in zip(row, at, strict=False)), domain.zero)

        rows = [[value(p, [value(q, row) for row in A]) for q in powers] for p in powers]
        return RungeKutta(
            A=tuple(tuple(domain.expression(w_l * a) for w_l, a in zip(w, row, strict=True)) for row in rows),
            b=tuple(domain.expression(w_l * value(q, B)) for w_l, q in zip(w, powers, strict=True)),
            parameters=self.parameters,
        )

    def lower(self, step: StepWriter) -> None:
        lower_additive(step, (self.table,))

    def grids(self) -> tuple[CellGrid, ...]:
        """Powers of σ above, powers of τ at the side."""
        above = (Label("", ""), *(_power("σ", r"\sigma", j) for j in range(len(self.A[0]))))
        rows = tuple((_power("τ", r"\tau", i), *row) for i, row in enumerate(self.A))
        weights = (Label("B", "B"), *self.B, *[None] * (len(self.A[0]) - len(self.B)))
        columns = (1, max(len(above), len(weights)) - 1)
        padded = [(*row, *[None] * (sum(columns) - len(row))) for row in (above, *rows, weights)]
        return (CellGrid(columns, ((padded[0],), tuple(padded[1:-1]), (padded[-1],)), Label("A", "A")),)


def _powers(domain: Domain, x: Element) -> list[Element]:
    found = [domain.one]
    while len(found) < MAX_POWERS:
        found.append(found[-1] * x)
    return found


def _power(text: str, latex: str, n: int) -> Label:
    if n < 2:
        return Label(text if n else "1", latex if n else "1")
    return Label(text + str(n).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")), f"{latex}^{{{n}}}")
