"""Runge–Kutta methods: Y_i = y + h Σ_j a_ij f(t + c_i h, Y_j), y⁺ = y + h Σ_i b_i f(t + c_i h, Y_i)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

from sympy import Expr, S, expand

from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.coefficient_table import About, declared
from tableau2net.scheme.exact_rows import left_out
from tableau2net.scheme.keys import Key, Matrix, Numbers
from tableau2net.scheme.layout import CellGrid, Label, Row
from tableau2net.scheme.lowering import StepWriter
from tableau2net.scheme.parameters import substitute
from tableau2net.scheme.registered import register_scheme_family
from tableau2net.scheme.shu_osher_form import as_form, butcher, differ, lower_form, strictly_lower
from tableau2net.scheme.stage_shapes import check_stage_vectors, stage_rows, stages_of

AT_END = 1e-12  # what decimals of a dense output may miss b by


@register_scheme_family
@dataclass(frozen=True)
class RungeKutta(Scheme):
    """A Butcher tableau (Hairer, Nørsett, Wanner I, II.1).

    A: s rows of coefficients; a row may stop early, the rest is 0.
    b: the s weights.  c: the s nodes; the row sums of A when left out.  b_hat: the weights of an embedded method.
    alpha, beta: in the place of A and b the Shu–Osher form Y_i = (1 − Σ_j α_ij) y + Σ_j α_ij Y_j + h Σ_j β_ij f(Y_j), s
        rows for the stages and one for y⁺. A and b follow; where α is strictly lower triangular, a step is told, and
        code written, as the form has it.
    dense, dense_b: dense output as a source has it, where it is not to be derived from the stages: rows of further
        stages, of s, s + 1, … entries, evaluated where values inside a step are asked for, and for each stage, the s
        first, the coefficients of θ, θ², … in y(t + θh) = y + h Σ b_i(θ) k_i.
    Entries are text, integers, fractions, decimals or sympy numbers, in lists, tuples or arrays; floats are refused.
    Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "runge-kutta"

    A: Matrix = field(default=(), metadata={"instead": "alpha"})
    b: tuple[Expr, ...] = field(default=(), metadata={"instead": "beta"})
    c: tuple[Expr, ...] = ()
    b_hat: tuple[Expr, ...] | None = None
    alpha: Matrix | None = None
    beta: Matrix | None = None
    dense: Matrix | None = None
    dense_b: Matrix | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            A: Iterable[Numbers] = (),
            b: Numbers = (),
            c: Numbers = (),
            b_hat: Numbers | None = None,
            alpha: Iterable[Numbers] | None = None,
            beta: Iterable[Numbers] | None = None,
            dense: Iterable[Numbers] | None = None,
            dense_b: Iterable[Numbers] | None = None,
            **about: Unpack[About],
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha is not None or self.beta is not None:
            self._take_form()
        s = stages_of(self.b)
        object.__setattr__(self, "A", stage_rows(self.A, "A", s))
        if left_out(self.c):
            object.__setattr__(self, "c", _row_sums(self.A))
        check_stage_vectors(self, s, "c", "b_hat")
        for i, row in enumerate(self.dense or ()):
            if len(row) > s + i:
                raise InputError(f"dense[{i}] has {len(row)} entries but there are {s + i} stages before it")
        among = s + len(self.dense or ())
        if (self.dense or self.dense_b) and len(self.dense_b or ()) != among:
            raise InputError(f"dense_b has {len(self.dense_b or ())} rows, one for each of {among} stages is expected")

    def contradicted(self) -> str | None:
        most = AT_END if self.digits is None else max(AT_END, 10.0 ** (2 - self.digits))
        for i, row in enumerate(self.dense_b or ()):
            b = self.b[i] if i < self.stages else S.Zero
            off = sum(row, S.Zero) - b
            if off.is_number and abs(float_of(off)) > most:
                name = f"b[{i}]" if i < self.stages else "0"
                return f"dense_b[{i}]: its sum, b(1), is to be {name}; off by {float_of(off):.3g}"
        return None

    def _take_form(self) -> None:
        """A and b from alpha and beta, which A and b must agree with where they are given too."""
        alpha, beta = as_form(self.alpha, self.beta)
        A, b = butcher(alpha, beta)
        if not left_out(self.b) and differ((*self.A, self.b), (*A, b)):
            raise InputError("alpha, beta: A and b are given too and are not what these say; leave out one of the two")
        for key, value in (("alpha", alpha), ("beta", beta), ("A", A), ("b", b)):
            object.__setattr__(self, key, value)

    def bare(self) -> Self:
        """The tableau alone, without a Shu–Osher form and stages for dense output."""
        if all(getattr(self, key) is None for key in FORM):
            return self
        return replace(self, alpha=None, beta=None, dense=None, dense_b=None)

    def with_dense_stages(self) -> RungeKutta:
        """The same method with the stages for dense output among its stages, of weight 0."""
        if not self.dense:
            return self
        zeros = (S.Zero,) * len(self.dense)
        A = (*self.A, *self.dense)
        b_hat = None if self.b_hat is None else (*self.b_hat, *zeros)
        nodes = (*self.c, *_row_sums(self.dense))
        return RungeKutta(A=A, b=(*self.b, *zeros), c=nodes, b_hat=b_hat, name=self.name, digits=self.digits)

    @property
    def stages(self) -> int:
        """The number of stages s."""
        return len(self.b)

    @property
    def explicit(self) -> bool:
        """Whether A is strictly lower triangular, so that stages follow one another."""
        return all(a.is_zero for i, row in enumerate(self.A) for a in row[i:])

    @property
    def coefficients(self) -> dict[str, Expr]:
        named = super().coefficients
        nodes = {f"c{i}": named.pop(f"c{i}") for i in range(1, self.stages + 1)}
        return named | nodes

    def lower(self, step: StepWriter) -> None:
        if self.alpha is None or self.beta is None or not strictly_lower(self.alpha):
            lower_additive(step, (self,))
        else:
            lower_form(step, self.alpha, self.beta, self.c, self.b_hat)

    def reflected(self) -> Self:
        """a*_ij = b_{s+1−j} − a_{s+1−i,s+1−j}, b*_j = b_{s+1−j}, c*_i = 1 − c_{s+1−i} (HLW II.3, Theorem 3.3)."""
        A = tuple(
            tuple(expand(b - a) for a, b in zip(reversed(row), reversed(self.b), strict=True))
            for row in reversed(self.A)
        )
        return replace(self, A=A, b=self.b[::-1], c=tuple(expand(1 - x) for x in reversed(self.c)), **NO_MORE)

    @classmethod
    def composed(cls, schemes: Sequence[Self], weights: Sequence[Expr]) -> Self:
        """The stages one below another; embedded weights are dropped, they belong to a step of their own."""
        A: list[tuple[Expr, ...]] = []
        b: list[Expr] = []  # so far: also what every later stage starts with
        c: list[Expr] = []
        time: Expr = S.Zero
        for scheme, w in zip(schemes, weights, strict=True):
            A += [(*b, *(expand(w * a) for a in row)) for row in scheme.A]
            c += [expand(time + w * x) for x in scheme.c]
            b += [expand(w * x) for x in scheme.b]
            time = time + w
        return cls(A=tuple(A), b=tuple(b), c=tuple(c), parameters=declared(schemes))

    def grids(self) -> tuple[CellGrid, ...]:
        return (self.grid(),)

    def grid(self, name: Label | None = None) -> CellGrid:
        """The Butcher tableau; `name` where it is one of several."""
        return butcher_grid(self.A, self.b, self.c, self.b_hat, explicit=self.explicit, name=name)

    def free_names(self) -> list[str]:
        return [n for n in self.coefficients if n[0] == "a" or (n[0] == "b" and not n.startswith("b_hat"))]

    def following(self) -> list[str]:
        return ["c"] if self.c == _row_sums(self.A) else []

    def with_coefficients(self, coefficients: Mapping[str, Expr], **changes: Any) -> Self:
        return super().with_coefficients(coefficients, **(dict.fromkeys(FORM) | changes))

    def _numbers(self) -> list[tuple[Key, Any]]:
        """The coefficients are those of the tableau, in whatever form it was given."""
        return [(key, value) for key, value in super()._numbers() if key.name not in FORM]

    def _substituted(self, point: dict[Expr, Expr], **changes: Any) -> Self:
        form = {
            key: tuple(tuple(substitute(x, point) for x in row) for row in rows)
            for key in FORM
            if (rows := getattr(self, key)) is not None
        }
        return super()._substituted(point, **(form | changes))


FORM = ("alpha", "beta", "dense", "dense_b")  # matrices that are no coefficients of their own
NO_MORE: dict[str, Any] = dict.fromkeys(("b_hat", *FORM))  # what an adjoint leaves out


def lower_additive(step: StepWriter, parts: Sequence[RungeKutta]) -> None:
    """Y_i = y + h Σ_ν Σ_j a^ν_ij k^ν_j, with a tableau for each field."""
    y = step.state("y")
    ks = [[stage_name(j, part, len(parts)) for j in range(tableau.stages)] for part, tableau in enumerate(parts)]

    def total(rows: Iterable[tuple[Expr, ...]]) -> list[tuple[Expr, str]]:
        return [(S.One, y), *(term for row, k in zip(rows, ks, strict=True) for term in zip(row, k, strict=True))]

    for i in range(parts[0].stages):
        at = step.value(f"y{i + 1}", total(tableau.A[i] for tableau in parts))
        for part, tableau in enumerate(parts):
            step.evaluate(ks[part][i], at, tableau.c[i], i, part=part)
    step.hand_on(y, step.combine("y_new", total(tableau.b for tableau in parts)))
    embedded = [tableau.b_hat for tableau in parts if tableau.b_hat is not None]
    if embedded:
        step.estimate = step.combine("y_hat", total(embedded))


def butcher_grid(
    A: Matrix,
    b: Sequence[Expr],
    c: Sequence[Expr],
    b_hat: Sequence[Expr] | None,
    *,
    explicit: bool,
    name: Label | None = None,
) -> CellGrid:
    """A, b and c as a tableau; `name` where it is one of several."""
    rows = [(node, *_written(row, i, explicit)) for i, (node, row) in enumerate(zip(c, A, strict=True))]
    weights: list[Row] = [(Label("b", ""), *b)]
    if b_hat is not None:
        weights.append((Label("b\u0302", ""), *b_hat))
    return CellGrid((1, len(b)), (tuple(rows), *((row,) for row in weights)), name)


def stage_name(stage: int, part: int, parts: int) -> str:
    """``k2``, and with several fields ``k2_1``, ``k2_2``."""
    return f"k{stage + 1}" if parts == 1 else f"k{stage + 1}_{part + 1}"


def _written(row: Sequence[Expr], i: int, explicit: bool) -> Row:
    """An explicit tableau is a triangle; an implicit row ends at its last entry that is not zero."""
    shown = i if explicit else 1 + max((j for j, a in enumerate(row) if not a.is_zero), default=-1)
    return tuple(a if j < shown else None for j, a in enumerate(row))


def _row_sums(A: Matrix) -> tuple[Expr, ...]:
    return tuple(expand(sum(row, S.Zero)) for row in A)
