"""Legal schemes that nobody would publish: reducible, redundant, empty. What a compiler gets wrong, it gets wrong here.

Equal stages, stages that nothing reads or that are combinations of others, weights that are 0 or all the same, states
that start from nothing, multistep tables that look at one end only, parts without a field value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal, get_args

from hypothesis import strategies as st

from tableau2net.errors import InputError
from tableau2net.exact.text import parse
from tableau2net.scheme import (
    AdditiveMultistep,
    AdditiveRungeKutta,
    GeneralLinear,
    Multistep,
    Parameter,
    PartitionedRungeKutta,
    RungeKutta,
    Scheme,
)
from tableau2net.testing.random_tableau import Shape

Family = Literal[
    "runge-kutta",
    "additive-runge-kutta",
    "partitioned-runge-kutta",
    "multistep",
    "additive-multistep",
    "general-linear",
]
FAMILIES: tuple[Family, ...] = get_args(Family)
Entry = Any  # a fraction, or text with the parameter in it
Row = list[Entry]

ENTRIES = [Fraction(n, d) for n, d in ((0, 1), (1, 2), (1, 1), (1, 4), (-1, 1), (1, 3), (3, 2), (1, 8), (-2, 3))]
WITH_THETA = ("theta", "1 - theta", "theta/2", "-theta", "theta**2", "1/(2 + theta)")
MEANINGS = ("y-1", "y-2", "f", "f-1", "k1", "k2", "z")


@st.composite
def degenerate(
    draw: st.DrawFn,
    families: Sequence[Family] = FAMILIES,
    explicit: bool | None = None,
    with_parameter: bool | None = None,
) -> Scheme:
    """Members of the families that are legal, and degenerate in every way that the table of a family can be.

    families: those that are drawn from; all six when left out.
    explicit: True for tables whose stages follow one another, None for both kinds.
    with_parameter: whether some entries hold a parameter, theta; None for both.

    Orders are what they are, often −1. They shrink to few stages and to 0, 1/2 and 1. Raises InputError for a family
    that there is not.
    """
    if unknown := [name for name in families if name not in FAMILIES]:
        raise InputError(f"families={unknown[0]!r}: write some of {', '.join(FAMILIES)}")
    table = _Table(draw, explicit, draw(st.booleans()) if with_parameter is None else with_parameter)
    kind = draw(st.sampled_from(list(families)))
    return MAKERS[kind](table)


class _Table:
    """Draws entries, mostly from few numbers so that they repeat, 0 more often than any other."""

    def __init__(self, draw: st.DrawFn, explicit: bool | None, open_: bool) -> None:
        self.draw, self.explicit, self.open = draw, explicit, open_
        own = draw(st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=3))
        self.entries = st.sampled_from([Fraction(0), *own, *own])
        self.theta = draw(st.sampled_from(ENTRIES))

    def entry(self) -> Entry:
        if self.open and self.draw(st.integers(0, 3)) == 3:
            return self.draw(st.sampled_from(WITH_THETA))
        return self.draw(self.entries)

    def row(self, length: int) -> Row:
        """Nothing, the same everywhere, or anything."""
        way = self.draw(st.sampled_from(("any", "any", "same", "zero")))
        if way == "any":
            return [self.entry() for _ in range(length)]
        return [self.entry() if way == "same" else Fraction(0)] * length

    def rows(self, height: int, width: int) -> list[Row]:
        """Rows of which some are those before them again."""
        found: list[Row] = []
        for _ in range(height):
            again = bool(found) and self.draw(st.booleans())
            found.append(list(self.draw(st.sampled_from(found))) if again else self.row(width))
        return found

    def stages(self, s: int, weights: int) -> tuple[list[Row], list[Row]]:
        """A, and rows of weights: here and there of stages that are others again, or that nothing reads."""
        A = self.square(self.shape(), s)
        rows = self.rows(weights, s)
        silent = self.draw(st.integers(0, 2 * s))  # the number of a stage, or of none
        if silent < s:
            for row in (*A, *rows):
                row[silent] = Fraction(0)
        return A, rows

    def square(self, shape: Shape, s: int) -> list[Row]:
        """A of a shape: stages that are new, those before them again, or half way between two of them."""
        beyond = {"explicit": 0, "diagonal": 1, "full": s}[shape]
        A: list[Row] = []
        for i in range(s):
            way = self.draw(st.sampled_from(("new", "again", "between"))) if A else "new"
            row, other = (self.draw(st.sampled_from(A)) if A else [] for _ in range(2))
            if way == "new":
                row = [a if j < i + beyond else Fraction(0) for j, a in enumerate(self.row(s))]
            elif way == "between":
                row = [a if a == b else f"(({a}) + ({b}))/2" for a, b in zip(row, other, strict=True)]
            A.append(list(row))
        return A

    def shape(self) -> Shape:
        shapes: tuple[Shape, ...] = ("explicit", "explicit", "diagonal", "full")
        return "explicit" if self.explicit else self.draw(st.sampled_from(shapes))

    def nodes(self, s: int) -> Row:
        """The row sums mostly: none are given."""
        return self.row(s) if self.draw(st.integers(0, 4)) == 4 else []

    def parameters(self) -> dict[str, Any]:
        """What every scheme is given beside its table."""
        parameters = (Parameter("theta", parse(self.theta)),) if self.open else ()
        return {"parameters": parameters, "name": "degenerate"}


def _runge_kutta(table: _Table) -> RungeKutta:
    return _tableau(table, table.draw(st.integers(1, 4)), embedded=table.draw(st.booleans()))


def _tableau(table: _Table, s: int, embedded: bool = False) -> RungeKutta:
    A, (b, *hat) = table.stages(s, 1 + embedded)
    b_hat = tuple(hat[0]) if hat else None
    return RungeKutta(A=_tuples(A), b=tuple(b), c=tuple(table.nodes(s)), b_hat=b_hat, **table.parameters())


def _parts(table: _Table) -> tuple[RungeKutta, ...]:
    s = table.draw(st.integers(1, 3))
    first = _tableau(table, s)
    others = table.draw(st.integers(0, 2))
    same = table.draw(st.integers(0, 3)) == 0
    return (first, *(first if same else _tableau(table, s) for _ in range(others)))


def _additive(table: _Table) -> AdditiveRungeKutta:
    return AdditiveRungeKutta(parts=_parts(table), **table.parameters())


def _partitioned(table: _Table) -> PartitionedRungeKutta:
    parts = _parts(table)
    n = range(1, len(parts) + 1)
    separable = len(parts) > 1 and table.draw(st.booleans())
    reads = tuple(tuple(q for q in n if q != p) for p in n) if separable else None
    return PartitionedRungeKutta(parts=parts, reads=reads, **table.parameters())


def _alpha(table: _Table, k: int) -> Row:
    return [*table.row(k), Fraction(1)]


def _beta(table: _Table, k: int) -> Row:
    beta = table.row(k + 1)
    if table.explicit or table.draw(st.booleans()):
        beta[-1] = Fraction(0)
    return beta


def _multistep(table: _Table) -> Multistep:
    k = table.draw(st.integers(1, 4))
    d = table.draw(st.sampled_from((1, 1, 2)))
    alpha, beta = tuple(_alpha(table, k)), tuple(_beta(table, k))
    return Multistep(alpha=alpha, beta=beta, derivative=d, **table.parameters())


def _additive_multistep(table: _Table) -> AdditiveMultistep:
    k = table.draw(st.integers(1, 3))
    betas = tuple(tuple(_beta(table, k)) for _ in range(table.draw(st.integers(1, 3))))
    return AdditiveMultistep(alpha=tuple(_alpha(table, k)), betas=betas, **table.parameters())


def _general_linear(table: _Table) -> GeneralLinear:
    """The rows that hand on a field value hold a single 1, at a stage or at another field value."""
    s = table.draw(st.integers(1, 3))
    drawn = table.draw(st.lists(st.sampled_from(MEANINGS), max_size=3, unique=True))
    given = ["y", *(meaning for meaning in drawn if meaning != f"k{s + 1}")]
    external = tuple(_nordsieck(table) if meaning == "z" else meaning for meaning in given if meaning != "k2" or s > 1)
    r = len(external)
    A, B = table.stages(s, r)
    U, V = table.rows(s, r), table.rows(r, r)
    values = [i for i, meaning in enumerate(external) if isinstance(meaning, str) and meaning[0] in "fk"]
    for i in values:
        B[i], V[i] = [Fraction(0)] * s, [Fraction(0)] * r
        others = [(V, j) for j in values] if str(external[i])[0] == "f" else []
        stage = int(str(external[i])[1:]) - 1 if str(external[i])[0] == "k" else None
        matrix, j = table.draw(st.sampled_from([(B, m) for m in range(s) if stage in (None, m)] + others))
        matrix[i][j] = Fraction(1)
    return GeneralLinear(
        A=_tuples(A),
        U=_tuples(U),
        B=_tuples(B),
        V=_tuples(V),
        external=external,
        c=tuple(table.nodes(s)),
        **table.parameters(),
    )


def _tuples(rows: list[Row]) -> tuple[tuple[Entry, ...], ...]:
    return tuple(map(tuple, rows))


def _nordsieck(table: _Table) -> tuple[Entry, ...]:
    return tuple(table.draw(st.sampled_from(((0, 1), (0,), (1, 1), (0, 0, 1), (1, 0, Fraction(1, 2)), (0, 0)))))


MAKERS: dict[Family, Callable[[_Table], Scheme]] = {
    "runge-kutta": _runge_kutta,
    "additive-runge-kutta": _additive,
    "partitioned-runge-kutta": _partitioned,
    "multistep": _multistep,
    "additive-multistep": _additive_multistep,
    "general-linear": _general_linear,
}
