"""Error constants: published numbers, the same sums from Butcher's weights in plain fractions."""

from dataclasses import replace
from fractions import Fraction
from math import factorial, prod

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Max, Rational, S, sqrt

from tableau2net.analysis import order
from tableau2net.analysis.order import error_norms
from tableau2net.analysis.order.assumptions import simplifying
from tableau2net.analysis.order.error_constants import Errors, errors
from tableau2net.scheme import (
    AdditiveMultistep,
    AdditiveRungeKutta,
    Multistep,
    Parameter,
    PartitionedRungeKutta,
    RungeKutta,
    load,
)
from tests.reference import density, nested_trees
from tests.strategies import explicit_runge_kutta, multistep, rationals


def symmetry(tree):
    """σ: branches permuted among equal ones, and each in itself (HNW II.2)."""
    counts = [tree.count(branch) for branch in set(tree)]
    return prod(map(factorial, counts)) * prod(map(symmetry, tree))


def coefficients(scheme, order, weights):
    """(Φ − 1/γ)/σ for every tree, as Butcher's sums."""
    A = [[Fraction(int(a.p), int(a.q)) for a in row] for row in scheme.A]

    def stages(tree):
        inner = [[sum(a * w for a, w in zip(row, stages(branch), strict=True)) for row in A] for branch in tree]
        return [prod(column, start=Fraction(1)) for column in zip(*inner, strict=True)] or [Fraction(1)] * len(A)

    def phi(tree):
        return sum(Fraction(int(b.p), int(b.q)) * w for b, w in zip(weights, stages(tree), strict=True))

    return [(phi(tree) - Fraction(1, density(tree))) / symmetry(tree) for tree in nested_trees(order)]


def norm(values):
    total = sum(x * x for x in values)
    return sqrt(Rational(total.numerator, total.denominator))


def test_rk4_has_the_number_that_the_blueprint_prints():
    assert errors(load("rk4")).principal.euclidean == sqrt(1745) / 2880


@pytest.mark.parametrize(
    ("name", "printed"),
    [  # Prince & Dormand 1981; Hairer, Nørsett, Wanner I, II.5
        ("dormand-prince-54", {"principal": 3.99e-4, "second": 3.96e-3, "embedded": 1.18e-3, "B": 1.54, "C": 1.67}),
        ("bogacki-shampine-54", {"principal": 2.22e-5}),
    ],
)
def test_pairs_have_the_norms_that_were_published(name, printed):
    found = errors(load(name))
    for key, value in printed.items():
        assert float(getattr(found, key).euclidean) == pytest.approx(value, rel=5e-3)


def test_bogacki_shampine_has_the_exact_metrics_that_nodepy_documents():
    found = errors(load("bogacki-shampine-54"))
    assert found.principal.euclidean == 43 * sqrt(83011) / 558835200
    assert found.principal.largest == Rational(43, 3386880)
    assert found.second.euclidean == sqrt(29695176594765489880490334265) / 810521680634265600
    assert found.second.largest == Rational(1451, 15966720)
    assert found.embedded.euclidean == sqrt(870269901055795) / 277898765760
    assert found.embedded.largest == Rational(10147, 131580855)
    assert found.B.euclidean == sqrt(51577359825120524319571156056057595) / 219308015066060340
    assert found.B.largest == Rational(26201089, 40912704)
    assert found.C.euclidean == sqrt(5250600078722255566247933273951710555) / 2193080150660603400
    assert found.C.largest == Rational(305343067, 400035328)
    assert Rational(482048, 414219) == found.D
    assert found.E.euclidean == 5987277 * sqrt(72241974756542598745) / 243675572295622600
    assert found.E.largest == Rational(5987277, 36366848)


@settings(max_examples=40)
@given(st.data(), explicit_runge_kutta(max_stages=4, consistent=True))
def test_random_pairs_against_butchers_sums_in_fractions(data, scheme):
    scheme = replace(scheme, b_hat=tuple(Rational(data.draw(rationals)) for _ in scheme.b))
    found, p, q = errors(scheme), order(scheme), None
    exact = {n: coefficients(scheme, n, scheme.b) for n in range(1, 6)}
    hat = {n: coefficients(scheme, n, scheme.b_hat) for n in range(1, 6)}
    assert found.principal.euclidean == norm(exact[p + 1])
    assert found.principal.largest == Max(*map(Rational, map(abs, exact[p + 1])))
    assert found.second.euclidean == norm(exact[p + 2])
    q = next(n for n in hat if any(hat[n])) - 1
    assert found.embedded.euclidean == norm(hat[q + 1])
    assert found.B.euclidean == norm(hat[q + 2]) / norm(hat[q + 1])
    assert found.C.euclidean == norm([a - b for a, b in zip(hat[q + 2], exact[q + 2], strict=True)]) / norm(hat[q + 1])
    assert found.E.euclidean == norm(exact[q + 2]) / norm(hat[q + 1])
    assert max(map(abs, scheme.coefficients.values())) == found.D


def test_a_parameter_stays_in_the_norm_and_a_value_gives_the_members():
    a = Parameter("a", Rational(1, 2))
    family = RungeKutta(A=[[], ["a"]], b=["1 - 1/(2*a)", "1/(2*a)"], parameters=(a,))
    open_norm = errors(family).principal
    assert open_norm.largest is None
    for value in ("1/2", "2/3", "1", "-3"):
        member = family.with_values(a=value)
        point = {a.symbol: Rational(value)}
        assert open_norm.euclidean.subs(point) == errors(member).principal.euclidean


def test_in_a_number_field():
    found = errors(load("gauss-2"))
    exact = mpmath.mpf(0)
    for tree in nested_trees(5):
        weight = _float_weight(load("gauss-2"), tree) - mpmath.mpf(1) / density(tree)
        exact += (weight / symmetry(tree)) ** 2
    assert mpmath.almosteq(mpmath.sqrt(exact), mpmath.mpf(found.principal.euclidean.evalf(15)), 1e-12)


def _float_weight(scheme, tree):
    A = [[mpmath.mpf(a.evalf(15)) for a in row] for row in scheme.A]

    def stages(t):
        found = [mpmath.mpf(1)] * len(A)
        for branch in t:
            inner = stages(branch)
            found = [f * sum(a * w for a, w in zip(row, inner, strict=True)) for f, row in zip(found, A, strict=True)]
        return found

    return sum(mpmath.mpf(b.evalf(15)) * w for b, w in zip(scheme.b, stages(tree), strict=True))


def test_equal_parts_count_every_colouring_of_a_tree():
    """In f = f¹ + f² with equal tableaus a term splits into its colourings; for y' = f¹ alone nothing changes."""
    euler = load("euler")
    both = errors(AdditiveRungeKutta(parts=[euler, euler]))
    assert both.principal.euclidean == sqrt(4 * Rational(1, 4))  # four coloured trees with two nodes, each off by 1/2
    assert errors(euler).principal.euclidean == Rational(1, 2)


def test_a_partitioned_scheme_counts_the_trees_of_all_its_states():
    parts = [RungeKutta(A=[[1]], b=[1]), RungeKutta(A=[[0]], b=[1])]
    assert errors(PartitionedRungeKutta(parts=parts)).principal.euclidean == sqrt(4 * Rational(1, 4))
    separable = PartitionedRungeKutta(parts=parts, reads=[[2], [1]])  # f(t + h, y_2): off by 1/2 in t as well
    assert errors(separable).principal.euclidean == sqrt(4 * Rational(1, 4))
    parts = [RungeKutta(A=[[1]], b=[1], c=[0]), RungeKutta(A=[[0]], b=[1], c=[1])]
    timely = PartitionedRungeKutta(parts=parts, reads=[[2], [1]])
    assert errors(timely).principal.euclidean == sqrt(2 * Rational(1, 4))


def test_nodes_that_are_not_the_row_sums_count_the_trees_with_time():
    wrong = RungeKutta(A=[[], ["1/2"]], b=[0, 1], c=[0, 1])
    assert order(wrong) == 1
    assert errors(wrong).principal.euclidean == Rational(1, 2)  # ∂f/∂t at 1 instead of 1/2


@pytest.mark.parametrize("k", range(1, 7))
def test_adams_and_bdf_constants(k):
    """γ_k, γ*_k from their generating functions, and 1/(k + 1) (HNW III.1, III.2, table 2.1)."""
    g, star = [Fraction(1)], [Fraction(1)]
    for n in range(1, k + 2):  # γ_n + γ_(n−1)/2 + … = 1 and γ*_n + γ*_(n−1)/2 + … = 0
        g.append(1 - sum(g[n - i] / (i + 1) for i in range(1, n + 1)))
        star.append(-sum(star[n - i] / (i + 1) for i in range(1, n + 1)))
    assert errors(load(f"adams-bashforth-{k}")).error_constant == Rational(g[k])
    assert errors(load(f"adams-moulton-{k}")).error_constant == Rational(star[k + 1])
    bdf = errors(load(f"bdf-{k}"))
    assert bdf.error_constant == Rational(-1, k + 1)
    assert bdf.leading_coefficient == bdf.error_constant * sum(load(f"bdf-{k}").beta)


@given(multistep(explicit=False))
def test_random_multistep_constants_are_the_residual_of_a_power(scheme):
    """L(t^q) = Σ α_j j^q − q Σ β_j j^(q−1) is q! C_q, the first that is not 0."""
    found, p = errors(scheme), order(scheme)
    if p < 0:
        assert found == Errors()
        return
    q = p + 1
    value = sum(a * S(j) ** q for j, a in enumerate(scheme.alpha))
    value -= sum(q * b * S(j) ** (q - 1) for j, b in enumerate(scheme.beta))
    assert found.leading_coefficient == value / factorial(q) != 0
    assert found.principal is None
    if sum(scheme.beta):
        assert found.error_constant == found.leading_coefficient / sum(scheme.beta)
    else:
        assert found.error_constant is None


def test_second_derivatives_and_families():
    assert errors(Multistep(alpha=[1, -2, 1], beta=[0, 1, 0], derivative=2)).error_constant == Rational(1, 12)
    numerov = Multistep(alpha=[1, -2, 1], beta=["1/12", "5/6", "1/12"], derivative=2)
    assert errors(numerov).error_constant == Rational(-1, 240)
    k = load("lm").symbols["k"]
    assert errors(load("lm")).error_constant == k  # of order 0: it solves (1 + k) u' = f
    assert errors(load("lm-consistent")).error_constant is not None


def test_what_does_not_apply_is_none():
    imex = AdditiveMultistep(alpha=["1/3", "-4/3", 1], betas=[[0, 0, "2/3"], ["-2/3", "4/3", 0]])
    assert errors(imex) == Errors()
    assert errors(RungeKutta(A=[[0]], b=[2])).principal.euclidean == 1
    assert simplifying(imex) is None


def test_unwieldy_fractions_and_printed_decimals_give_floats_near_the_exact_number(monkeypatch):
    exact = errors(load("dormand-prince-54"))
    monkeypatch.setattr(error_norms, "LONGEST", 10)
    long = errors(replace(load("dormand-prince-54"), name="long"))
    monkeypatch.undo()
    table = {n: c.evalf(40) for n, c in load("dormand-prince-54").coefficients.items()}
    cut = {n: Rational(round(c * 10**30), 10**30) for n, c in table.items()}
    printed = errors(replace(load("dormand-prince-54").with_coefficients(cut), digits=30))
    for key in ("principal", "second", "embedded", "B", "C", "E"):
        for found in (long, printed):
            value = getattr(found, key)
            assert value.euclidean.is_Float
            assert float(value.euclidean) == pytest.approx(float(getattr(exact, key).euclidean), rel=1e-13)
            assert float(value.largest) == pytest.approx(float(getattr(exact, key).largest), rel=1e-13)


def test_of_long_methods_what_takes_too_many_trees_is_left_out():
    found = errors(load("hairer-10"))
    assert found.principal is not None
    assert found.second is None
