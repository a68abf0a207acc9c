"""Linear multistep methods: Σ_j α_j y_{n+j} = h Σ_j β_j f_{n+j}, j = 0..k, oldest first, α_k = 1.

With several fields, y' = Σ_ν f^ν(t, y), each has a β of its own (implicit–explicit methods: SBDF, CNAB, …)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

from sympy import Expr, S, expand

from tableau2net.errors import InputError
from tableau2net.exact.text import shown
from tableau2net.scheme.base import MAX_PARTS, Scheme
from tableau2net.scheme.coefficient_table import About
from tableau2net.scheme.exact_rows import whole_number
from tableau2net.scheme.keys import Numbers
from tableau2net.scheme.layout import CellGrid, Label, Recurrence, by_age, indexed
from tableau2net.scheme.lowering import StepWriter, aged
from tableau2net.scheme.registered import register_scheme_family

Vector = tuple[Expr, ...]


@register_scheme_family
@dataclass(frozen=True)
class Multistep(Scheme):
    """A linear k-step method with the signs of Hairer, Nørsett, Wanner I, III.2.

    alpha, beta: k + 1 numbers each, oldest first; alpha[k] is 1.
    derivative: 1, or 2 for Σ α_j y_{n+j} = h² Σ β_j f_{n+j}, a method for y'' = f(t, y) (Störmer; HNW I, III.10).
    Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "multistep"
    first: ClassVar[int] = 0

    alpha: tuple[Expr, ...]
    beta: tuple[Expr, ...]
    derivative: int = 1

    if TYPE_CHECKING:

        def __init__(self, alpha: Numbers, beta: Numbers, derivative: int = 1, **about: Unpack[About]) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "derivative", whole_number(self.derivative, "derivative"))
        if self.derivative not in (1, 2):
            raise InputError(f"derivative = {shown(self.derivative)}: 1 for y' = f, or 2 for y'' = f")
        check_alpha(self.alpha)
        _check_beta(self.beta, "beta", len(self.alpha))

    @property
    def betas(self) -> tuple[tuple[Expr, ...], ...]:
        """β of each field: of the one."""
        return (self.beta,)

    @property
    def steps(self) -> int:
        """The number of steps k."""
        return len(self.alpha) - 1

    @property
    def explicit(self) -> bool:
        """Whether β_k = 0, so that the new f is not needed."""
        return bool(self.beta[-1].is_zero)

    def lower(self, step: StepWriter) -> None:
        step.derivative = self.derivative
        _lower(step, self.alpha, (self.beta,))

    def reflected(self) -> Self:
        sign = -1 if self.derivative == 1 else 1
        alpha, beta = _backwards(self.alpha, (self.beta,), sign)
        return replace(self, alpha=alpha, beta=beta)

    def grids(self) -> tuple[CellGrid, ...]:
        return (by_age(self.alpha, [(Label("β", r"\beta"), self.beta)]),)

    def formula(self) -> Recurrence:
        return Recurrence(self.alpha, (self.beta,), derivative=self.derivative)

    def free_names(self) -> list[str]:
        return [n for n in self.coefficients if n != f"alpha{self.steps}"]


@register_scheme_family
@dataclass(frozen=True)
class AdditiveMultistep(Scheme):
    """A linear k-step method for y' = Σ_ν f^ν(t, y): Σ_j α_j y_{n+j} = h Σ_ν Σ_j β[ν][j] f^ν_{n+j}.

    alpha: k + 1 numbers, oldest first; alpha[k] is 1.  betas: k + 1 numbers for each of the fields.
    (Ascher, Ruuth, Wetton 1995, §2.) Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "additive-multistep"
    derivative: ClassVar[int] = 1

    alpha: tuple[Expr, ...]
    betas: tuple[tuple[Expr, ...], ...]

    if TYPE_CHECKING:

        def __init__(self, alpha: Numbers, betas: Iterable[Numbers], **about: Unpack[About]) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        check_alpha(self.alpha)
        if not 1 <= len(self.betas) <= MAX_PARTS:
            raise InputError(f"betas: a list of rows is expected, one a field, at most {MAX_PARTS}")
        for i, beta in enumerate(self.betas):
            _check_beta(beta, f"betas[{i}]", len(self.alpha))

    @property
    def steps(self) -> int:
        """The number of steps k."""
        return len(self.alpha) - 1

    @property
    def explicit(self) -> bool:
        """Whether no new field value is needed."""
        return all(beta[-1].is_zero for beta in self.betas)

    @property
    def coefficients(self) -> dict[str, Expr]:
        return {f"alpha{j}": a for j, a in enumerate(self.alpha)} | {
            f"beta{j}_p{i}": b for i, beta in enumerate(self.betas, 1) for j, b in enumerate(beta)
        }

    def lower(self, step: StepWriter) -> None:
        _lower(step, self.alpha, self.betas)

    def reflected(self) -> Self:
        alpha, *betas = _backwards(self.alpha, self.betas, -1)
        return replace(self, alpha=alpha, betas=tuple(betas))

    def grids(self) -> tuple[CellGrid, ...]:
        return (by_age(self.alpha, [(indexed("β", i, r"\beta"), beta) for i, beta in enumerate(self.betas, 1)]),)

    def formula(self) -> Recurrence:
        letters = tuple(indexed("f", i).latex for i in range(1, len(self.betas) + 1))
        return Recurrence(self.alpha, self.betas, letters)

    def free_names(self) -> list[str]:
        return [n for n in self.coefficients if n != f"alpha{self.steps}"]

    def with_coefficients(self, coefficients: Mapping[str, Expr], **changes: Any) -> Self:
        j, parts = range(self.steps + 1), range(1, len(self.betas) + 1)
        return replace(
            self,
            alpha=tuple(coefficients[f"alpha{i}"] for i in j),
            betas=tuple(tuple(coefficients[f"beta{i}_p{part}"] for i in j) for part in parts),
            **changes,
        )


def check_alpha(alpha: Vector) -> None:
    """Raise InputError unless there are k + 1 ≥ 2 entries and the last is 1."""
    if len(alpha) < 2:
        raise InputError("alpha: a k-step method has k + 1 entries, at least two")
    if alpha[-1] != S.One:
        raise InputError(f"alpha: the last entry must be 1, not {shown(alpha[-1])}; divide alpha and beta by it")


def _check_beta(beta: Vector, key: str, length: int) -> None:
    if len(beta) != length:
        raise InputError(f"{key} has {len(beta)} entries but alpha has {length}: both have k + 1, oldest first")


def _backwards(alpha: Vector, betas: Sequence[Vector], sign: int) -> list[Vector]:
    """α and the β of the adjoint method, each turned round and divided by α_0 (HLW XV.1); β with a sign."""
    lead = alpha[0]
    if lead.is_zero:
        raise InputError("adjoint: alpha[0] is 0, so that the oldest value cannot be solved for")
    rows = [alpha, *(tuple(sign * b for b in beta) for beta in betas)]
    return [tuple((x / lead).cancel() if x.free_symbols else expand(x / lead) for x in reversed(row)) for row in rows]


def _lower(step: StepWriter, alpha: Vector, betas: Sequence[Vector]) -> None:
    """y_{n+k} = Σ −α_j y_{n+j} + h Σ_ν Σ_j β^ν_j f^ν_{n+j}; j = k is the new point, j = k − 1 is zero steps old."""
    k, step.fields = len(alpha) - 1, len(betas)
    marks = [""] if len(betas) == 1 else [f"_{part + 1}" for part in range(len(betas))]

    def y(j: int) -> str:
        return aged("y", k - 1 - j)

    def f(j: int, part: int) -> str:
        return aged("f", k - 1 - j) + marks[part]

    # remembered is every y and f that is read later, and the younger ones that it will be made of
    oldest = min((j for j in range(k) if not alpha[j].is_zero), default=k - 1)
    for j in reversed(range(oldest, k)):
        step.hand_on(step.state(y(j), k - 1 - j), y(j + 1))
    for part, beta in enumerate(betas):
        implicit = not beta[k].is_zero
        oldest = min((j for j in range(k) if not beta[j].is_zero), default=k)
        for j in reversed(range(oldest, k if implicit else k - 1)):
            step.hand_on(step.slope(f(j, part), k - 1 - j, part=part), f(j + 1, part))
        if implicit:
            step.evaluate(f(k, part), y(k), S.One, part=part)
        elif oldest < k:
            step.evaluate(f(k - 1, part), y(k - 1), S.Zero, part=part)
    slopes = [(beta[j], f(j, part)) for part, beta in enumerate(betas) for j in reversed(range(k + 1))]
    step.combine(y(k), [*((-alpha[j], y(j)) for j in reversed(range(k))), *slopes])
