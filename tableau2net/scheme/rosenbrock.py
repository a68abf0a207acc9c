"""Rosenbrock and W-methods: a linear system with I − hγJ for each stage in the place of an equation (HW II, IV.7).

k_i = h f(t + c_i h, y + Σ_j α_ij k_j) + hJ Σ_{j≤i} γ_ij k_j + d_i h² f_t(t, y),  y⁺ = y + Σ_i b_i k_i,

J = ∂f/∂y at (t, y), or in a W-method whatever matrix (Steihaug & Wolfbrandt, Math. Comp. 33, 1979). A step is told in
the variables u_i = Σ_{j≤i} γ_ij k_j, which need no product with J (HW II, IV.7, eq. 7.25):

(1/γ − hJ) u_i = h f(t + c_i h, y + Σ a_ij u_j) + Σ_j C_ij u_j + d_i h² f_t(t, y),  y⁺ = y + Σ_i m_i u_i.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Unpack

from sympy import Expr, S, cancel, expand, radsimp

from tableau2net.errors import InputError
from tableau2net.exact.text import shown
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.coefficient_table import About
from tableau2net.scheme.exact_rows import left_out
from tableau2net.scheme.keys import Matrix, Number, Numbers
from tableau2net.scheme.layout import CellGrid, Label
from tableau2net.scheme.lowering import Operator, StepWriter
from tableau2net.scheme.matrix_functions import Identity, Resolvent
from tableau2net.scheme.registered import register_scheme_family
from tableau2net.scheme.stage_shapes import check_stage_vectors, stage_rows, stages_of

Vector = tuple[Expr, ...]
JACOBIANS: dict[str, tuple[Operator, int]] = {"exact": ("jacobian", 0), "any": ("matrix", 1)}


@dataclass(frozen=True)
class Transformed:
    """The coefficients of a step in the variables u. gammas: γ_ii of each stage; where it is 0, that stage's system is
    none, and it is as if 1 stood there but for the product with J."""

    a: Matrix
    C: Matrix
    m: Vector
    m_hat: Vector | None
    gammas: Vector
    c: Vector
    d: Vector

    def lower(self, step: StepWriter, jacobian: str) -> None:
        """Tell the step."""
        y, (operator, part) = step.state("y"), JACOBIANS[jacobian]
        us = [f"u{i + 1}" for i in range(len(self.m))]
        timed = ["f_t"] * any(not x.is_zero for x in self.d)
        for name in timed:
            step.along(name, y, None, S.Zero, 0, moved=S.One)

        def known(i: int, own: Sequence[tuple[Expr, str]]) -> str:
            """A right side: a slope, what is known of earlier stages, and the derivative in time."""
            scale = self.gammas[i] or S.One
            terms = [*own, *zip(self.C[i], us, strict=False), *((self.d[i], name) for name in timed)]
            return step.combine(f"r{i + 1}", [(_short(scale * x), value) for x, value in terms])

        for i, gamma in enumerate(self.gammas):
            at = step.value(f"y{i + 1}", [(S.One, y), *zip(self.a[i], us, strict=False)])
            slope = (S.One, step.evaluate(f"k{i + 1}", at, self.c[i], i))
            if not gamma.is_zero:
                step.transform(us[i], Resolvent(gamma), known(i, [slope]), operator=operator, part=part)
            elif all(x.is_zero for x in self.C[i]):
                step.combine(us[i], [slope, *((self.d[i], name) for name in timed)])
            else:
                before = step.combine(f"w{i + 1}", zip(self.C[i], us, strict=False))
                moved = step.transform(f"v{i + 1}", Identity(), before, operator=operator, part=part)
                step.combine(us[i], [(S.One, known(i, [slope])), (S.One, moved)])
        step.hand_on(y, step.combine("y_new", [(S.One, y), *zip(self.m, us, strict=True)]))
        if self.m_hat is not None:
            step.estimate = step.combine("y_hat", [(S.One, y), *zip(self.m_hat, us, strict=True)])


@register_scheme_family
@dataclass(frozen=True)
class Rosenbrock(Scheme):
    """A Rosenbrock method with s stages, in the letters of HW II, IV.7.

    alpha: s rows, strictly lower triangular; rows may stop early.  Gamma: s rows, lower triangular.  b: s weights.
    c, d: the nodes α_i and the γ_i of non-autonomous problems; the row sums of alpha and Gamma when left out.
    b_hat: the weights of an embedded method.
    jacobian: "exact", J = ∂f/∂y at the step's beginning, or "any", a W-method: its order holds for every matrix J.
    Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "rosenbrock"

    alpha: Matrix
    Gamma: Matrix
    b: Vector
    c: Vector = ()
    d: Vector = ()
    b_hat: Vector | None = None
    jacobian: str = "exact"

    if TYPE_CHECKING:

        def __init__(
            self,
            alpha: Iterable[Numbers],
            Gamma: Iterable[Numbers],
            b: Numbers,
            c: Numbers = (),
            d: Numbers = (),
            b_hat: Numbers | None = None,
            jacobian: str = "exact",
            **about: Unpack[About],
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self, "b", {"alpha": 0, "Gamma": 1}, "b_hat")
        for key, rows in (("c", self.alpha), ("d", self.Gamma)):
            _fill(self, key, rows)

    @property
    def stages(self) -> int:
        """The number of stages s."""
        return len(self.b)

    @property
    def explicit(self) -> bool:
        """Whether no stage is that of a linear system: all γ_ii are 0."""
        return all(row[i].is_zero for i, row in enumerate(self.Gamma))

    def transformed(self) -> Transformed:
        """The same in the variables u."""
        s = range(self.stages)
        diagonal = [self.Gamma[i][i] or S.One for i in s]
        inverse = _inverse([[diagonal[i] if i == j else self.Gamma[i][j] for j in s] for i in s])
        C = tuple(tuple(-x for x in inverse[i][:i]) for i in s)
        a, m = _times(self.alpha, inverse), _times((self.b,), inverse)[0]
        m_hat = None if self.b_hat is None else _times((self.b_hat,), inverse)[0]
        return Transformed(a, C, m, m_hat, tuple(self.Gamma[i][i] for i in s), self.c, self.d)

    def lower(self, step: StepWriter) -> None:
        self.transformed().lower(step, self.jacobian)

    def grids(self) -> tuple[CellGrid, ...]:
        return (
            _grid(Label("c │ α", r"c \mid \alpha"), self.c, self.alpha, 0, {"b": self.b, "b\u0302": self.b_hat}),
            _grid(Label("d │ Γ", r"d \mid \Gamma"), self.d, self.Gamma, 1, {}),
        )

    def free_names(self) -> list[str]:
        return [n for n in self.coefficients if n[0] not in "cd" and not n.startswith("b_hat")]

    def following(self) -> list[str]:
        sums = (("c", self.c, self.alpha), ("d", self.d, self.Gamma))
        return [key for key, vector, rows in sums if vector == _row_sums(rows)]


@register_scheme_family
@dataclass(frozen=True)
class TransformedRosenbrock(Scheme):
    """A Rosenbrock method with s stages as public codes have it, in the variables u (HW II, IV.7, eq. 7.25).

    gamma: γ, of all stages.  a, C: s rows, strictly lower triangular; rows may stop early.  m: s weights.
    c, d: the α_i and γ_i; when left out, the row sums of a (1/γ − C)^{-1} and of (1/γ − C)^{-1}.
    m_hat: the weights of an embedded method.  jacobian: see `Rosenbrock`.
    Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "transformed-rosenbrock"

    gamma: Expr
    a: Matrix
    C: Matrix
    m: Vector
    c: Vector = ()
    d: Vector = ()
    m_hat: Vector | None = None
    jacobian: str = "exact"

    if TYPE_CHECKING:

        def __init__(
            self,
            gamma: Number,
            a: Iterable[Numbers],
            C: Iterable[Numbers],
            m: Numbers,
            c: Numbers = (),
            d: Numbers = (),
            m_hat: Numbers | None = None,
            jacobian: str = "exact",
            **about: Unpack[About],
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self, "m", {"a": 0, "C": 0}, "m_hat")
        if self.gamma.is_zero:
            raise InputError("gamma = 0: the variables u need one; write alpha, Gamma and b of the family rosenbrock")
        Gamma = self.Gamma if left_out(self.c) or left_out(self.d) else ()
        for key, left in (("c", self.a), ("d", None)):
            _fill(self, key, Gamma if left is None or not Gamma else _times(left, Gamma))

    @property
    def stages(self) -> int:
        """The number of stages s."""
        return len(self.m)

    @property
    def explicit(self) -> bool:
        """Never: each stage is that of a linear system."""
        return False

    @property
    def Gamma(self) -> Matrix:
        """Γ = (1/γ − C)^{-1}."""
        s = range(self.stages)
        return _inverse([[1 / self.gamma if i == j else -self.C[i][j] for j in s] for i in s])

    def expanded(self) -> Rosenbrock:
        """The same in alpha, Gamma and b, exactly."""
        Gamma = self.Gamma
        return Rosenbrock(
            alpha=_times(self.a, Gamma),
            Gamma=Gamma,
            b=_times((self.m,), Gamma)[0],
            c=self.c,
            d=self.d,
            b_hat=None if self.m_hat is None else _times((self.m_hat,), Gamma)[0],
            jacobian=self.jacobian,
            name=self.name,
            title=self.title,
            reference=self.reference,
            parameters=self.parameters,
            claims=self.claims,
        )

    def transformed(self) -> Transformed:
        """Its coefficients."""
        gammas = (self.gamma,) * self.stages
        return Transformed(self.a, self.C, self.m, self.m_hat, gammas, self.c, self.d)

    def lower(self, step: StepWriter) -> None:
        self.transformed().lower(step, self.jacobian)

    def grids(self) -> tuple[CellGrid, ...]:
        return (
            CellGrid((1,), (((self.gamma,),),), Label("γ", r"\gamma")),
            _grid(Label("c │ a", r"c \mid a"), self.c, self.a, 0, {"m": self.m, "m\u0302": self.m_hat}),
            _grid(Label("d │ C", r"d \mid C"), self.d, self.C, 0, {}),
        )

    def free_names(self) -> list[str]:
        nodes = {f"{letter}{i}" for letter in "cd" for i in range(1, self.stages + 1)}
        return [n for n in self.coefficients if n not in nodes and not n.startswith("m_hat")]


def _check(scheme: Rosenbrock | TransformedRosenbrock, weights: str, matrices: dict[str, int], embedded: str) -> None:
    """The shapes of a method's keys, rows made whole. matrices: of each, how many diagonals beyond the strict triangle.

    Raises InputError."""
    s = stages_of(getattr(scheme, weights), weights)
    for key, diagonal in matrices.items():
        rows = stage_rows(getattr(scheme, key), key, s, weights)
        for i, row in enumerate(rows):
            if (j := next((j for j, x in enumerate(row) if j >= i + diagonal and not x.is_zero), None)) is not None:
                what = "lower" if diagonal else "strictly lower"
                raise InputError(
                    f"{key}[{i}][{j}] = {shown(row[j])}: {key} is {what} triangular, stages follow another"
                )
        object.__setattr__(scheme, key, rows)
    check_stage_vectors(scheme, s, embedded)
    if scheme.jacobian not in JACOBIANS:
        raise InputError(f"jacobian = {shown(scheme.jacobian)!r}: write one of {', '.join(JACOBIANS)}")


def _fill(scheme: Rosenbrock | TransformedRosenbrock, key: str, rows: Sequence[Vector]) -> None:
    """A vector that may be left out, and is then the row sums. Raises InputError for one of another length."""
    if left_out(getattr(scheme, key)):
        object.__setattr__(scheme, key, _row_sums(rows))
    check_stage_vectors(scheme, scheme.stages, key)


def _row_sums(rows: Sequence[Vector]) -> Vector:
    return tuple(_short(sum(row, S.Zero)) for row in rows)


def _inverse(lower: Sequence[Sequence[Expr]]) -> Matrix:
    """Of a lower triangular matrix, by forward substitution."""
    found: list[Vector] = []
    for i, row in enumerate(lower):
        known = [sum((row[k] * found[k][j] for k in range(j, i)), S.Zero) for j in range(i)]
        found.append((*(_short(-x / row[i]) for x in known), 1 / row[i], *[S.Zero] * (len(lower) - i - 1)))
    return tuple(found)


def _times(left: Matrix, right: Matrix) -> Matrix:
    columns = list(zip(*right, strict=True))
    return tuple(
        tuple(_short(sum((x * y for x, y in zip(row, column, strict=True)), S.Zero)) for column in columns)
        for row in left
    )


def _short(value: Expr) -> Expr:
    """A number without what cancels in it."""
    return value if value.is_Rational else cancel(value) if value.free_symbols else radsimp(expand(value))


def _grid(name: Label, nodes: Vector, rows: Matrix, diagonal: int, weights: dict[str, Vector | None]) -> CellGrid:
    """A triangle with its nodes, and the weights below."""
    above = tuple(
        (c, *(x if j < i + diagonal else None for j, x in enumerate(row)))
        for i, (c, row) in enumerate(zip(nodes, rows, strict=True))
    )
    below = tuple(((Label(letter, ""), *row),) for letter, row in weights.items() if row is not None)
    return CellGrid((1, len(rows)), (above, *below), name)
