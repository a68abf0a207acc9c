"""The endless families of tables in space, each by another route: sympy's weights, polynomials, quadrature."""

from fractions import Fraction
from itertools import product
from math import perm, sin

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

import tableau2net as t2n
from tableau2net.analysis import check
from tableau2net.scheme import Stencil
from tableau2net.scheme.constructed.compact import balanced
from tableau2net.scheme.constructed.dispersion_preserving import nearest
from tableau2net.scheme.constructed.pattern import PATTERNS
from tableau2net.scheme.constructed.weno import linear_weights, smoothness


@pytest.mark.parametrize(
    ("name", "derivative", "offsets"),
    [
        *[(f"forward-{m}-{p}", m, range(m + p)) for m in (1, 2, 3) for p in (1, 2, 5)],
        *[(f"backward-{m}-{p}", m, range(1 - m - p, 1)) for m in (1, 2, 4) for p in (1, 3, 4)],
        ("lagrange-1-2-1", 1, range(-2, 2)),
        ("lagrange-3-1-5", 3, range(-1, 6)),
        ("upwind-1", 1, (-1, 0)),
        ("upwind-2", 1, (-2, -1, 0)),
        ("upwind-5", 1, range(-3, 3)),
        ("upwind-20", 1, range(-11, 10)),
    ],
)
def test_weights_of_interpolants_are_those_of_sympy(name, derivative, offsets):
    stencil = t2n.load(name, Stencil)
    wanted = sympy.finite_diff_weights(derivative, list(offsets), 0)[derivative][-1]
    assert stencil.points == {(j,): w for j, w in zip(offsets, wanted, strict=True) if w}


def rational(points):
    return {j: Fraction(int(w.p), int(w.q)) for (j,), w in points.items()}


def misses(stencil, k):
    """What the formula makes of x^k, less what it should: at the point 0."""
    w, a, m = rational(stencil.points), rational(stencil.left_points), stencil.orders[0]
    power = max(k - m, 0)
    return sum(x * j**k for j, x in w.items()) - sum(x * perm(k, m) * j**power for j, x in a.items())


def order(stencil):
    return next(k for k in range(60) if misses(stencil, k)) - stencil.orders[0]


@pytest.mark.parametrize("derivative", range(1, 5))
@pytest.mark.parametrize("p", range(4, 17, 2))
def test_a_compact_formula_is_exact_for_polynomials_to_its_order(derivative, p):
    stencil = t2n.load(f"compact-{derivative}-{p}", Stencil)
    assert order(stencil) == p
    assert len(stencil.left_points) == 2 * (p // 4) + 1


@pytest.mark.parametrize(
    ("name", "alpha", "beta", "a", "b", "c"),
    [  # Lele 1992, (2.1.6) to (2.1.14) and (2.2.6) to (2.2.10)
        ("compact-1-6", "1/3", "0", "14/9", "1/9", "0"),
        ("compact-1-8", "4/9", "1/36", "40/27", "25/54", "0"),
        ("compact-1-10", "1/2", "1/20", "17/12", "101/150", "1/100"),
        ("compact-2-6", "2/11", "0", "12/11", "3/11", "0"),
        ("compact-2-8", "344/1179", "23/2358", "320/393", "310/393", "0"),
        ("compact-2-10", "334/899", "43/1798", "1065/1798", "1038/899", "79/1798"),
    ],
)
def test_compact_formulas_are_those_of_lele(name, alpha, beta, a, b, c):
    stencil = t2n.load(name, Stencil)
    m = stencil.orders[0]
    left, right = rational(stencil.left_points), rational(stencil.points)
    assert [left.get(j, 0) for j in (1, 2)] == [Fraction(alpha), Fraction(beta)]
    assert [right.get(j, 0) * (2 * j if m == 1 else j * j) for j in (1, 2, 3)] == list(map(Fraction, (a, b, c)))


def test_neighbours_may_be_shared_out_otherwise():
    assert order(balanced(1, 1, 3)) == 8  # Lele's tridiagonal formula of order 8
    assert order(balanced(2, 0, 3)) == 6


VALUES = st.fractions(-2, 2, max_denominator=9)


@settings(max_examples=16)
@given(st.sampled_from([2, 4, 6, 8]), st.tuples(VALUES, VALUES, VALUES), st.integers(0, 3))
def test_operators_sum_by_parts_and_differentiate_polynomials_whatever_their_parameters(p, values, more):
    """As matrices of fractions on a grid: H D + (H D)ᵀ, and D x^k, and by the norm the integral of x^k."""
    family = t2n.load(f"sbp-{p}-{p // 2}", Stencil)
    stencil = family.with_values(**{q.name: str(v) for q, v in zip(family.parameters, values, strict=False)})
    rows = [[Fraction(int(w.p), int(w.q)) for w in row.weights] for row in stencil.boundary]
    inside, r = rational(stencil.points), len(rows)
    n = 3 * p + 2 + more
    D = np.full((n, n), Fraction(0))
    for i in range(r, n - r):
        for j, w in inside.items():
            D[i, i + j] = w
    for i, row in enumerate(rows):
        D[i, : len(row)] = row
        D[n - 1 - i, n - len(row) :] = [-w for w in reversed(row)]
    norm = [Fraction(int(h.p), int(h.q)) for h in stencil.norm]
    H = np.array([*norm, *[Fraction(1)] * (n - 2 * r), *reversed(norm)])
    Q = H[:, None] * D
    boundary = np.diag([Fraction(-1), *[Fraction(0)] * (n - 2), Fraction(1)])
    assert (boundary == Q + Q.T).all()
    x = np.array([Fraction(i) for i in range(n)])
    for k in range(p // 2 + 1):
        assert (D @ x**k == k * x ** max(k - 1, 0)).all()
    assert ((D @ x ** (p // 2 + 1))[:r] != (p // 2 + 1) * x[:r] ** (p // 2)).any()
    for k in range(p):
        assert H @ x**k == Fraction((n - 1) ** (k + 1), k + 1)
    assert all(h > 0 for h in norm)


def test_parameters_of_sbp_begin_where_mattsson_and_nordstrom_are():
    """The first row of their order 6 and the fifth of their order 8, as they are printed."""
    first = t2n.load("sbp-6-3", Stencil).at_defaults().boundary[0].weights
    printed = "-21600/13649 104009/54596 30443/81894 -33311/27298 16863/27298 -15025/163788"
    assert list(map(str, first)) == printed.split()
    fifth = t2n.load("sbp-8-4", Stencil).at_defaults().boundary[5].weights
    printed = "13668119/8660148 -850651/103097 35518713/2061940 -21696041/1237164 9098183/1237164 0 -231661/412388"
    assert list(map(str, fifth)) == [*printed.split(), "7120007/43300740", "3072/103097", "-288/103097"]


def spread(a, eta):
    """∫_0^η (κ − 2 Σ a_j sin jκ)² dκ, by quadrature."""
    return quad(lambda x: (x - 2 * sum(w * sin(j * x) for j, w in enumerate(a, 1))) ** 2, 0, eta, epsabs=1e-14)[0]


@pytest.mark.parametrize(
    ("eta", "printed", "decimals"),
    [
        (np.pi / 2, [0.79926643, -0.18941314, 0.02651995], 8),  # Tam and Webb 1993
        (1.1, [0.77088238051822552, -0.166705904414580469, 0.02084314277031176], 13),  # Tam and Shen 1993
    ],
)
def test_waves_are_kept_best_by_the_printed_weights(eta, printed, decimals):
    a = [float(x) for x in nearest(3, 4, eta)]
    assert np.allclose(a, printed, rtol=0, atol=10.0**-decimals)
    least = spread(a, eta)
    for step in (1e-3, -1e-3):  # along the weights that keep order 4
        moved = [x + step * y for x, y in zip(a, [5, -4, 1], strict=True)]
        assert spread(moved, eta) > least + 1e-9


@pytest.mark.parametrize(("points", "p"), [(7, 4), (9, 4), (9, 6), (13, 4)])
def test_dispersion_preserving_weights_have_their_order_to_their_digits(points, p):
    stencil = t2n.load(f"drp-{points}-{p}", Stencil)
    for k in range(p + 1):
        assert abs(misses(stencil, k)) < Fraction(1, 10**stencil.digits)
    assert abs(misses(stencil, p + 1)) > Fraction(1, 1000)
    assert stencil.points == {(-j,): -w for (j,), w in stencil.points.items()}


@pytest.mark.parametrize("p", [3, 5, 7, 9])
def test_candidates_of_weno_make_up_the_upwind_difference(p):
    total = {}
    for d, k in zip(linear_weights(p), range((p + 1) // 2), strict=True):
        stencil = t2n.load(f"weno-{p}-{k}", Stencil)
        assert order(stencil) == (p + 1) // 2
        for j, w in rational(stencil.points).items():
            total[j] = total.get(j, 0) + d * w
    assert {j: w for j, w in total.items() if w} == rational(t2n.load(f"upwind-{p}", Stencil).points)


def test_smoothness_of_weno_is_that_of_jiang_and_shu():
    """(3.2) to (3.4): 13/12 (second difference)² + 1/4 (first difference)², and the linear weights 1/10, 6/10, 3/10."""
    assert linear_weights(5) == [Fraction(1, 10), Fraction(6, 10), Fraction(3, 10)]
    for k, first in enumerate([(1, -4, 3), (1, 0, -1), (3, -4, 1)]):
        for i, j in product(range(3), repeat=2):
            second = (1, -2, 1)
            wanted = Fraction(13, 12) * second[i] * second[j] + Fraction(1, 4) * first[i] * first[j]
            assert smoothness(5, k)[i][j] == wanted


@given(st.sampled_from([3, 5]), st.integers(0, 4), st.integers(0, 4))
def test_moments_of_pde_nets_kernels_are_one_and_otherwise_none(n, a, b):
    """By their own formula, V⁻¹ M V⁻ᵀ."""
    if not 0 < a + b < n:
        return
    V = sympy.Matrix(n, n, lambda i, j: sympy.Integer(j - n // 2) ** i / sympy.factorial(i))
    M = sympy.zeros(n, n)
    M[a, b] = 1
    wanted = V.inv() * M * V.inv().T
    assert sympy.Matrix(t2n.load(f"pde-net-{n}-{a}-{b}", Stencil).weights) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("pattern", [p for p in PATTERNS.values() if p.kind == "stencil"], ids=lambda p: p.pattern)
def test_what_is_claimed_of_a_family_is_found_of_its_members(pattern):
    """Of those that are listed, and of some of the largest."""
    for number in [*pattern.shown, *pattern.members[-3:]]:
        member = pattern.member(number)
        outcome = check(member)
        assert outcome.ok, [str(claim) for claim in outcome.claims]
        assert member.symbols.keys() == set(pattern.said(number)[2])
