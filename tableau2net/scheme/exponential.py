"""Exponential integrators for y' = N(t, y) + L y: what L does is done exactly, by functions of hL.

Runge–Kutta: Y_i = e^{c_i hL} y + h Σ_j a_ij(hL) N(t + c_i h, Y_j), y⁺ = e^{hL} y + h Σ_i b_i(hL) N(Y_i)
(Hochbruck & Ostermann, Acta Numerica 19, 2010, eq. 2.32). Multistep: Σ_j α_j e^{(k−j)hL} y_{n+j} = h Σ_j β_j(hL)
N_{n+j}.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from sympy import Expr, S, exp

from tableau2net.errors import InputError
from tableau2net.exact.exponentials import Exponentials, Z
from tableau2net.exact.text import shown
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.coefficient_table import About
from tableau2net.scheme.exact_rows import left_out
from tableau2net.scheme.keys import Numbers, OperatorFunction
from tableau2net.scheme.layout import CellGrid, Label, by_age
from tableau2net.scheme.lowering import StepWriter, aged
from tableau2net.scheme.matrix_functions import Phi, PhiSum
from tableau2net.scheme.multistep import Multistep, check_alpha
from tableau2net.scheme.registered import register_scheme_family
from tableau2net.scheme.runge_kutta import RungeKutta, butcher_grid
from tableau2net.scheme.stage_shapes import check_stage_vectors, stage_rows, stages_of

Functions = tuple[OperatorFunction, ...]
NONLINEAR, LINEAR = 0, 1  # which field is which


@register_scheme_family
@dataclass(frozen=True)
class ExponentialRungeKutta(Scheme):
    """An explicit exponential Runge–Kutta method.

    A: s rows of functions of z = hL, sums and products of numbers, ``exp(c*z)`` and ``phi1(c*z)``, ``phi2(c*z)``, …,
    divided by powers of z; rows may stop early, and nothing stands on the diagonal or above it.
    b: the s weights, functions too.  c: the s nodes; the row sums of A at z = 0 when left out.  b_hat: the weights of
    an embedded method.  Raises InputError on a wrong shape, and for what is no function of every matrix (1/z).
    """

    family: ClassVar[str] = "exponential-runge-kutta"
    explicit: ClassVar[bool] = True

    A: tuple[Functions, ...]
    b: Functions
    c: tuple[Expr, ...] = ()
    b_hat: Functions | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            A: Iterable[Numbers],
            b: Numbers,
            c: Numbers = (),
            b_hat: Numbers | None = None,
            **about: Unpack[About],
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        s = stages_of(self.b)
        object.__setattr__(self, "A", stage_rows(self.A, "A", s))
        for i, row in enumerate(self.A):
            if any(not a.is_zero for a in row[i:]):
                raise InputError(f"A[{i}]: an entry on the diagonal or above it; exponential methods are explicit here")
        if left_out(self.c):
            ring = self.ring
            sums = (sum((ring.laurent(ring.read(a), 0) for a in row), ring.zero) for row in self.A)
            object.__setattr__(self, "c", tuple(map(ring.domain.expression, sums)))
            self.__dict__.pop("ring")  # it must hold the nodes as well
        check_stage_vectors(self, s, "c", "b_hat")
        rows = {f"A[{i}]": row for i, row in enumerate(self.A)} | {"b": self.b, "b_hat": self.b_hat or ()}
        check_functions(self.ring, {f"{key}[{j}]": x for key, row in rows.items() for j, x in enumerate(row)})

    @cached_property
    def ring(self) -> Exponentials:
        """Where its functions live."""
        entries = [x for row in (*self.A, self.b, self.b_hat or ()) for x in row]
        return Exponentials(entries, self.c)

    @property
    def stages(self) -> int:
        """The number of stages s."""
        return len(self.b)

    def lower(self, step: StepWriter) -> None:
        step.fields = 2
        y = step.state("y")
        told = _Functions(step, self.ring)
        for i, (c, row) in enumerate(zip(self.c, self.A, strict=True)):
            at = y if c.is_zero and not any(row) else told.total(f"y{i + 1}", [(c, y)], enumerate(row, 1))
            step.evaluate(f"k{i + 1}", at, c, i, part=NONLINEAR)
        step.hand_on(y, told.total("y_new", [(S.One, y)], enumerate(self.b, 1)))
        if self.b_hat is not None:
            step.estimate = told.total("y_hat", [(S.One, y)], enumerate(self.b_hat, 1))

    def grids(self) -> tuple[CellGrid, ...]:
        return (butcher_grid(self.A, self.b, self.c, self.b_hat, explicit=True),)

    def free_names(self) -> list[str]:
        return []  # functions are no numbers


@register_scheme_family
@dataclass(frozen=True)
class ExponentialMultistep(Scheme):
    """An explicit exponential multistep method (Nørsett 1969; Hochbruck & Ostermann 2011).

    alpha: k + 1 numbers, oldest first; alpha[k] is 1.  beta: k functions of z = hL, oldest first.
    Raises InputError on a wrong shape, and for what is no function of every matrix."""

    family: ClassVar[str] = "exponential-multistep"
    explicit: ClassVar[bool] = True
    first: ClassVar[int] = 0

    alpha: tuple[Expr, ...]
    beta: Functions

    if TYPE_CHECKING:

        def __init__(self, alpha: Numbers, beta: Numbers, **about: Unpack[About]) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        check_alpha(self.alpha)
        if len(self.beta) != self.steps:
            raise InputError(f"beta has {len(self.beta)} entries, alpha {len(self.alpha)}: one less is expected")
        check_functions(self.ring, {f"beta[{j}]": x for j, x in enumerate(self.beta)})

    @cached_property
    def ring(self) -> Exponentials:
        """Where its functions live."""
        return Exponentials(self.beta, self.alpha)

    @property
    def steps(self) -> int:
        """The number of steps k."""
        return len(self.alpha) - 1

    @property
    def betas(self) -> tuple[Functions, ...]:
        """β of N, the new value's 0 included."""
        return ((*self.beta, S.Zero),)

    def lower(self, step: StepWriter) -> None:
        step.fields, k = 2, self.steps
        old = [j for j in range(k) if not self.alpha[j].is_zero]
        for j in reversed(range(min(old, default=k - 1), k)):
            step.hand_on(step.state(aged("y", k - 1 - j), k - 1 - j), aged("y", k - 2 - j))
        for j in reversed(range(min((j for j in range(k) if not self.beta[j].is_zero), default=k - 1), k - 1)):
            step.hand_on(step.slope(aged("f", k - 1 - j), k - 1 - j, part=NONLINEAR), aged("f", k - 2 - j))
        step.evaluate("f_n", "y", S.Zero, part=NONLINEAR)
        told = _Functions(step, self.ring)
        states = [(S.One * (k - j), aged("y", k - 1 - j), -self.alpha[j]) for j in reversed(old)]
        slopes = [(aged("f", k - 1 - j), self.beta[j]) for j in reversed(range(k))]
        told.combined("y_new", states, slopes)

    def grids(self) -> tuple[CellGrid, ...]:
        return (by_age(self.alpha, [(Label("β", r"\beta"), (*self.beta, S.Zero))]),)

    def free_names(self) -> list[str]:
        return []


class _Functions:
    """Tells sums of functions of hL, of states and of h times field values."""

    def __init__(self, step: StepWriter, ring: Exponentials) -> None:
        self.step, self.ring = step, ring
        self.increments: dict[str, str] = {}

    def total(self, name: str, states: Sequence[tuple[Expr, str]], row: Iterable[tuple[int, Expr]]) -> str:
        """``name = Σ e^{chL} state + h Σ a(hL) k_j``."""
        return self.combined(name, [(c, y, S.One) for c, y in states], [(f"k{j}", a) for j, a in row])

    def combined(self, name: str, states: Sequence[tuple[Expr, str, Expr]], slopes: Sequence[tuple[str, Expr]]) -> str:
        terms: list[tuple[Expr, str]] = []
        for c, y, w in states:
            flow = PhiSum((Phi(S.One, 0, c),))
            terms.append((w, y if c.is_zero else self.step.transform(f"{name}_of_{y}", flow, y, part=LINEAR)))
        for k, a in slopes:
            function = tuple(Phi(w, n, c) for w, n, c in self.ring.as_phi(self.ring.read(a)))
            if all(term.scale.is_zero for term in function):  # a number
                terms.append((sum((term.weight for term in function), S.Zero), k))
            else:
                held = self._increment(k)
                terms.append((S.One, self.step.transform(f"{name}_of_{k}", PhiSum(function), held, part=LINEAR)))
        return self.step.combine(name, terms)

    def _increment(self, k: str) -> str:
        """h times a field value."""
        if k not in self.increments:
            self.increments[k] = self.step.combine(f"h_{k}", [(S.One, k)])
        return self.increments[k]


def check_functions(ring: Exponentials, entries: dict[str, Expr]) -> None:
    """Raise InputError for what is no sum of φ-functions; `entries` by their keys."""
    for key, entry in entries.items():
        try:
            ring.as_phi(ring.read(entry))
        except InputError as error:
            raise InputError(f"{key} = {shown(entry)}: {error}") from None


def lawson(scheme: Scheme) -> Scheme:
    """The integrating-factor method of a classical explicit one (Lawson 1967): the scheme is applied to
    v' = e^{−tL} N(t, e^{tL} v), v = e^{−tL} y.

    Of a Runge–Kutta table a_ij e^{(c_i − c_j)z}, b_i e^{(1 − c_i)z}; of a multistep table β_j e^{(k − j)z}. Raises
    InputError for another family, and for an implicit scheme."""
    name = f"lawson-{scheme.name}" if scheme.name else ""
    about: dict[str, Any] = {
        "name": name,
        "title": f"Lawson: {scheme.title or scheme.name}".strip(),
        "reference": LAWSON,
    }
    about |= {"parameters": scheme.parameters, "digits": scheme.digits}
    if isinstance(scheme, RungeKutta) and scheme.explicit:
        c = scheme.c
        rows = [[a * exp((c[i] - c[j]) * Z) for j, a in enumerate(row[:i])] for i, row in enumerate(scheme.A)]

        def end(b: Sequence[Expr]) -> list[Expr]:
            return [w * exp((1 - x) * Z) for w, x in zip(b, c, strict=True)]

        return ExponentialRungeKutta(rows, end(scheme.b), c, scheme.b_hat and end(scheme.b_hat), **about)
    if isinstance(scheme, Multistep) and scheme.explicit and scheme.derivative == 1:
        k = scheme.steps
        beta = [b * exp((k - j) * Z) for j, b in enumerate(scheme.beta[:k])]
        return ExponentialMultistep(scheme.alpha, beta, **about)
    raise InputError(f"lawson: {scheme.name or 'this'} is no explicit Runge–Kutta or multistep scheme for y' = f")


LAWSON = "Lawson 1967, SIAM J. Numer. Anal. 4, pp. 372-380"
