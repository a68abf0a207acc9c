"""Von Neumann limits on several axes against those of waves along one line of angles, which they cannot exceed."""

from math import isinf

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from sympy import Rational, oo

import tableau2net as t2n
from tableau2net.analysis import limit_of_terms
from tableau2net.scheme import Parameter, Stencil
from tests.waves import function, symbol

SCHEMES = ("euler", "rk2", "rk3", "rk4", "backward-euler", "trapezoid", "adams-bashforth-2", "bdf-4")
STENCILS = ("upwind-1", "upwind-2", "upwind-3", "central-1-2", "central-1-4", "central-2-2", "compact-2-4")
COEFFICIENTS = [Rational(p, q) for p in (-2, -1, 1, 3) for q in (1, 2, 5)]


def test_what_grows_along_one_axis_grows():
    """Floats see the growth of long waves, by ν⁴θ⁴/8, too late: 0.0646, 0.00205, 0.0053 and 1.4e-5 here."""
    assert t2n.cfl("rk2", "upwind-5", dimension=2).limit == 0
    assert t2n.cfl("euler", "upwind-2", dimension=2).limit == 0
    for scheme, sign in (("rk2", -1), ("euler", 1)):
        found = limit_of_terms(scheme, [(-1, t2n.load("upwind-1"), "1/2", 0), (sign, t2n.load("central-1-2"), 1, 1)])
        assert (found.limit, found.kind) == (0, "exact")
        assert "proved" in found.verdict


def test_what_couples_axes_is_bounded_along_them():
    """Waves constant along one axis see no mixed difference, and grow on the imaginary axis."""
    first = Stencil((1, 0), [[0, "-1/2", 0], [0, 0, 0], [0, "1/2", 0]], centre=(1, 1))
    mixed = Stencil((2, 2), [[1, -2, 1], [-2, 4, -2], [1, -2, 1]], centre=(1, 1))
    assert limit_of_terms("rk2", [(-1, first), (-1, mixed)]).limit == 0


def test_all_values_of_parameters_where_the_stability_function_has_none():
    assert t2n.cfl("rk2", "upwind-2").verdict.endswith("right beyond")  # 1 + z + z²/2 for every alpha
    theta = t2n.RungeKutta([[0, 0], ["1 - q", "q"]], ["1 - q", "q"], parameters=[Parameter("q", Rational(1, 4))])
    assert t2n.cfl(theta, "central-2-2").kind == "declared values"
    assert t2n.cfl(theta, "central-2-2").limit == 1  # 2/(1 − 2q) over 4


@pytest.mark.parametrize("terms", [[(1, "upwind-3", 0)], [(1, "upwind-3", 0), (-1, "upwind-1", 1)]])
def test_what_does_not_see_the_field_lets_nothing_grow(terms):
    terms = [(c, t2n.load(name), 1, axis) for c, name, axis in terms]
    for scheme in (t2n.RungeKutta([[0]], [0]), t2n.Multistep([-1, 0, 1], [0, 0, 0])):
        assert limit_of_terms(scheme, terms).limit == oo


def grows(scheme, terms, step):
    """The most by which waves of a grid of angles grow beyond 1, one-step schemes; along the axes and diagonals too."""
    theta = np.linspace(-np.pi, np.pi, 97)
    z = sum(
        float(c) / float(Rational(h)) ** s.orders[0] * symbol(s, theta[:, None] if axis == 0 else theta[None, :])
        for c, s, h, axis in terms
    )
    return np.abs(function(t2n.load(scheme), step * z)).max() - 1


def check(scheme, terms):
    try:
        whole = limit_of_terms(scheme, terms)
        alone = [limit_of_terms(scheme, [t for t in terms if t[3] == axis]) for axis in {t[3] for t in terms}]
    except t2n.InputError:
        event("not decided")
        return
    event("zero" if not whole.limit else "infinite" if isinf(float(whole)) else "between")
    rounded = 1 + 1e-9 * (whole.kind == "sampled")  # a float, of ten digits
    assert all(float(whole) <= float(one) * rounded for one in alone), (whole, alone)
    assert all(whole.enclosure[0] <= one.enclosure[1] for one in alone)
    if any(not one.limit for one in alone):
        assert (whole.limit, whole.kind in ("exact", "declared values")) == (0, True)


def problems(schemes=SCHEMES):
    term = st.tuples(
        st.sampled_from(COEFFICIENTS), st.sampled_from(STENCILS).map(t2n.load), st.sampled_from(["1", "1/2"])
    )
    terms = st.lists(term, min_size=2, max_size=3).map(lambda ts: [(*t, min(k, 1)) for k, t in enumerate(ts)])
    return st.tuples(st.sampled_from(schemes), terms)


@settings(max_examples=5, deadline=None)
@given(problems(("euler", "rk2", "rk4")))
def test_no_limit_is_above_that_of_one_axis(problem):
    check(*problem)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(problems())
def test_no_limit_is_above_that_of_one_axis_of_any_scheme(problem):
    check(*problem)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["rk4", "rk3"])
def test_beyond_the_diagonal_waves_grow(scheme):
    """The bound of the diagonal is the limit, where axes are alike: half that of one axis."""
    found = t2n.cfl(scheme, "upwind-3", dimension=2)
    low, high = map(float, found.enclosure)
    one = float(t2n.cfl(scheme, "upwind-3"))
    assert low <= one / 2 <= high * (1 + 1e-15)
    terms = [(-1, t2n.load("upwind-3"), 1, axis) for axis in (0, 1)]
    assert grows(scheme, terms, high * 1.01) > 0
    assert grows(scheme, terms, low) < 1e-9
