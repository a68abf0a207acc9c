"""Runge–Kutta–Nyström methods for y'' = f(t, y) and y'' = f(t, y, y') (Nyström 1925; HNW I, II.14)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self, Unpack

from sympy import Expr, S, expand

from tableau2net.errors import InputError
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.coefficient_table import About, declared
from tableau2net.scheme.keys import Matrix, Numbers
from tableau2net.scheme.layout import CellGrid, Label, Row
from tableau2net.scheme.lowering import StepWriter
from tableau2net.scheme.parts import PartitionedRungeKutta
from tableau2net.scheme.registered import register_scheme_family
from tableau2net.scheme.runge_kutta import RungeKutta
from tableau2net.scheme.stage_shapes import check_stage_vectors, stage_rows, stages_of

Vector = tuple[Expr, ...]


@register_scheme_family
@dataclass(frozen=True)
class RungeKuttaNystrom(Scheme):
    """Y_i = y + c_i h y' + h² Σ_j ā_ij k_j, k_i = f(t + c_i h, Y_i), y⁺ = y + h y' + h² Σ_i b̄_i k_i,
    y'⁺ = y' + h Σ_i b_i k_i; with A also Y'_i = y' + h Σ_j a_ij k_j, and k_i = f(t + c_i h, Y_i, Y'_i).

    A_bar: s rows, which may stop early.  b_bar, b, c: s numbers each.  A: s rows, where f depends on y'.
    b_bar_hat, b_hat: the weights of an embedded method; it needs both, or b_bar_hat alone, which then estimates y.
    A step hands on y and h y'. Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "runge-kutta-nystrom"

    A_bar: Matrix
    b_bar: tuple[Expr, ...]
    b: tuple[Expr, ...]
    c: tuple[Expr, ...]
    A: Matrix | None = None
    b_bar_hat: tuple[Expr, ...] | None = None
    b_hat: tuple[Expr, ...] | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            A_bar: Iterable[Numbers],
            b_bar: Numbers,
            b: Numbers,
            c: Numbers,
            A: Iterable[Numbers] | None = None,
            b_bar_hat: Numbers | None = None,
            b_hat: Numbers | None = None,
            **about: Unpack[About],
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        s = stages_of(self.b)
        check_stage_vectors(self, s, "b_bar", "c", "b_bar_hat", "b_hat")
        if self.b_hat is not None and self.b_bar_hat is None:
            raise InputError("b_hat: the embedded method has no b_bar_hat, its weights for y; add them")
        for key in ("A_bar", "A"):
            rows = getattr(self, key)
            if rows is not None:
                object.__setattr__(self, key, stage_rows(rows, key, s))

    @property
    def stages(self) -> int:
        """The number of stages s."""
        return len(self.b)

    @property
    def explicit(self) -> bool:
        """Whether stages follow one another."""
        rows = (row[i:] for A in (self.A_bar, self.A or ()) for i, row in enumerate(A))
        return all(a.is_zero for row in rows for a in row)

    def lower(self, step: StepWriter) -> None:
        step.derivative = 2
        y, hv = step.state("y"), step.state("hv", nordsieck=(S.Zero, S.One))
        ks = [f"k{i + 1}" for i in range(self.stages)]

        def moved(name: str, time: Expr, row: Vector) -> list[tuple[Expr, str]]:
            start = [(S.One, y), (time, hv)] if name == y else [(S.One, hv)]
            return [*start, *zip(row, ks, strict=True)]

        for i, c in enumerate(self.c):
            at: tuple[str, ...] = (step.value(f"y{i + 1}", moved(y, c, self.A_bar[i])),)
            if self.A is not None:
                at = (*at, step.value(f"hv{i + 1}", moved(hv, c, self.A[i])))
            step.evaluate(ks[i], at, c, i, reads=tuple(range(len(at))))
        step.hand_on(y, step.combine("y_new", moved(y, S.One, self.b_bar)))
        step.hand_on(hv, step.combine("hv_new", moved(hv, S.One, self.b)))
        if self.b_bar_hat is not None:
            step.estimate = step.combine("y_hat", moved(y, S.One, self.b_bar_hat))
        if self.b_hat is not None:
            step.velocity_estimate = step.combine("hv_hat", moved(hv, S.One, self.b_hat))

    def reflected(self) -> Self:
        """c* = 1 − c, ā*_ij = ā_ij − b̄_j + (1 − c_i) b_j, a*_ij = b_j − a_ij, b̄* = b − b̄, b* = b, stages turned
        round: y and y' at the start of a step from those at its end."""
        turned = range(self.stages)[::-1]
        A_bar = tuple(
            tuple(expand(self.A_bar[i][j] - self.b_bar[j] + (1 - self.c[i]) * self.b[j]) for j in turned)
            for i in turned
        )
        A = None if self.A is None else tuple(tuple(expand(self.b[j] - self.A[i][j]) for j in turned) for i in turned)
        b_bar = tuple(expand(self.b[i] - self.b_bar[i]) for i in turned)
        c = tuple(expand(1 - self.c[i]) for i in turned)
        return replace(self, A_bar=A_bar, A=A, b_bar=b_bar, b=self.b[::-1], c=c, b_bar_hat=None, b_hat=None)

    @classmethod
    def composed(cls, schemes: Sequence[Self], weights: Sequence[Expr]) -> Self:
        """The stages one below another; embedded weights are dropped."""
        if len({scheme.A is None for scheme in schemes}) > 1:
            raise InputError("compose: A is given in some of the schemes only")
        A_bar: list[Vector] = []
        A: list[Vector] = []
        b_bar: list[Expr] = []  # of y so far
        b: list[Expr] = []  # of y' so far
        c: list[Expr] = []
        time: Expr = S.Zero
        for scheme, w in zip(schemes, weights, strict=True):
            for row, x in zip(scheme.A_bar, scheme.c, strict=True):
                A_bar.append((*_moved(b_bar, b, w * x), *(expand(w**2 * a) for a in row)))
            A += [(*b, *(expand(w * a) for a in row)) for row in scheme.A or ()]
            c += [expand(time + w * x) for x in scheme.c]
            b_bar = [*_moved(b_bar, b, w), *(expand(w**2 * x) for x in scheme.b_bar)]
            b += [expand(w * x) for x in scheme.b]
            time = time + w
        return cls(
            A_bar=tuple(A_bar),
            A=tuple(A) or None,
            b_bar=tuple(b_bar),
            b=tuple(b),
            c=tuple(c),
            parameters=declared(schemes),
        )

    def grids(self) -> tuple[CellGrid, ...]:
        """Nyström's table: the weights of y, then of y'; with A a second one, of y'."""
        of_y = [_weights("b̄", r"\bar b", self.b_bar), _weights("b̄\u0302", r"\hat{\bar b}", self.b_bar_hat)]
        of_v = [_weights("b", "b", self.b), _weights("b\u0302", r"\hat b", self.b_hat)]
        below = [row for row in (*of_y, *of_v) if row]
        if self.A is None:
            return (self._grid(self.A_bar, below, None),)
        first = self._grid(self.A_bar, [row for row in of_y if row], Label("y", "y"))
        return first, self._grid(self.A, [row for row in of_v if row], Label("y'", "y'"))

    def _grid(self, A: Matrix, weights: Sequence[Row], name: Label | None) -> CellGrid:
        explicit = all(a.is_zero for i, row in enumerate(A) for a in row[i:])
        rows = tuple(
            (c, *(a if not explicit or j < i else None for j, a in enumerate(row)))
            for i, (c, row) in enumerate(zip(self.c, A, strict=True))
        )
        return CellGrid((1, self.stages), (rows, *((row,) for row in weights)), name)

    def free_names(self) -> list[str]:
        return [n for n in self.coefficients if n[0] in "ab" and "hat" not in n]


def second_order_form(scheme: RungeKutta | PartitionedRungeKutta, y: RungeKutta, v: RungeKutta) -> RungeKuttaNystrom:
    """What a method that takes y by one table and v = y' by another does to y'' = f: Ā = A^y A^v, b̄ = b^y A^v."""
    c = tuple(expand(sum(row, S.Zero)) for row in y.A)
    if c != v.c and scheme.digits is None:
        raise InputError(
            f"{scheme.name or 'the table'}: f is taken at other times than y is there, c is not the row sums"
        )
    return RungeKuttaNystrom(
        A_bar=tuple(_times(row, v.A) for row in y.A),
        b_bar=_times(y.b, v.A),
        b=v.b,
        c=c,
        A=v.A if isinstance(scheme, RungeKutta) else None,
        b_bar_hat=None if y.b_hat is None else _times(y.b_hat, v.A),
        b_hat=v.b_hat,
        parameters=scheme.parameters,
        digits=None if scheme.digits is None else max(1, scheme.digits - len(str(v.stages))),  # sums of products
    )


def _times(row: Sequence[Expr], A: Matrix) -> Vector:
    return tuple(
        expand(sum((x * a for x, a in zip(row, column, strict=True)), S.Zero)) for column in zip(*A, strict=True)
    )


def _moved(b_bar: Sequence[Expr], b: Sequence[Expr], time: Expr) -> Vector:
    """Weights of y after a time in which it goes on with y'."""
    return tuple(expand(x + time * v) for x, v in zip(b_bar, b, strict=True))


def _weights(text: str, latex: str, row: Vector | None) -> Row:
    return () if row is None else (Label(text, latex), *row)
