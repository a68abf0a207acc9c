"""What signs say of a stencil, against sampled symbols and against steps of the periodic matrix."""

import numpy as np
import pytest
from hypothesis import given
from sympy import QQ, Poly, Rational, sqrt

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.space.cosines import largest, never_negative, roots_between
from tableau2net.analysis.space.damping import (
    barrier,
    damped,
    damps_nothing,
    dissipative,
    equation_signs,
    euler_limit,
    monotone,
    positive_sign,
    positivity_limit,
)
from tableau2net.analysis.space.moments import space_order
from tableau2net.analysis.space.symbol import sampled
from tableau2net.exact.polynomials import X
from tableau2net.scheme import Parameter, Stencil, load
from tests.drawn_stencils import explicit_stencils, few, line_stencils, product_of

ANGLES = np.linspace(0, np.pi, 400)
BACKWARD = Stencil(1, [-1, 1], [-1, 0])
SECOND = Stencil(2, [1, -2, 1], [-1, 0, 1])
FOURTH = Stencil(4, [1, -4, 6, -4, 1], range(-2, 3))
CENTRAL = load("central-1-4", Stencil)


@given(line_stencils)
@few
def test_the_damped_signs_are_those_of_the_sampled_real_part(stencil):
    with np.errstate(divide="ignore", invalid="ignore"):
        real = sampled(stencil, ANGLES).real
    real = real[np.isfinite(real) & (np.abs(real) < 1e8)]
    expected = tuple(s for s in equation_signs(stencil) if (s * real <= 1e-9).all())
    assert set(damped(stencil)) <= set(expected)
    for sign in set(expected) - set(damped(stencil)):  # positive between two samples only
        assert (sign * real).max() > -1e-3


@given(explicit_stencils())
@few
def test_an_euler_step_at_the_limit_makes_no_new_extremum(stencil):
    """The matrix I + νσD has no negative entry at the limit, and has one beyond it."""
    limit = euler_limit(stencil)
    if limit is None or not limit.is_finite:
        return
    sign, n = positive_sign(stencil), 24
    matrix = np.zeros((n, n))
    for (j,), w in stencil.points.items():
        matrix += sign * float(w) * np.roll(np.eye(n), j, axis=1)
    assert (np.eye(n) + float(limit) * matrix).min() >= -1e-12
    assert (np.eye(n) + 1.001 * float(limit) * matrix).min() < 0


@given(explicit_stencils())
@few
def test_godunovs_barrier(stencil):
    if sum(stencil.orders) and monotone(stencil):
        assert space_order(stencil).order <= barrier(stencil)


def test_which_equation_is_damped():
    assert damped(BACKWARD) == (-1,)
    assert damped(SECOND) == (1,)
    assert damped(FOURTH) == (-1,)
    assert damped(CENTRAL) == (1, -1)
    assert [damps_nothing(s) for s in (BACKWARD, SECOND, CENTRAL)] == [False, False, True]
    assert dissipative(Stencil(2, [-1, 2, -1], [-1, 0, 1])) is False
    assert dissipative(Stencil(0, ["1/4", "1/2", "1/4"], [-1, 0, 1])) is None
    upwind = load("upwind-3", Stencil)
    assert (damped(upwind), monotone(upwind), barrier(upwind)) == ((-1,), False, 1)


def test_positivity_is_the_ssp_coefficient_times_that_of_euler():
    assert [euler_limit(s) for s in (BACKWARD, SECOND, FOURTH, CENTRAL)] == [1, Rational(1, 2), None, None]
    assert positivity_limit(load("ssprk-104"), SECOND) == 3
    assert positivity_limit(load("rk4"), SECOND) == 0
    assert positivity_limit(load("ssprk-33"), CENTRAL) is None


def test_a_parameter_is_set_to_its_declared_value():
    k = Parameter("k", "1")
    upwinded = Stencil(1, ["-1/2 - k/2", "k", "1/2 - k/2"], [-1, 0, 1], parameters=[k])
    assert (damped(upwinded), euler_limit(upwinded)) == ((-1,), 1)


def test_decimals_damp_as_far_as_they_were_printed():
    printed = Stencil(2, ["-0.08333", "1.33333", "-2.50000", "1.33333", "-0.08333"], range(-2, 3), digits=5)
    assert damped(printed) == (1,)
    high = Stencil(2, ["-0.0833", "1.3334", "-2.5000", "1.3334", "-0.0833"], range(-2, 3))  # Re ŝ(0) = 2e-4
    assert damped(high) == ()


def test_several_axes():
    x = Stencil(0, [1], [0])
    assert damped(product_of([SECOND, x])) == (1,)
    assert damped(product_of([SECOND, Stencil(0, ["1/12", "5/6", "1/12"], [-1, 0, 1])])) == (1,)
    assert damped(product_of([x, BACKWARD])) == (-1,)
    assert damped(product_of([CENTRAL, x])) == (1, -1)
    assert dissipative(product_of([CENTRAL, CENTRAL])) is None
    laplacian = Stencil([[2, 0], [0, 2]], [[0, 1, 0], [1, -4, 1], [0, 1, 0]], centre=(1, 1))
    assert (damped(laplacian), euler_limit(laplacian)) == ((1,), Rational(1, 4))
    nine = Stencil(
        [[2, 0], [0, 2]], [["1/6", "2/3", "1/6"], ["2/3", "-10/3", "2/3"], ["1/6", "2/3", "1/6"]], centre=(1, 1)
    )
    assert (damped(nine), monotone(nine)) == ((1,), True)
    crossed = Stencil([[2, 0], [0, 2]], [["1/2", 0, "1/2"], [0, -2, 0], ["1/2", 0, "1/2"]], centre=(1, 1))
    assert damped(crossed) == (1,)  # 2 (xy − 1), 0 at the checkerboard
    wrong = Stencil([[2, 0], [0, 2]], [[1, -1, 1], [-1, 0, -1], [1, -1, 1]], centre=(1, 1))
    assert damped(wrong) == ()
    mixed = Stencil((1, 0), [["-1/2", "-1"], ["1/2", "1"]], centre=(0, 0))
    with pytest.raises(TooMuch, match="products of sines"):
        damped(mixed)


def test_signs_and_roots_on_the_interval():
    p = Poly((X - 1) * (X + 1) * (X**2 - 2) * (2 * X - 1) * (2 * X**2 - 1), X, domain=QQ)
    assert [root.expression() for root in roots_between(p)] == [-sqrt(2) / 2, Rational(1, 2), sqrt(2) / 2]
    assert never_negative(Poly(1 - X, X, domain=QQ))
    assert never_negative(Poly((2 * X - 1) ** 2, X, domain=QQ))
    assert not never_negative(Poly(X, X, domain=QQ))
    field = QQ.algebraic_field(sqrt(2))
    moved = Poly(X**2 - 2 * sqrt(2) * X + 2, X, domain=field) + Poly(Rational(1, 100), X, domain=field)
    assert never_negative(moved)
    assert not never_negative(Poly(X - sqrt(2) / 2, X, domain=field))


@pytest.mark.parametrize(
    ("above", "below", "most"),
    [
        (1 - X, 1 + 0 * X, 2),
        (X - X**3, 1 + 0 * X, 2 * sqrt(3) / 9),
        (1 + 0 * X, X**2 + 1, 1),
        (1 - X**2, (1 + X / 2) ** 2, Rational(4, 3)),
        ((1 - X) ** 2, 1 - X, 2),
        (1 + 0 * X, X**2, None),
    ],
)
def test_the_largest_value_of_a_quotient(above, below, most):
    found = largest(Poly(above, X, domain=QQ), Poly(below, X, domain=QQ))
    assert (found and found.expression()) == most
