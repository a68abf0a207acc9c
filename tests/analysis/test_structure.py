"""Structural properties by second routes: eigenvalues, methods built to have them, and steps run backwards."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import Expr, Rational

from tableau2net.analysis import structure
from tableau2net.analysis.structure import (
    algebraically_stable,
    fsal,
    low_storage,
    reduced,
    reducible,
    stage_order,
    symmetric,
    symplectic,
    symplectic_separable,
)
from tableau2net.scheme import GeneralLinear, Multistep, PartitionedRungeKutta, RungeKutta, adjoint, compose, load
from tests.strategies import explicit_runge_kutta, nonzero, rationals


@st.composite
def runge_kutta(draw: st.DrawFn, max_stages: int = 3) -> RungeKutta:
    """Any table at all."""
    s = draw(st.integers(1, max_stages))
    return RungeKutta(A=[[draw(rationals) for _ in range(s)] for _ in range(s)], b=[draw(rationals) for _ in range(s)])


# ------------------------------------------------------------------ reducible


@st.composite
def wasteful(draw: st.DrawFn) -> tuple[RungeKutta, RungeKutta]:
    """An irreducible method, and one that does the same with stages split into up to four copies and others added."""
    method = reduced(draw(st.one_of(runge_kutta(), explicit_runge_kutta(max_stages=4))))
    assume(any(method.b))
    copies = [i for i in range(method.stages) for _ in range(draw(st.integers(1, 4)))]
    unused = draw(st.integers(0, 2))
    total = len(copies) + unused

    def split(row: tuple[Expr, ...]) -> list[object]:
        """A row with each entry shared out among the copies of its stage."""
        shares: list[object] = [draw(rationals) for _ in copies]
        for i, entry in enumerate(row):
            mine = [n for n, copy in enumerate(copies) if copy == i]
            shares[mine[0]] = entry - sum((Rational(shares[n]) for n in mine[1:]), Rational(0))
        return shares

    A = [split(method.A[i]) + [0] * unused for i in copies]
    A += [[draw(rationals) for _ in range(total)] for _ in range(unused)]
    c = [method.c[i] for i in copies] + [draw(rationals) for _ in range(unused)]
    return method, RungeKutta(A=A, b=split(method.b) + [0] * unused, c=c)


@given(wasteful())
@settings(max_examples=40)
def test_split_and_unused_stages_are_found(pair: tuple[RungeKutta, RungeKutta]) -> None:
    method, disguised = pair
    again = reduced(disguised)
    assert (again.A, again.b, again.c) == (method.A, method.b, method.c)
    found = reducible(disguised)
    if disguised.stages == method.stages:
        assert found is None
    else:
        assert found is not None
        assert found.stages == method.stages
        assert len(found.unused) + sum(len(c) - 1 for c in found.equal) == disguised.stages - method.stages


def test_more_than_pairs() -> None:
    """Three equal stages of which no two can be merged before the third is seen to be equal as well."""
    A = [["1/6", "1/6", "1/6"], ["1/4", "1/4", "0"], ["0", "0", "1/2"]]
    scheme = RungeKutta(A=A, b=["1/3", "1/3", "1/3"])
    found = reducible(scheme)
    assert found is not None
    assert found.equal == ((1, 2, 3),)
    assert reduced(scheme) == RungeKutta(A=[["1/2"]], b=["1"])


def test_equal_stages_at_different_times_are_not_equal() -> None:
    assert reducible(RungeKutta(A=[[], []], b=["1/2", "1/2"], c=["0", "1"])) is None


def test_an_embedded_estimate_counts_as_a_result() -> None:
    pair = load("dormand-prince-54")
    assert reducible(pair) is None
    assert reducible(RungeKutta(A=pair.A, b=pair.b)).unused == (7,)


# ------------------------------------------------------------------ symplectic, symmetric


@pytest.mark.parametrize("name", ["gauss-1", "gauss-2", "gauss-3", "gauss-4", "lobatto-iiie-3", "qin-zhang-2"])
def test_symplectic_methods(name: str) -> None:
    assert symplectic(load(name))
    assert symplectic_separable(load(name))


@pytest.mark.parametrize("name", ["rk4", "trapezoid", "lobatto-iiia-3", "lobatto-iiib-3", "radau-iia-2"])
def test_methods_that_are_not_symplectic(name: str) -> None:
    assert symplectic(load(name)) is False


@st.composite
def symplectic_table(draw: st.DrawFn) -> RungeKutta:
    """a_ij = (b_j + S_ij/b_i)/2 with S skew: b_i a_ij + b_j a_ji = b_i b_j."""
    s = draw(st.integers(1, 3))
    b = [draw(nonzero) for _ in range(s)]
    S = [[Fraction(0)] * s for _ in range(s)]
    for i in range(s):
        for j in range(i):
            S[i][j] = draw(rationals)
            S[j][i] = -S[i][j]
    return RungeKutta(A=[[(b[j] + S[i][j] / b[i]) / 2 for j in range(s)] for i in range(s)], b=b)


@given(symplectic_table(), rationals)
def test_random_symplectic_tables(scheme: RungeKutta, off: Fraction) -> None:
    assert symplectic(scheme)
    assume(off and reducible(scheme) is None)
    A = [list(row) for row in scheme.A]
    A[0][0] += Rational(off)
    assert symplectic(RungeKutta(A=A, b=scheme.b)) is False


def test_lobatto_pairs_and_splittings() -> None:  # HLW, VI.4, Theorem 4.8 and examples
    for s in (2, 3):
        pair = PartitionedRungeKutta(parts=[load(f"lobatto-iiia-{s}"), load(f"lobatto-iiib-{s}")])
        assert symplectic(pair)
        assert symmetric(pair)
        mixed = PartitionedRungeKutta(parts=[load(f"lobatto-iiia-{s}")] * 2)
        assert symplectic(mixed) is False
    euler = PartitionedRungeKutta(parts=[load("backward-euler"), load("euler")])
    assert symplectic(euler)
    assert symmetric(euler) is False
    # weights that differ: for separable Hamiltonians only (Ruth's form, p first)
    ruth = PartitionedRungeKutta(
        parts=[
            RungeKutta(A=[["1/4", "0"], ["1/4", "3/4"]], b=["1/4", "3/4"]),
            RungeKutta(A=[["0", "0"], ["2/3", "0"]], b=["2/3", "1/3"]),
        ],
        reads=[[2], [1]],
    )
    assert symplectic_separable(ruth)
    assert symplectic(ruth)  # it is for no others
    general = PartitionedRungeKutta(parts=ruth.parts)
    assert symplectic_separable(general)
    assert symplectic(general) is False


@given(runge_kutta(2), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_a_method_after_its_adjoint_is_symmetric(scheme: RungeKutta, random) -> None:
    both = compose([scheme, adjoint(scheme)])
    order = list(range(both.stages))
    random.shuffle(order)
    shuffled = RungeKutta(
        A=[[both.A[i][j] for j in order] for i in order], b=[both.b[i] for i in order], c=[both.c[i] for i in order]
    )
    assert symmetric(shuffled)
    assert symmetric(scheme) == (stability(scheme, 0.1) * stability(scheme, -0.1) == 1) or not symmetric(scheme)


def stability(scheme: RungeKutta, z: float) -> Fraction:
    """φ(z) = det(I − zA + z1bᵀ)/det(I − zA), in fractions."""
    from sympy import Matrix, eye, ones

    A, b, s, at = Matrix(scheme.A), Matrix([scheme.b]), scheme.stages, Rational(str(z))
    return (eye(s) - at * A + at * ones(s, 1) * b).det() / (eye(s) - at * A).det()


def test_a_symmetric_partitioned_composition() -> None:
    half = PartitionedRungeKutta(parts=[load("backward-euler"), load("euler")], reads=[[2], [1]])
    assert symmetric(compose([half, adjoint(half)]))
    assert symmetric(compose([half, half])) is False


def test_symmetric_multistep_methods() -> None:
    assert symmetric(load("nystrom-2"))
    assert symmetric(load("milne-simpson-2"))
    assert symmetric(load("bdf-2")) is False
    assert symmetric(Multistep(alpha=[1, -2, 1], beta=[0, 1, 0], derivative=2))
    assert symmetric(load("lm").with_values(k=1))


# ------------------------------------------------------------------ algebraic stability


def smallest_eigenvalue(scheme: RungeKutta) -> float:
    A, b = np.array(scheme.A, dtype=float), np.array(scheme.b, dtype=float)
    M = np.diag(b) @ A
    return float(np.linalg.eigvalsh(M + M.T - np.outer(b, b)).min())


@given(runge_kutta())
def test_algebraic_stability_against_eigenvalues(scheme: RungeKutta) -> None:
    method = reduced(scheme)
    least = min(smallest_eigenvalue(method), *map(float, method.b))
    assume(abs(least) > 1e-9)
    assert algebraically_stable(scheme) == (least > 0)


@given(st.lists(nonzero.map(abs), min_size=1, max_size=3), st.data())
def test_tables_made_algebraically_stable_of_low_rank(b: list[Fraction], data: st.DataObject) -> None:
    """B A + AᵀB − bbᵀ = vvᵀ is singular and semidefinite: just stable; less εwwᵀ it is not."""
    s = len(b)
    v = [data.draw(rationals) for _ in range(s)]
    A = [[(b[i] * b[j] + v[i] * v[j]) / (2 * b[i]) for j in range(s)] for i in range(s)]
    assert algebraically_stable(RungeKutta(A=A, b=b))
    A[0][0] -= Fraction(10 + v[0] ** 2) / b[0]
    broken = RungeKutta(A=A, b=b)
    assume(reducible(broken) is None)
    assert not algebraically_stable(broken)


@pytest.mark.parametrize(
    ("name", "stable"),
    [("gauss-3", True), ("radau-ia-3", True), ("radau-iia-3", True), ("lobatto-iiic-3", True),
     ("lobatto-iiia-3", False), ("lobatto-iiib-3", False), ("trapezoid", False),
     ("rk4", False), ("backward-euler", True)],
)  # fmt: skip
def test_algebraic_stability_of_the_collocation_families(name: str, stable: bool) -> None:  # HW II, IV.12, Thm 12.9
    assert algebraically_stable(load(name)) is stable


# ------------------------------------------------------------------ low storage


@given(st.lists(st.tuples(rationals, nonzero), min_size=1, max_size=7))
@settings(max_examples=60)
def test_williamson_forms_are_recovered(pairs: list[tuple[Fraction, Fraction]]) -> None:
    pairs[0] = (Fraction(0), pairs[0][1])
    s, rows = len(pairs), [[Fraction(0)] * len(pairs)]
    W = [Fraction(0)] * s
    for i, (a, b) in enumerate(pairs):
        W = [a * w + (j == i) for j, w in enumerate(W)]
        rows.append([u + b * w for u, w in zip(rows[-1], W, strict=True)])
    scheme = RungeKutta(A=[row[:i] for i, row in enumerate(rows[:-1])], b=rows[-1])
    assume(reducible(scheme) is None)
    found = low_storage(scheme)
    assert found is not None
    assert (found.kind, found.registers) == ("williamson-2n", 2)
    assert list(zip(found.coefficients["A"], found.coefficients["B"], strict=True)) == pairs


@given(st.lists(st.tuples(rationals, rationals, nonzero), min_size=5, max_size=8))
@settings(max_examples=60)
def test_running_sums_are_found(data: list[tuple[Fraction, Fraction, Fraction]]) -> None:
    """V ← V + δU, U ← (1 − γ ΣV…)U + γV + βhf(U): two registers, whatever the numbers."""
    s = len(data)
    zero = [Fraction(0)] * s
    (u, U), (v, V), rows = (Fraction(1), zero), (Fraction(0), zero), [zero]
    for i, (delta, gamma, beta) in enumerate(data):
        v, V = v + delta * u, [y + delta * x for x, y in zip(U, V, strict=True)]
        own = 1 - gamma * v  # the state keeps weight 1 on y
        U = [own * x + gamma * y + beta * (j == i) for j, (x, y) in enumerate(zip(U, V, strict=True))]
        rows.append(U)
    scheme = RungeKutta(A=[row[:i] for i, row in enumerate(rows[:-1])], b=rows[-1])
    assume(reducible(scheme) is None)
    found = low_storage(scheme)
    assert found is not None
    assert found.registers == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [("williamson-3", "williamson-2n"), ("carpenter-kennedy-4", "williamson-2n"), ("wray-3", "2R"), ("ssprk-104", "2S"),
     ("ssprk-62", "2S"), ("kennedy-carpenter-lewis-43-3r-c", "3R"), ("parsani-ketcheson-deconinck-4-9", "3S*")],
)  # fmt: skip
def test_published_low_storage_methods(name: str, kind: str) -> None:
    found = low_storage(load(name))
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize("name", ["dormand-prince-54", "butcher-6", "gauss-2", "bdf-2"])
def test_methods_without_such_a_form(name: str) -> None:
    assert low_storage(load(name)) is None


# ------------------------------------------------------------------ the whole


def test_structure_of_other_families_is_silent() -> None:
    scheme = GeneralLinear(A=[["0"]], U=[["1"]], B=[["1"]], V=[["1"]])
    found = structure(scheme)
    assert (found.symplectic, found.symmetric, found.reducible, found.algebraically_stable) == (None,) * 4


def test_the_facts_of_a_table() -> None:
    assert stage_order(load("gauss-3")) == 3
    assert fsal(load("dormand-prince-54")) is True
    found = structure(load("rk4"))
    assert found.stiffly_accurate is False
    assert found.reducible is None
    assert found.invertible is None
