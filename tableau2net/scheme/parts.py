"""Runge–Kutta methods with several tableaus: for y' = Σ_ν f^ν(t, y), or for a system of several states.

Both go stage by stage, Y_i = y + h Σ_ν Σ_j a^ν_ij f^ν(t + c^ν_j h, Y_j); they differ in what a field acts on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.scheme.base import MAX_PARTS, Scheme
from tableau2net.scheme.coefficient_table import declared
from tableau2net.scheme.exact_rows import as_list, whole_number
from tableau2net.scheme.layout import CellGrid, indexed
from tableau2net.scheme.lowering import StepWriter
from tableau2net.scheme.registered import register_scheme_family
from tableau2net.scheme.runge_kutta import RungeKutta, lower_additive, stage_name


@dataclass(frozen=True)
class _Parts(Scheme):
    """What the two families share: tableaus with the same number of stages, one for each field.

    Symbols in them are the parameters of the whole; names and claims of a single part are dropped."""

    letter: ClassVar[str]  # of what each part is for

    parts: tuple[RungeKutta, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.parts, str) or not isinstance(self.parts, Sequence) or not 1 <= len(self.parts) <= MAX_PARTS:
            raise InputError(f"parts: a list of tableaus is expected, one a field, at most {MAX_PARTS}")
        if not all(isinstance(part, RungeKutta) for part in self.parts):
            raise InputError("parts: each is a Runge–Kutta tableau with A and b")
        own = self.parameters
        parts = (RungeKutta(A=p.A, b=p.b, c=p.c, b_hat=p.b_hat, parameters=own) for p in self.parts)
        object.__setattr__(self, "parts", tuple(parts))
        stages = [part.stages for part in self.parts]
        if len(set(stages)) > 1:
            raise InputError(
                f"parts have {', '.join(map(str, stages))} stages: all need the same number, fill up with 0"
            )
        if len({part.b_hat is None for part in self.parts}) > 1:
            raise InputError("parts: b_hat is given in some of them only; an embedded method needs it in all")

    @property
    def stages(self) -> int:
        """The number of stages s, the same in each part."""
        return self.parts[0].stages

    @property
    def coefficients(self) -> dict[str, Expr]:
        """As a tableau's, with the part behind: ``a21_p1``."""
        return {f"{n}_p{i}": c for i, part in enumerate(self.parts, 1) for n, c in part.coefficients.items()}

    def reflected(self) -> Self:
        return replace(self, parts=tuple(part.reflected() for part in self.parts))

    @classmethod
    def composed(cls, schemes: Sequence[Self], weights: Sequence[Expr]) -> Self:
        columns = zip(*(scheme.parts for scheme in schemes), strict=True)
        parts = tuple(RungeKutta.composed(column, weights) for column in columns)
        return replace(schemes[0], parts=parts, parameters=declared(schemes))

    def grids(self) -> tuple[CellGrid, ...]:
        return tuple(part.grid(indexed(self.letter, i)) for i, part in enumerate(self.parts, 1))

    def free_names(self) -> list[str]:
        return [f"{n}_p{i}" for i, part in enumerate(self.parts, 1) for n in part.free_names()]

    def with_coefficients(self, coefficients: Mapping[str, Expr], **changes: Any) -> Self:
        parameters = changes.get("parameters", self.parameters)
        parts = []
        for i, part in enumerate(self.parts, 1):
            own = {n: coefficients[f"{n}_p{i}"] for n in part.coefficients}
            parts.append(part.with_coefficients(own, parameters=parameters))
        return replace(self, parts=tuple(parts), **changes)


@register_scheme_family
@dataclass(frozen=True)
class AdditiveRungeKutta(_Parts):
    """A Runge–Kutta method for y' = Σ_ν f^ν(t, y) with a tableau for each field (IMEX methods; Kennedy & Carpenter
    2003, §2): Y_i = y + h Σ_ν Σ_j a^ν_ij f^ν(t + c^ν_j h, Y_j), y⁺ = y + h Σ_ν Σ_i b^ν_i f^ν(t + c^ν_i h, Y_i).

    parts: tableaus with the same number of stages. Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "additive-runge-kutta"
    letter: ClassVar[str] = "f"

    def lower(self, step: StepWriter) -> None:
        lower_additive(step, self.parts)

    @property
    def explicit(self) -> bool:
        """Whether every part is explicit."""
        return all(part.explicit for part in self.parts)


@register_scheme_family
@dataclass(frozen=True)
class PartitionedRungeKutta(_Parts):
    """A Runge–Kutta method for y_ν' = f_ν(t, y_1, …, y_N) with a tableau for each state (HNW I, II.15, eq. 15.2):
    symplectic Euler, Störmer–Verlet, RevNet.

    parts: tableaus with the same number of stages.
    reads: for each field the states it depends on, counted from 1; all of them when left out. Separable systems
    y_1' = f_1(y_2), y_2' = f_2(y_1) are ``[[2], [1]]``: there the order can be higher and steps explicit.
    Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "partitioned-runge-kutta"
    letter: ClassVar[str] = "y"

    reads: tuple[tuple[int, ...], ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        n = len(self.parts)
        if self.parts[0].b_hat is not None:
            raise InputError("parts: b_hat is not read in a partitioned scheme; drop it")
        every = [range(1, n + 1)] * n
        expected = f"reads: for each of the {n} fields a list of states, numbers from 1 to {n}"
        given = as_list(every if self.reads is None else self.reads, expected)
        reads = [{whole_number(i, "reads") for i in as_list(states, expected)} for states in given]
        if len(reads) != n or not all(states and 1 <= min(states) <= max(states) <= n for states in reads):
            raise InputError(expected)
        object.__setattr__(self, "reads", tuple(tuple(sorted(states)) for states in reads))

    def lower(self, step: StepWriter) -> None:
        """Y^ν_i = y^ν + h Σ_j a^ν_ij k^ν_j, k^ν_i = f_ν(Y^1_i, …, Y^N_i)."""
        assert self.reads is not None
        ys = [step.state(f"y{part}", component=part - 1) for part in range(1, len(self.parts) + 1)]
        ks = [[stage_name(j, part, len(ys)) for j in range(self.stages)] for part in range(len(ys))]

        def total(part: int, row: tuple[Expr, ...]) -> list[tuple[Expr, str]]:
            return [(S.One, ys[part]), *zip(row, ks[part], strict=True)]

        for i in range(self.stages):
            at = [step.value(f"{y}_{i + 1}", total(p, self.parts[p].A[i])) for p, y in enumerate(ys)]
            for p, part in enumerate(self.parts):
                reads = tuple(state - 1 for state in self.reads[p])
                step.evaluate(ks[p][i], tuple(at[q] for q in reads), part.c[i], i, part=p, reads=reads)
        for p, part in enumerate(self.parts):
            step.hand_on(ys[p], step.combine(f"{ys[p]}_new", total(p, part.b)))

    @classmethod
    def composed(cls, schemes: Sequence[Self], weights: Sequence[Expr]) -> Self:
        if any(scheme.reads != schemes[0].reads for scheme in schemes):
            raise InputError("compose: the schemes read different states")
        return super().composed(schemes, weights)

    @property
    def explicit(self) -> bool:
        """Whether the stages can be taken one after another, given what each field reads."""
        assert self.reads is not None
        done: set[tuple[int, int]] = set()  # evaluations (field, stage) that are known
        waiting = {(p, i) for p in range(len(self.parts)) for i in range(self.stages)}
        while waiting:
            ready = {(p, i) for p, i in waiting if all(self._needs(q - 1, i) <= done for q in self.reads[p])}
            if not ready:
                return False
            done |= ready
            waiting -= ready
        return True

    def _needs(self, state: int, stage: int) -> set[tuple[int, int]]:
        """The evaluations that a state at a stage is made of."""
        return {(state, j) for j, a in enumerate(self.parts[state].A[stage]) if not a.is_zero}
