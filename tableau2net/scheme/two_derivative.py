"""Methods that take the second derivative of the solution, g(t, y) = f_t + f_y f, beside the first.

Two-derivative Runge–Kutta methods: Y_i = y + h Σ a_ij f(Y_j) + h² Σ ȧ_ij g(Y_j), y⁺ likewise with b and ḃ (Kastlunger &
Wanner, Computing 9, 1972; Chan & Tsai, Numer. Algorithms 53, 2010). Two-derivative multistep methods:
Σ α_j y_{n+j} = h Σ β_j f_{n+j} + h² Σ γ_j g_{n+j} (Enright, SIAM J. Numer. Anal. 11, 1974; HW II, V.3).

h g is the derivative of the field along the slope, so that no method is told of more than f.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Unpack

from sympy import Expr, S, expand

from tableau2net.errors import InputError
from tableau2net.exact.text import shown
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.coefficient_table import About
from tableau2net.scheme.exact_rows import left_out
from tableau2net.scheme.keys import Matrix, Numbers
from tableau2net.scheme.layout import CellGrid, Label, by_age
from tableau2net.scheme.lowering import StepWriter, aged
from tableau2net.scheme.registered import register_scheme_family
from tableau2net.scheme.stage_shapes import check_stage_vectors, stage_rows, stages_of

Vector = tuple[Expr, ...]


@register_scheme_family
@dataclass(frozen=True)
class TwoDerivativeRungeKutta(Scheme):
    """A two-derivative Runge–Kutta method with s stages, explicit or implicit.

    A, Adot: s rows of s for the slopes f and for their derivatives g; rows may stop early, the rest is 0.
    b, bdot: the s weights of each.  c: the s nodes; the row sums of A when left out.
    b_hat, bdot_hat: the weights of an embedded method; of the two, the one left out is 0.
    Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "two-derivative-runge-kutta"

    A: Matrix
    Adot: Matrix
    b: Vector
    bdot: Vector
    c: Vector = ()
    b_hat: Vector | None = None
    bdot_hat: Vector | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            A: Iterable[Numbers],
            Adot: Iterable[Numbers],
            b: Numbers,
            bdot: Numbers,
            c: Numbers = (),
            b_hat: Numbers | None = None,
            bdot_hat: Numbers | None = None,
            **about: Unpack[About],
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        s = stages_of(self.b)
        for key in ("A", "Adot"):
            object.__setattr__(self, key, stage_rows(getattr(self, key), key, s))
        if left_out(self.c):
            object.__setattr__(self, "c", _row_sums(self.A))
        check_stage_vectors(self, s, "bdot", "c", "b_hat", "bdot_hat")

    @property
    def stages(self) -> int:
        """The number of stages s."""
        return len(self.b)

    @property
    def explicit(self) -> bool:
        """Whether A and Adot are strictly lower triangular."""
        return all(x.is_zero for rows in (self.A, self.Adot) for i, row in enumerate(rows) for x in row[i:])

    def lower(self, step: StepWriter) -> None:
        y, s = step.state("y"), range(self.stages)
        ks, gs = [f"k{i + 1}" for i in s], [f"g{i + 1}" for i in s]

        def total(weights: Iterable[Expr], derived: Iterable[Expr]) -> list[tuple[Expr, str]]:
            return [(S.One, y), *zip(weights, ks, strict=True), *zip(derived, gs, strict=True)]

        for i in s:
            at = step.value(f"y{i + 1}", total(self.A[i], self.Adot[i]))
            step.evaluate(ks[i], at, self.c[i], i)
            step.along(gs[i], at, ks[i], self.c[i], i, moved=S.One)
        step.hand_on(y, step.combine("y_new", total(self.b, self.bdot)))
        if self.b_hat is not None or self.bdot_hat is not None:
            nothing = (S.Zero,) * self.stages
            step.estimate = step.combine("y_hat", total(self.b_hat or nothing, self.bdot_hat or nothing))

    def grids(self) -> tuple[CellGrid, ...]:
        rows = tuple((c, *a, *d) for c, a, d in zip(self.c, self.A, self.Adot, strict=True))
        weights = [((Label("b", ""), *self.b, *self.bdot),)]
        if self.b_hat is not None or self.bdot_hat is not None:
            nothing = (S.Zero,) * self.stages
            weights.append(((Label("b\u0302", ""), *(self.b_hat or nothing), *(self.bdot_hat or nothing)),))
        return (CellGrid((1, self.stages, self.stages), (rows, *weights)),)

    def free_names(self) -> list[str]:
        nodes = {f"c{i}" for i in range(1, self.stages + 1)}
        return [n for n in self.coefficients if n not in nodes and "_hat" not in n]

    def following(self) -> list[str]:
        return ["c"] if self.c == _row_sums(self.A) else []


@register_scheme_family
@dataclass(frozen=True)
class TwoDerivativeMultistep(Scheme):
    """A linear k-step method with second derivatives, Σ_j α_j y_{n+j} = h Σ_j β_j f_{n+j} + h² Σ_j γ_j g_{n+j}.

    alpha, beta, gamma: k + 1 numbers each, oldest first; alpha[k] is 1. What is remembered is y and f; g at an earlier
    point is taken again. Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "two-derivative-multistep"
    first: ClassVar[int] = 0

    alpha: Vector
    beta: Vector
    gamma: Vector

    if TYPE_CHECKING:

        def __init__(self, alpha: Numbers, beta: Numbers, gamma: Numbers, **about: Unpack[About]) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.alpha) < 2:
            raise InputError("alpha: a k-step method has k + 1 entries, at least two")
        if self.alpha[-1] != S.One:
            raise InputError(f"alpha: the last entry must be 1, not {shown(self.alpha[-1])}; divide all by it")
        for key in ("beta", "gamma"):
            if (found := len(getattr(self, key))) != len(self.alpha):
                raise InputError(f"{key} has {found} entries but alpha has {len(self.alpha)}: both have k + 1")

    @property
    def steps(self) -> int:
        """The number of steps k."""
        return len(self.alpha) - 1

    @property
    def explicit(self) -> bool:
        """Whether neither f nor g is taken at the new point."""
        return bool(self.beta[-1].is_zero and self.gamma[-1].is_zero)

    def lower(self, step: StepWriter) -> None:
        """As a multistep method's; a slope is also wanted where its derivative is."""
        k = self.steps
        y, f, g = ([aged(letter, k - 1 - j) for j in range(k + 1)] for letter in "yfg")
        used = [j for j in range(k) if not (self.alpha[j].is_zero and self.gamma[j].is_zero)]
        for j in reversed(range(min(used, default=k - 1), k)):
            step.hand_on(step.state(y[j], k - 1 - j), y[j + 1])
        sloped = [j for j in range(k + 1) if not (self.beta[j].is_zero and self.gamma[j].is_zero)]
        newest = k if k in sloped else k - 1
        for j in reversed(range(min(sloped, default=k), newest)):
            step.hand_on(step.slope(f[j], k - 1 - j), f[j + 1])
        if sloped:
            step.evaluate(f[newest], y[newest], S(newest + 1 - k))
        for j in sloped:
            if not self.gamma[j].is_zero:
                step.along(g[j], y[j], f[j], S(j + 1 - k), moved=S.One)
        old = [(-self.alpha[j], y[j]) for j in reversed(range(k))]
        slopes = [(x[j], name[j]) for x, name in ((self.beta, f), (self.gamma, g)) for j in reversed(range(k + 1))]
        step.combine(y[k], [*old, *slopes])

    def grids(self) -> tuple[CellGrid, ...]:
        return (by_age(self.alpha, [(Label("β", r"\beta"), self.beta), (Label("γ", r"\gamma"), self.gamma)]),)

    def free_names(self) -> list[str]:
        return [n for n in self.coefficients if n != f"alpha{self.steps}"]


def _row_sums(rows: Matrix) -> Vector:
    return tuple(expand(sum(row, S.Zero)) for row in rows)
