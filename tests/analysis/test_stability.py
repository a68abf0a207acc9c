"""Zero-stability in exact arithmetic, against roots in floating point and the theorems on BDF."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Poly, Rational, Symbol, sqrt

from tableau2net.analysis import effective_step, stage_order, zero_stable
from tableau2net.analysis.stability import root_condition
from tableau2net.scheme import Multistep, load

Z = Symbol("z")
tenths = st.integers(-19, 19).map(lambda n: Rational(n, 10))
FACTORS = st.one_of(
    st.integers(-9, 9).map(lambda n: Z - Rational(n, 10)),
    st.tuples(tenths, st.integers(1, 9)).map(lambda v: Z**2 - v[0] * Z + Rational(v[1], 10)),
    tenths.map(lambda c: Z**2 - c * Z + 1),  # a pair on the circle
    st.sampled_from([Z - 1, Z + 1, Z**2 + 1, Z**2 + Z + 1, Z - Rational(11, 10), Z**2 - Rational(5, 2) * Z + 1]),
)


@given(st.lists(FACTORS, min_size=1, max_size=4))
def test_products_of_factors_with_known_roots(factors):
    roots = [r for f in factors for r in np.roots([float(c) for c in Poly(f, Z).all_coeffs()])]
    on_circle = [r for r in roots if abs(abs(r) - 1) < 1e-9]
    # factors are coprime or equal, so roots of different factors are far apart or the same
    double = any(abs(a - b) < 1e-7 for i, a in enumerate(on_circle) for b in on_circle[:i])
    expected = all(abs(r) < 1 + 1e-9 for r in roots) and not double
    product = Poly(1, Z, domain="QQ")
    for factor in factors:
        product *= Poly(factor, Z, domain="QQ")
    assert root_condition(product) == expected


def test_bdf_is_zero_stable_exactly_to_six_steps():  # Cryer 1972; HNW I, III.3, Theorem 3.4
    assert [k for k in range(1, 13) if zero_stable(load(f"bdf-{k}"))] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("family", ["adams-bashforth", "adams-moulton", "nystrom"])
def test_adams_and_nystrom_always_are(family):
    assert all(zero_stable(load(f"{family}-{k}")) for k in (2, 3, 5, 9))


@pytest.mark.parametrize(("k", "stable"), [("-1", False), ("-99/100", True), ("0", True), ("1/2", True), ("1", True)])
def test_lm_is_zero_stable_for_k_above_minus_one_up_to_one(k, stable):
    assert zero_stable(load("lm").with_values(k=k)) == stable


def test_a_double_root_on_the_circle_is_not_stable():
    assert not zero_stable(Multistep(alpha=["1", "-2", "1"], beta=["0", "1", "0"]))
    assert not zero_stable(Multistep(alpha=["1", "0", "2", "0", "1"], beta=["1"] * 5))


def test_radicals_are_decided_exactly():
    root2 = sqrt(2)
    on_circle = Multistep(alpha=[1, -root2, 1], beta=[0, 1, 0])  # roots e^{±iπ/4}
    assert zero_stable(on_circle)
    just_outside = Multistep(alpha=[1 + Rational(1, 10**30), -root2, 1], beta=[0, 1, 0])
    assert not zero_stable(just_outside)
    product = Multistep(alpha=[root2 / 2, -1 - root2 / 2, 1], beta=[0, 1, 0])  # (z − 1)(z − √2/2)
    assert zero_stable(product)


def test_effective_step():
    assert str(effective_step(load("lm"))) == "1/(k + 1)"
    assert effective_step(load("adamnet-3")) == 1
    assert effective_step(load("rk4")) is None
    assert effective_step(Multistep(alpha=["1", "1"], beta=["1", "0"])) is None


@pytest.mark.parametrize(
    ("name", "q"),
    [("gauss-3", 3), ("radau-ia-3", 2), ("radau-iia-3", 3), ("lobatto-iiia-3", 3), ("lobatto-iiic-3", 2), ("rk4", 1)],
)
def test_stage_order_of_the_collocation_families(name, q):  # HW II, Table IV.5.13
    assert stage_order(load(name)) == q
