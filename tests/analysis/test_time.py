"""Order conditions where nodes are not row sums: the listed residuals against the Taylor series of a step."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import perm, prod

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import Rational

from tableau2net import testing
from tableau2net.analysis import errors, order_conditions
from tableau2net.analysis.order.conditions import nodes_are_row_sums
from tableau2net.scheme import AdditiveRungeKutta, GeneralLinear, PartitionedRungeKutta, RungeKutta
from tableau2net.step import lower
from tableau2net.testing.draw import rationals

# ------------------------------------------------------------------ fields and steps as power series in h

N = 4  # terms of a series: orders 1 and 2
Series = list[Fraction]


def product(p: Series, q: Series) -> Series:
    found = [Fraction(0)] * N
    for i, a in enumerate(p):
        for j in range(N - i):
            found[i + j] += a * q[j]
    return found


def constant(x: Fraction | int) -> Series:
    return [Fraction(x)] + [Fraction(0)] * (N - 1)


class Field:
    """Σ c_ij.. t^i y^j.. of degree 2 in all, with coefficients that no identity relates."""

    def __init__(self, seed: int, components: int, reads: tuple[int, ...] | None = None) -> None:
        self.c: dict[tuple[int, ...], Fraction] = {}
        for index in range(3 ** (components + 1)):
            powers = tuple(index // 3**k % 3 for k in range(components + 1))
            unread = reads and any(n for k, n in enumerate(powers) if k and k not in reads)
            if sum(powers) <= 2 and not unread:
                self.c[powers] = Fraction((seed * 7919 + index * 104729 + index * index * 31) % 23 - 11, 5) or Fraction(
                    1
                )

    def at(self, time: Series, state: list[Series]) -> Series:
        """The field along power series of time and state."""
        total = [Fraction(0)] * N
        for powers, c in self.c.items():
            term = constant(c)
            for base, n in zip((time, *state), powers, strict=True):
                for _ in range(n):
                    term = product(term, base)
            total = [a + b for a, b in zip(total, term, strict=True)]
        return total

    def derivative(self, orders: tuple[int, ...]) -> Fraction:
        """At t = 0, y = 0."""
        return self.c.get(orders, Fraction(0)) * prod(perm(n, n) for n in orders)


def times_h(p: Series, factor: Fraction | int = 1) -> Series:
    return [Fraction(0), *(factor * x for x in p[:-1])]


def total(terms: list[Series]) -> Series:
    return [sum(column, Fraction(0)) for column in zip(*terms, strict=True)] if terms else constant(0)


def solution(fields: list[list[Field]]) -> list[Series]:
    """y(h) of y_x' = Σ_ν f_x^ν(t, y), y(0) = 0, by Picard's iteration."""
    state = [constant(0) for _ in fields]
    time = [Fraction(0), Fraction(1), *[Fraction(0)] * (N - 2)]
    for _ in range(N):
        slopes = [total([f.at(time, state) for f in own]) for own in fields]
        state = [[Fraction(0), *(s[k] / (k + 1) for k in range(N - 1))] for s in slopes]
    return state


def stepped(scheme, fields):
    """The state after one step from y = 0 at t = 0; a field a part, the state of its own where they are partitioned."""
    parts = getattr(scheme, "parts", (scheme,))
    split = isinstance(scheme, PartitionedRungeKutta)
    s = parts[0].stages
    exact = solution(fields)
    ks = {(p, i): constant(0) for p in range(len(parts)) for i in range(s)}

    def state(rows, start):
        slopes = [[times_h(ks[p, j], _f(a)) for j, a in enumerate(row)] for p, row in enumerate(rows)]
        groups = slopes if split else [[x for own in slopes for x in own]]
        return [[a + b for a, b in zip(total(group), x, strict=True)] for group, x in zip(groups, start, strict=True)]

    zero = [constant(0) for _ in fields]
    past = [[_f(u) for u in row] for row in scheme.U] if isinstance(scheme, GeneralLinear) else None

    def start(row):
        if past is None:
            return zero
        return [total([[u * x * (-age) ** k for k, x in enumerate(exact[0])] for age, u in enumerate(row)])]

    for _ in range(N):
        points = [state([part.A[i] for part in parts], start(past[i] if past else None)) for i in range(s)]
        for p, part in enumerate(parts):
            for i in range(s):
                time = [Fraction(0), _f(part.c[i]), *[Fraction(0)] * (N - 2)]
                field = fields[p][0] if split else fields[0][p]
                ks[p, i] = field.at(time, points[i])
    last = [part.B[0] if isinstance(part, GeneralLinear) else part.b for part in parts]
    v = [_f(x) for x in scheme.V[0]] if isinstance(scheme, GeneralLinear) else None
    return state(last, start(v)), exact


def _f(x) -> Fraction:
    return Fraction(int(x.p), int(x.q))


# ------------------------------------------------------------------ trees, from their level sequences alone


def branches(levels, colours):
    starts = [i for i, level in enumerate(levels) if abs(level) == 2] + [len(levels)]
    shifted = [level - 1 if level > 0 else level + 1 for level in levels]
    return [(tuple(shifted[a:b]), tuple(colours[a:b])) for a, b in pairwise(starts)]


def weight(levels, colours, fields, split, autonomous):
    """F(t)/σ(t) at t = 0, y = 0: ∂^branches of the root's field times the branches', over the symmetries.

    autonomous: for each field the colour of the state, or of the field, into which time is counted as one more
    component, with t' = 1: a leaf is one in t too."""
    inner = branches(levels, colours)
    field = fields[colours[0] - 1][0] if split else fields[0][colours[0] - 1]
    found = Fraction(0)
    into = autonomous.get(colours[0])
    leaves = [i for i, (levels_, colours_) in enumerate(inner) if levels_ == (1,) and colours_ == (into,)]
    for chosen in range(2 ** len(leaves)):
        in_time = {i for k, i in enumerate(leaves) if chosen >> k & 1}
        orders, term = [0] * (1 + len(fields)), Fraction(1)
        for i, (levels_, colours_) in enumerate(inner):
            if levels_[0] < 0 or i in in_time:
                orders[0] += 1
            else:
                orders[colours_[0] if split else 1] += 1
                term *= weight(levels_, colours_, fields, split, autonomous)
        found += term * field.derivative(tuple(orders))
    return found / prod(perm(inner.count(branch)) for branch in set(inner))


def counted(scheme):
    """For each field the state whose stages are at the field's times; 1 where there is one state."""
    if not isinstance(scheme, PartitionedRungeKutta):
        return {1: 1, 2: 1}
    times = [tuple(sum(row) for row in part.A) for part in scheme.parts]
    return {p: next(q for q in scheme.reads[p - 1] if times[q - 1] == scheme.parts[p - 1].c) for p in (1, 2)}


def check(scheme):
    """The first term by which a step misses the solution is what the failing conditions say, for two fields."""
    found = order_conditions(scheme)
    assume(0 <= found.order < N - 1 and found.complete)
    step = lower(scheme)
    inputs = {i.name for i in step.inputs}
    assume(not step.history or any(op.value not in inputs for op in step.calls))  # else one tree stands for all
    count, split = len(getattr(scheme, "parts", (scheme,))), isinstance(scheme, PartitionedRungeKutta)
    autonomous = counted(scheme) if nodes_are_row_sums(scheme) else {}
    for seed in (1, 2):
        fields = [[Field(seed * 10 + p, count, scheme.reads[p] if split else None)] for p in range(count)]
        if not split:
            fields = [[Field(seed * 10 + p, 1) for p in range(count)]]
        result, exact = stepped(scheme, fields)
        missed = [[a - b for a, b in zip(x, y, strict=True)] for x, y in zip(result, exact, strict=True)]
        assert all(not any(error[: found.order + 1]) for error in missed)
        for component, error in enumerate(missed):
            predicted = Fraction(0)
            for r in found.failing:
                colours = r.colours or (1,) * len(r.tree)
                if not r.of and (not split or colours[0] == component + 1):
                    predicted += _f(r.value) * weight(r.tree, colours, fields, split, autonomous)
            assert error[found.order + 1] == predicted


# ------------------------------------------------------------------ methods


def test_a_condition_in_time_that_fails_beside_one_without():
    scheme = RungeKutta(A=[["0"]], b=["1"], c=["1"])
    found = order_conditions(scheme)
    assert [str(r) for r in found.failing] == ["[τ]: -1/2", "[t]: 1/2"]
    assert (found.order, found.autonomous) == (1, 1)
    # ‖τ‖² of both trees of order 2: (1/2)² + (1/2)²
    assert errors(scheme).principal.euclidean ** 2 == Rational(1, 2)
    result, exact = stepped(scheme, [[field := Field(1, 1)]])
    assert (result[0][2] - exact[0][2]) == weight((1, -2), (1, 1), [[field]], False, {}) / 2 - weight(
        (1, 2), (1, 1), [[field]], False, {}
    ) / 2


@st.composite
def nodes_of_their_own(draw):
    """Tableaus whose nodes are row sums moved, half of them so that Σ b c is kept."""
    scheme = draw(testing.runge_kutta(range(1, 4), order=draw(st.integers(1, 2))))
    moves = [draw(rationals(2, 2)) if draw(st.booleans()) else Fraction(0) for _ in scheme.b]
    assume(all(x.is_Rational for x in scheme.coefficients.values()))
    if draw(st.booleans()) and scheme.b[-1]:
        moves[-1] = -sum((_f(b) * m for b, m in zip(scheme.b[:-1], moves, strict=False)), Fraction(0)) / _f(
            scheme.b[-1]
        )
    c = [_f(c) + m for c, m in zip(scheme.c, moves, strict=True)]
    return RungeKutta(A=scheme.A, b=scheme.b, c=c)


@st.composite
def parts_with_nodes_of_their_own(draw, family):
    first = draw(nodes_of_their_own())
    second = draw(testing.runge_kutta(first.stages, order=1))
    assume(all(x.is_Rational for x in second.coefficients.values()))
    c = [draw(rationals(3, 3)) for _ in first.b] if draw(st.booleans()) else first.c
    parts = first, RungeKutta(A=second.A, b=second.b, c=c)
    if family is PartitionedRungeKutta and draw(st.booleans()):
        return family(parts=parts, reads=draw(st.sampled_from([[[2], [1]], [[1, 2], [1]]])))
    return family(parts=parts)


@st.composite
def general_linear(draw):
    """Two steps, one or two stages, preconsistent, with any nodes."""
    s = draw(st.integers(1, 2))
    U = [[1 - (u := draw(rationals(3, 3))), u] for _ in range(s)]
    v = draw(st.sampled_from([Fraction(0), Fraction(1), Fraction(1, 2)]))
    B = [draw(rationals(3, 3)) for _ in range(s - 1)]
    return GeneralLinear(
        A=[[draw(rationals(3, 3)) for _ in range(s)] for _ in range(s)],
        U=U,
        B=[[*B, 1 + v - sum(B)], [0] * s],
        V=[[1 - v, v], [1, 0]],
        c=[draw(rationals(3, 3)) for _ in range(s)],
        external=("y", "y-1"),
    )


FAMILIES = {
    "runge-kutta": nodes_of_their_own(),
    "additive": parts_with_nodes_of_their_own(AdditiveRungeKutta),
    "partitioned": parts_with_nodes_of_their_own(PartitionedRungeKutta),
    "general-linear": general_linear(),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_failing_conditions_are_all_of_the_error(family):
    @settings(max_examples=8)
    @given(FAMILIES[family])
    def tried(scheme):
        check(scheme)

    tried()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_failing_conditions_are_all_of_the_error_of_many(family):
    @settings(max_examples=60)
    @given(FAMILIES[family])
    def tried(scheme):
        check(scheme)

    tried()
