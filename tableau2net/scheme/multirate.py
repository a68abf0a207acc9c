"""Multirate infinitesimal methods: a fast field followed as closely as one likes, a slow one taken at a few stages.

(Knoth, Wolke 1998; Wensch, Knoth, Galant 2009; Sandu, SIAM J. Numer. Anal. 57, 2019; Luan, Chinomona, Reynolds 2020;
Fish, Reynolds, Roberts 2024.)"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from sympy import Expr, S, expand

from tableau2net.errors import InputError
from tableau2net.exact.text import shown
from tableau2net.extensions import told_of
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.exact_rows import whole_number
from tableau2net.scheme.keys import Matrix
from tableau2net.scheme.library import as_scheme
from tableau2net.scheme.lowering import StepWriter, Terms
from tableau2net.scheme.registered import register_scheme_family
from tableau2net.scheme.runge_kutta import RungeKutta

Vector = tuple[Expr, ...]
MAX_SUBSTEPS = 1000
MAX_LINES = 4000  # of a step that is written out
POWERS = ("gamma0", "gamma1", "gamma2", "gamma3")
IMPLICIT = ("implicit0", "implicit1", "implicit2")


@register_scheme_family
@dataclass(frozen=True)
class MultirateInfinitesimal(Scheme):
    """y' = f¹(t, y) + f²(t, y), fast and slow. Y_1 = y; Y_i = v(1) with v(0) = Y_{i−1} and

        dv/dτ = Δc_i h f¹(t + (c_{i−1} + Δc_i τ) h, v) + h Σ_j γ_ij(τ) f²(t + c_j h, Y_j),   γ_ij(τ) = Σ_k γᵏ_ij τᵏ,

    Δc_i = c_i − c_{i−1} (a stage with Δc_i = 0 evaluates no fast field); y⁺ = Y_s. (Sandu 2019, eq. 2.2.)

    c: the s nodes, from 0 to 1.  gamma0 … gamma3: γ⁰ … γ³, s − 1 rows, which may stop early, for Y_2 … Y_s.
    implicit0 … implicit2: the same of a third field, one that is meant to be taken implicitly (IMEX-MRI).
    after: s − 1 rows of weights of the last slow field that are added behind each flow.
    restart: each flow starts at y, v(0) = y, and Δc_i = c_i (MERK, MRI-SR).
    hat: the rows of an embedded method in the place of the last ones, one a matrix that is given, in the order above.
    Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "multirate-infinitesimal"

    c: tuple[Expr, ...]
    gamma0: Matrix
    gamma1: Matrix | None = None
    gamma2: Matrix | None = None
    gamma3: Matrix | None = None
    implicit0: Matrix | None = None
    implicit1: Matrix | None = None
    implicit2: Matrix | None = None
    after: Matrix | None = None
    hat: Matrix | None = None
    restart: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        s = self.stages
        if s < 2 or self.c[0] != 0 or self.c[-1] != 1:
            raise InputError("c: two nodes or more, from 0 to 1")
        if not isinstance(self.restart, bool):
            raise InputError("restart: true or false")
        if not self.restart and any((b - a).is_negative for a, b in pairwise(self.c)):
            raise InputError("c: nodes that fall, time would run backwards; with restart = true they may")
        for keys in (POWERS, IMPLICIT):
            there = [getattr(self, key) is not None for key in keys]
            if sum(there) and not all(there[: sum(there)]):
                raise InputError(f"{keys[there.index(False)]} is missing: there are coefficients of higher powers")
        for key in (*self._given, *(["hat"] if self.hat is not None else [])):
            rows, wanted = getattr(self, key), len(self._given) if key == "hat" else s - 1
            if len(rows) != wanted or any(len(row) > s for row in rows):
                raise InputError(f"{key}: {wanted} rows of at most {s} entries are expected")
            object.__setattr__(self, key, tuple(row + (S.Zero,) * (s - len(row)) for row in rows))

    @property
    def _given(self) -> list[str]:
        """The matrices that are there."""
        return [key for key in (*POWERS, *IMPLICIT, "after") if getattr(self, key) is not None]

    @property
    def stages(self) -> int:
        """The number of stages s, y itself the first."""
        return len(self.c)

    @property
    def slow_fields(self) -> int:
        """How many slow fields there are."""
        return 1 + (self.implicit0 is not None)

    @property
    def explicit(self) -> bool:
        """Whether no stage needs a slow field at itself or a later one."""
        matrices = [getattr(self, key) for key in self._given]
        return all(x.is_zero for m in matrices for i, row in enumerate(m, 1) for x in row[i:])

    def lower(self, step: StepWriter) -> None:
        self.told(step, None, 1)

    def told(self, step: StepWriter, inner: Scheme | None, substeps: int) -> None:
        """A step, whose flows are exact, or taken by so many steps of an inner method."""
        lines = _Lines(inner) if inner is not None else None
        first = 1 if lines is None else lines.fields
        step.fields = first + self.slow_fields
        y = step.state("y")
        names = [y, *(f"y{i + 1}" for i in range(1, self.stages - 1)), "y_new"]
        read = [[self._reads(field, j) for j in range(self.stages)] for field in range(self.slow_fields)]
        slopes = [[f"k{j + 1}_{first + f + 1}" for j in range(self.stages)] for f in range(self.slow_fields)]
        for i, name in enumerate(names):
            if i:
                self._stage(step, lines, substeps, i, names, slopes, self._rows(i, None))
            for f in range(self.slow_fields):
                if read[f][i]:
                    step.evaluate(slopes[f][i], name, self.c[i], i, part=first + f)
        step.hand_on(y, names[-1])
        if self.hat is not None:
            rows = self._rows(self.stages - 1, self.hat)
            step.estimate = self._stage(step, lines, substeps, self.stages - 1, [*names[:-1], "y_hat"], slopes, rows)

    def _rows(self, i: int, hat: Matrix | None) -> dict[str, Vector]:
        """The row of each matrix for Y_{i+1}."""
        return {key: getattr(self, key)[i - 1] if hat is None else hat[n] for n, key in enumerate(self._given)}

    def _reads(self, field: int, j: int) -> bool:
        keys = [key for key in self._given if (key in IMPLICIT) == (field == 1) and key != "after"]
        keys += ["after"] * (self.after is not None and field == self.slow_fields - 1)
        rows = [row for key in keys for row in getattr(self, key)]
        rows += [self.hat[self._given.index(key)] for key in keys] if self.hat is not None else []
        return any(not row[j].is_zero for row in rows)

    def _stage(
        self,
        step: StepWriter,
        lines: _Lines | None,
        substeps: int,
        i: int,
        names: list[str],
        slopes: list[list[str]],
        rows: dict[str, Vector],
    ) -> str:
        start, begun = (names[0], S.Zero) if self.restart else (names[i - 1], self.c[i - 1])
        length = expand(self.c[i] - begun)
        forcing = [
            (slopes[f][j], row)
            for f, powers in enumerate((POWERS, IMPLICIT)[: self.slow_fields])
            for j, row in enumerate(zip(*(rows[key] for key in powers if key in rows), strict=True))
            if any(not x.is_zero for x in row)
        ]
        behind = list(zip(rows.get("after", ()), slopes[-1], strict=False))
        behind = [(c, k) for c, k in behind if not c.is_zero]
        name = names[i]
        if length.is_zero:
            whole = [(sum((c / (n + 1) for n, c in enumerate(row)), S.Zero), k) for k, row in forcing]
            return step.combine(name, [(S.One, start), *whole, *behind])
        target = f"{name}_flow" if behind else name
        if lines is None:
            step.flow(target, start, length, begun, forcing)
        else:
            for n in range(substeps):
                own = target if n == substeps - 1 else f"{target}_{n + 1}"
                start = lines.told(step, own, start, _Piece(length, begun, n, substeps, tuple(forcing)))
        return step.combine(name, [(S.One, target), *behind]) if behind else name


@dataclass(frozen=True)
class Multirate(Scheme):
    """A multirate infinitesimal method whose flows are taken by steps of an inner one, for a fast field (or those of
    the inner method, where it has several) and a slow one. See `multirate`."""

    family: ClassVar[str] = "multirate"

    outer: MultirateInfinitesimal
    inner: Scheme
    substeps: int = 1

    @property
    def stages(self) -> int:
        """The slow stages."""
        return self.outer.stages

    def lower(self, step: StepWriter) -> None:
        self.outer.told(step, self.inner, self.substeps)


def multirate(scheme: MultirateInfinitesimal | str | Path, inner: Scheme | str | Path, substeps: int = 1) -> Multirate:
    """The method whose fast field is followed by `substeps` steps of the one-step method `inner` in each stage.

    inner: for one field, or for several (IMEX, or what this function has returned: telescopic, three rates and more);
        the fast fields are then its own, in their order, and the slow ones come behind.
    Raises InputError for other schemes, and for a step that would be too long to be written out."""
    outer, method = as_scheme(scheme), as_scheme(inner)
    if not isinstance(outer, MultirateInfinitesimal):
        raise InputError(
            f"multirate: {outer.name or outer.family} is no multirate infinitesimal scheme; mri-gark-erk33a is one"
        )
    substeps = whole_number(substeps, "substeps")
    if not 1 <= substeps <= MAX_SUBSTEPS:
        raise InputError(f"substeps = {substeps}: from 1 to {MAX_SUBSTEPS}")
    flows = sum(not expand(b - a).is_zero for a, b in pairwise(outer.c))
    if (lines := flows * substeps * _Lines(method).length) > MAX_LINES:
        raise InputError(f"a step of {lines} lines, at most {MAX_LINES} are written; take fewer substeps")
    name = f"{outer.name or 'multirate'}-{method.name or 'inner'}-{substeps}"
    return Multirate(outer=outer, inner=method, substeps=substeps, name=name[:80], digits=outer.digits)


def infinitesimal_of(table: RungeKutta | str) -> MultirateInfinitesimal:
    """The multirate infinitesimal step method of a slow explicit table: γ⁰ has the differences of its rows, those of
    the weights behind (Knoth, Wolke 1998). Raises InputError where nodes fall, or the table is implicit."""
    found = as_scheme(table)
    if not isinstance(found, RungeKutta) or not found.explicit:
        raise InputError(f"{found.name or 'the table'}: an explicit Runge–Kutta table is needed")
    rows, c = [*found.A, found.b], [*found.c, S.One]
    if any(bool(b < a) for a, b in pairwise(c)):
        raise InputError(f"{found.name or 'the table'}: nodes that fall, time would run backwards")
    gamma = tuple(tuple(expand(x - y) for x, y in zip(b, a, strict=True)) for a, b in pairwise(rows))
    hat = (
        None if found.b_hat is None else (tuple(expand(x - y) for x, y in zip(found.b_hat, found.A[-1], strict=True)),)
    )
    return MultirateInfinitesimal(c=tuple(c), gamma0=gamma, hat=hat, digits=found.digits)


@dataclass(frozen=True)
class _Piece:
    """The n-th of some parts of a flow: its length and beginning, and the forcing."""

    length: Expr
    begun: Expr
    n: int
    parts: int
    forcing: tuple[tuple[str, Vector], ...]

    @property
    def size(self) -> Expr:
        return self.length / self.parts

    def place(self, time: Expr) -> Expr:
        """τ at a time within the part, in units of its size."""
        return (self.n + time) / self.parts

    def time(self, time: Expr) -> Expr:
        """The same as a time of the whole step."""
        return expand(self.begun + self.length * self.place(time))

    def pushed(self, weight: Expr, time: Expr) -> Iterator[tuple[Expr, str]]:
        """What the forcing adds where a slope at that time has a weight."""
        tau = self.place(time)
        for k, row in self.forcing:
            value = sum((c * tau**i for i, c in enumerate(row)), S.Zero)
            yield expand(weight * value / self.parts), k


class _Lines:
    """What a one-step method tells, kept to be told again within the step of another."""

    def __init__(self, method: Scheme) -> None:
        self.method = method
        self.sums: list[tuple[str, list[tuple[Expr, str]]]] = []
        self.calls: dict[str, tuple[str, Expr, int]] = {}
        self.known, self.result, self.fields = "", "", 1
        self.derivative, self.estimate, self.velocity_estimate = 1, None, None
        with told_of(type(method), f"{type(method).__name__}.lower"):
            method.lower(self)  # type: ignore[arg-type]  # it keeps what one-step methods tell, and refuses the rest
        if self.derivative != 1 or not self.known or not self.result:
            raise self._refused()
        self.fields = max(self.fields, 1 + max((part for *_, part in self.calls.values()), default=0))
        self._prune()

    def _prune(self) -> None:
        """Without what the result is not made of, an embedded method's lines."""
        made = {name: {v for _, v in terms} for name, terms in self.sums}
        made |= {name: {at} for name, (at, *_) in self.calls.items()}
        needed, new = set[str](), {self.result}
        while new:
            needed |= new
            new = {v for name in new for v in made.get(name, ())} - needed
        self.sums = [(name, terms) for name, terms in self.sums if name in needed]
        self.calls = {name: call for name, call in self.calls.items() if name in needed}

    @property
    def length(self) -> int:
        return len(self.sums) + len(self.calls)

    def _refused(self) -> InputError:
        return InputError(
            f"inner = {shown(self.method.name or self.method.family)}: a one-step method for y' = f is needed"
        )

    def state(self, name: str, age: int = 0, *, component: int = 0, nordsieck: Vector | None = None) -> str:
        if self.known or age or component or nordsieck:
            raise self._refused()
        self.known = name
        return name

    def combine(self, name: str, terms: Terms) -> str:
        self.sums.append((name, list(terms)))
        return name

    def value(self, name: str, terms: Terms) -> str:
        left = [(c, v) for c, v in terms if not c.is_zero]
        return left[0][1] if left == [(S.One, self.known)] else self.combine(name, left)

    def evaluate(
        self,
        name: str,
        at: str | tuple[str, ...],
        time: Expr,
        stage: int = 0,
        *,
        part: int = 0,
        reads: tuple[int, ...] = (0,),
    ) -> str:
        if not isinstance(at, str):
            raise self._refused()
        self.calls[name] = at, time, part
        return name

    def hand_on(self, known: str, value: str) -> None:
        self.result = value

    def __getattr__(self, name: str) -> object:
        if name in ("slope", "along", "transform", "flow", "apply"):
            raise self._refused()
        raise AttributeError(name)

    def told(self, step: StepWriter, target: str, start: str, piece: _Piece) -> str:
        """Tell the step again, over a part of a flow: slopes count with its size, and the slow ones push."""
        mine = {name: f"{target}_{name}" for name in (*self.calls, *(name for name, _ in self.sums))}
        mine |= {self.known: start, self.result: target}
        for name, terms in self.sums:
            own: list[tuple[Expr, str]] = []
            for c, v in terms:
                if v not in self.calls:
                    own.append((c, mine[v]))
                    continue
                _, time, part = self.calls[v]
                own.append((expand(c * piece.size), mine[v]))
                own += piece.pushed(c, time) if part == 0 else ()
            step.combine(mine[name], own)
        for name, (at, time, part) in self.calls.items():
            step.evaluate(mine[name], mine[at], piece.time(time), 0, part=part)
        return target
