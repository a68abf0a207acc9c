"""General linear methods: Y = h A F(Y) + U x, x⁺ = h B F(Y) + V x (Butcher 1966, 2006; HNW I, III.8)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Unpack

from sympy import Expr, Integer, S, expand

from tableau2net.errors import InputError
from tableau2net.exact.text import shown
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.coefficient_table import About
from tableau2net.scheme.exact_rows import exact_vector, left_out
from tableau2net.scheme.keys import Matrix, Numbers, named_matrix
from tableau2net.scheme.layout import CellGrid
from tableau2net.scheme.lowering import StepWriter, aged
from tableau2net.scheme.registered import register_scheme_family

External = str | tuple[Expr, ...]


@register_scheme_family
@dataclass(frozen=True)
class GeneralLinear(Scheme):
    """A general linear method with s stages and r external values x_1 … x_r handed from step to step.

    A: s rows of s.  U: s rows of r.  B: r rows of s.  V: r rows of r. Rows of A may stop early; the rest is 0.
    external: what each x_i stands for at the start of a step:
        ``"y"`` the state (the first of them must be it), ``"y-2"`` the state two steps ago,
        ``"f"``, ``"f-1"`` h times the field there, ``"k3"`` h times the field at stage 3 of the step before
        (two-step Runge–Kutta methods), or a list q of numbers: Σ_k q_k h^k y^(k)(t_n) (Nordsieck).
        An ``f`` or ``k`` is handed on as a stage's field value or another external value, unchanged.
    c: the nodes; where left out, what the rows say: c = A·1 + U·(times of the external values).
    Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "general-linear"

    A: Matrix
    U: Matrix
    B: Matrix
    V: Matrix
    external: tuple[External, ...] = ("y",)
    c: tuple[Expr, ...] = ()

    if TYPE_CHECKING:

        def __init__(
            self,
            A: Iterable[Numbers],
            U: Iterable[Numbers],
            B: Iterable[Numbers],
            V: Iterable[Numbers],
            external: Iterable[str | Numbers] = ("y",),
            c: Numbers = (),
            **about: Unpack[About],
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        symbols = self.symbols
        if isinstance(self.external, str) or not isinstance(self.external, Sequence) or not self.external:
            raise InputError('external: a list is expected, such as ["y", "y-1"]')
        external = tuple(_meaning(x, f"external[{i}]", symbols) for i, x in enumerate(self.external))
        if external[0] != "y":
            raise InputError('external[0]: the first external value is the state, "y"; change the basis so that it is')
        if len(set(external)) < len(external):
            raise InputError("external: two values stand for the same thing; drop one")
        s, r = len(self.A), len(external)
        if not s:
            raise InputError("A: a method has at least one stage")
        sizes = {"A": (s, s), "U": (s, r), "B": (r, s), "V": (r, r)}
        shaped = {key: _shaped(getattr(self, key), key, *size) for key, size in sizes.items()}
        for key, matrix in shaped.items():
            object.__setattr__(self, key, matrix)
        object.__setattr__(self, "external", external)
        if left_out(self.c):
            object.__setattr__(self, "c", self._row_times())
        if len(self.c) != s:
            raise InputError(f"c has {len(self.c)} entries but there are {s} stages")
        self._check_field_values()

    @property
    def stages(self) -> int:
        """The number of stages s."""
        return len(self.A)

    @property
    def explicit(self) -> bool:
        """Whether A is strictly lower triangular."""
        return all(a.is_zero for i, row in enumerate(self.A) for a in row[i:])

    def lower(self, step: StepWriter) -> None:
        ks = [f"k{i + 1}" for i in range(self.stages)]
        known = [_known(step, meaning, i) for i, meaning in enumerate(self.external)]

        def total(externals: tuple[Expr, ...], stages: tuple[Expr, ...]) -> list[tuple[Expr, str]]:
            return [*zip(externals, known, strict=True), *zip(stages, ks, strict=True)]

        for i in range(self.stages):
            step.evaluate(ks[i], step.value(f"y{i + 1}", total(self.U[i], self.A[i])), self.c[i], i)
        for i, given in enumerate(known):
            terms = total(self.V[i], self.B[i])
            name = f"{given}_new"
            step.hand_on(given, _unchanged(terms) if self._is_slope(i) else step.value(name, terms))

    def _is_slope(self, i: int) -> bool:
        meaning = self.external[i]
        return isinstance(meaning, str) and meaning[0] in "fk"

    def grids(self) -> tuple[CellGrid, ...]:
        above = tuple((c, *a, *u) for c, a, u in zip(self.c, self.A, self.U, strict=True))
        below = tuple((None, *b, *v) for b, v in zip(self.B, self.V, strict=True))
        return (CellGrid((1, self.stages, len(self.external)), (above, below)),)

    def free_names(self) -> list[str]:
        """All but the nodes, and the rows that hand a field value on as it is."""
        held = [i for i in range(len(self.external)) if self._is_slope(i)]
        fixed = {
            name
            for letter, matrix in (("b", self.B), ("v", self.V))
            for place, name in enumerate(named_matrix(letter, matrix))
            if place // len(matrix[0]) in held
        }
        return [n for n in self.coefficients if n[0] != "c" and n not in fixed]

    def following(self) -> list[str]:
        return ["c"] if self.c == self._row_times() else []

    def _row_times(self) -> tuple[Expr, ...]:
        times = [_time(x) for x in self.external]
        return tuple(
            expand(sum(a, S.Zero) + sum((w * t for w, t in zip(u, times, strict=True)), S.Zero))
            for a, u in zip(self.A, self.U, strict=True)
        )

    def _check_field_values(self) -> None:
        """An external field value is a field value again after the step: one unit entry in its row of [B V]."""
        for i, meaning in enumerate(self.external):
            if isinstance(meaning, str) and meaning[0] in "fk":
                row = (*self.B[i], *self.V[i])
                if sorted(map(str, row)) != ["0"] * (len(row) - 1) + ["1"]:
                    raise InputError(
                        f"external[{i}] = {meaning!r}: its row of B and V must hold a single 1, the rest 0"
                    )
                j = row.index(S.One)
                if meaning[0] == "k" and j != int(meaning[1:]) - 1:
                    raise InputError(f"external[{i}] = {meaning!r}: its row of B must take stage {meaning[1:]}")
                if meaning[0] == "k" and int(meaning[1:]) > self.stages:
                    raise InputError(f"external[{i}] = {meaning!r}: there are {self.stages} stages")


def _known(step: StepWriter, meaning: External, i: int) -> str:
    """An external value, as it is known when the step begins."""
    if not isinstance(meaning, str):
        return step.state(f"z{i + 1}", nordsieck=meaning)
    if meaning[0] == "k":
        return step.slope(f"{meaning}_prev", 1, stage=meaning)
    age = age_of(meaning)
    return (step.state if meaning[0] == "y" else step.slope)(aged(meaning[0], age), age)


def _unchanged(terms: list[tuple[Expr, str]]) -> str:
    """The one value that there is among the terms."""
    (handed,) = (value for c, value in terms if not c.is_zero)
    return handed


def age_of(meaning: str) -> int:
    """How many steps old ``"y-2"`` or ``"f"`` is."""
    return int(meaning[2:] or 0)


def _meaning(value: object, key: str, symbols: Mapping[str, Expr]) -> External:
    if isinstance(value, str):
        if not re.fullmatch(r"[yf](-[1-9]\d?)?|k[1-9]\d?", value):
            raise InputError(
                f'{key} = {shown(value)!r}: write "y", "y-1", "f", "f-1", "k1", or a list of Nordsieck weights'
            )
        return value
    weights = exact_vector(value, key, symbols)
    if any(x.free_symbols for x in weights):
        raise InputError(
            f"{key}: Nordsieck weights are numbers, without parameters: they say what the value stands for"
        )
    if not weights:
        raise InputError(f"{key}: Nordsieck weights are a list of numbers, at least one")
    return "y" if weights[0] == 1 and not any(weights[1:]) else weights


def _time(meaning: External) -> Expr:
    """What an external value counts in time, where y' = 1: t itself counts as 0 at t_n."""
    if not isinstance(meaning, str):
        return meaning[1] if len(meaning) > 1 else S.Zero
    return Integer(-age_of(meaning)) if meaning[0] == "y" else S.One


def _shaped(rows: Matrix, key: str, height: int, width: int) -> Matrix:
    if len(rows) != height:
        raise InputError(f"{key} has {len(rows)} rows, {height} are expected")
    for i, row in enumerate(rows):
        if len(row) > width:
            raise InputError(f"{key}[{i}] has {len(row)} entries, at most {width} are expected")
    return tuple(row + (S.Zero,) * (width - len(row)) for row in rows)
