"""The order of a stencil by independent routes: the measured slope of the error on an exponential, exactness on
polynomials, Fornberg's weights, and stencils that must agree."""

from dataclasses import replace

import mpmath
import pytest
from hypothesis import assume, given
from sympy import Poly, Rational, S, Symbol, prod, sqrt

from tableau2net.analysis.space.moments import boundary_orders, leading_error, moments, space_order
from tableau2net.errors import InputError
from tableau2net.scheme import BoundaryRow, Parameter, Side, Stencil
from tests.drawn_stencils import explicit_stencils, few, interpolating_stencils, line_stencils, stencils

CENTRAL = Stencil(1, ["1/12", "-2/3", 0, "2/3", "-1/12"], [-2, -1, 0, 1, 2], name="central")
PADE = Stencil(1, ["-3/4", 0, "3/4"], [-1, 0, 1], left=Side([-1, 0, 1], ["1/4", 1, "1/4"]))
WAVE = (mpmath.mpf("0.7"), mpmath.mpf("1.1"), mpmath.mpf("-0.9"))  # of no special direction


def error(stencil, h):
    """Of D on e^{ik·x} against ∂^o of it, at x = 0, by the definition of D."""
    wave = WAVE[: stencil.dimension]

    def total(points):
        return sum(
            mpmath.mpf(w.p) / w.q * mpmath.exp(1j * h * sum(k * j for k, j in zip(wave, at, strict=True)))
            for at, w in points.items()
        )

    exact = mpmath.fprod((1j * k) ** m for k, m in zip(wave, stencil.orders, strict=True))
    return total(stencil.points) / total(stencil.left_points) / h ** sum(stencil.orders) - exact


@given(stencils)
@few
def test_the_error_on_a_wave_has_the_slope_and_the_factor_that_are_told(stencil):
    found, k = space_order(stencil), WAVE[: stencil.dimension]
    assume(found.complete)  # all but the identity
    factor = sum(
        mpmath.mpf(c.p) / c.q * mpmath.fprod((1j * x) ** n for x, n in zip(k, at, strict=True))
        for at, c in leading_error(stencil).items()
    )
    with mpmath.workdps(250):
        h = mpmath.mpf(2) ** -40
        assert abs(error(stencil, h) / h**found.order / factor - 1) < 1e-6


@given(line_stencils)
@few
def test_polynomials_are_differentiated_exactly_below_the_degree_that_fails(stencil):
    x, (m,) = Symbol("x"), stencil.orders
    found = space_order(stencil)
    degree = found.order + m
    for n in range(degree + 1):
        p = Poly((x + Rational(1, 3)) ** n, x)
        above = sum(w * p.eval(j) for (j,), w in stencil.points.items())
        below = sum(a * p.diff((x, m)).eval(j) for (j,), a in stencil.left_points.items())
        assert (above == below) == (n < degree or not found.complete)


@given(interpolating_stencils())
@few
def test_interpolation_on_n_points_is_of_order_n_minus_m_or_one_more(stencil):
    missing = len(stencil.weights) - stencil.orders[0]
    assert space_order(stencil).order in (missing, missing + 1)


@given(stencils)
@few
def test_a_mirrored_stencil_is_of_the_same_order(stencil):
    """w_j → (−1)^|o| w_−j, so M_k → (−1)^(|o| + k) M_k."""
    found, mirrored = space_order(stencil), space_order(mirror(stencil))
    sign = (-1) ** (found.order % 2)
    assert {r.index: sign * r.value for r in found.failing} == {r.index: r.value for r in mirrored.failing}


def mirror(stencil):
    sign = (-1) ** sum(stencil.orders)

    def turned(grid):
        return tuple(map(turned, grid[::-1])) if isinstance(grid, tuple) else sign * grid

    if stencil.dimension > 1:
        shape, grid = [], stencil.weights
        while isinstance(grid, tuple):
            shape, grid = [*shape, len(grid)], grid[0]
        centre = [n - 1 - c for n, c in zip(shape, stencil.centre, strict=True)]
        return replace(stencil, weights=turned(stencil.weights), centre=centre)
    left = stencil.left and Side([-j for j in stencil.left.offsets], stencil.left.weights)
    return replace(
        stencil, weights=[sign * w for w in stencil.weights], offsets=[-j for j in stencil.offsets], left=left
    )


@given(explicit_stencils())
@few
def test_shifted_moments_follow_from_those_about_the_point_itself(stencil):
    """Σ w_j (j + s)^k/k! = Σ_i M_i s^(k−i)/(k−i)!, by the binomial theorem."""
    moved = replace(stencil, offsets=[j + 2 for j in stencil.offsets])
    known, found = moments(stencil, 6), moments(moved, 6)
    for k in range(7):
        assert found[(k,)] == sum(known[(i,)] * S(2) ** (k - i) / prod(range(1, k - i + 1)) for i in range(k + 1))


@given(interpolating_stencils())
@few
def test_decimals_hold_as_far_as_they_go(stencil):
    exact = space_order(stencil)
    printed = replace(stencil, weights=[Rational(str(round(w, 12))) for w in map(Rational, stencil.weights)], digits=12)
    found = space_order(printed)
    assert found.kind == "decimal"
    assert found.order == exact.order
    assert abs(found.failing[0].value - exact.failing[0].value) < 1e-5


def test_a_digit_that_is_wrong_is_seen():
    right = Stencil(1, ["0.0833", "-0.6667", 0, "0.6667", "-0.0833"], range(-2, 3), digits=4)
    wrong = replace(right, weights=("0.0833", "-0.6667", 0, "0.6657", "-0.0833"))
    assert (space_order(right).order, space_order(wrong).order) == (4, -1)
    assert str(space_order(wrong).failing[0]) == "M_0 = -0.001, should be 0"


def test_parameters_stay_open():
    c = Parameter("c", "1/4")
    family = Stencil(1, ["c - 1", "1 - 2*c", "c"], [-1, 0, 1], parameters=[c])
    found = space_order(family)
    assert (found.order, found.kind) == (1, "all parameters")
    assert str(found.failing[0]) == "M_2 = c - 1/2, should be 0"
    assert space_order(family.with_values(c="1/2")).order == 2


def test_what_fails_is_told():
    assert str(space_order(CENTRAL).failing[0]) == "M_5 = -1/30, should be 0"
    assert str(space_order(PADE).failing[0]) == "M_5 = 1/80, should be 1/48"
    assert leading_error(PADE) == {(5,): Rational(-1, 180)}  # Lele 1992, eq. 2.1.6 at α = 1/4: 4/5! (3α − 1)/(1 + 2α)
    square = Stencil(
        (2, 0), [["1/12", "5/6", "1/12"], ["-1/6", "-5/3", "-1/6"], ["1/12", "5/6", "1/12"]], centre=(1, 1)
    )
    assert list(map(str, space_order(square).failing)) == ["M_(4,0) = 1/12, should be 0", "M_(2,2) = 1/12, should be 0"]


def test_roots_are_computed_with_exactly():
    r = sqrt(2)
    found = space_order(Stencil(1, [-r / 2 + (r - 1) / 2, 0, "1/2"], [-1, 0, 1]))
    assert (found.order, found.failing[0].index) == (2, (3,))


def test_rows_at_a_boundary_have_orders_about_their_own_nodes():
    rows = (BoundaryRow([-1, 1]), BoundaryRow(["-1/2", 0, "1/2"]), BoundaryRow([0, 0, "-1", "1"]))
    bounded = Stencil(1, ["-1/2", 0, "1/2"], [-1, 0, 1], boundary=rows, norm=["1/2"])
    assert [found.order for found in boundary_orders(bounded)] == [1, 2, 1]
    assert str(boundary_orders(bounded)[2].failing[0]) == "M_2 of row 2 = 1/2, should be 0"


def test_only_the_identity_is_of_every_order():
    found = space_order(Stencil(0, [0, "1/3"], [1, 0], left=Side([0], ["1/3"])))
    assert (found.complete, found.failing) == (False, ())
    assert found.order > 0


def test_a_left_side_without_a_mean_has_no_order():
    with pytest.raises(InputError, match="left: the weights sum to 0"):
        space_order(Stencil(1, [-1, 1], [0, 1], left=Side([0, 1], [1, -1])))


def test_the_order_of_a_sum_of_derivatives_is_that_of_polynomials():
    """Laplacians: which moments end the order, and that Mehrstellen's error is h²/12 Δ²u."""
    family = Stencil(
        [[2, 0], [0, 2]],
        [["g/2", "1 - g", "g/2"], ["1 - g", "2*g - 4", "1 - g"], ["g/2", "1 - g", "g/2"]],
        centre=[1, 1],
        parameters=[Parameter("g", "1/3")],
    )
    assert space_order(family).order == 2
    assert leading_error(family.at_defaults()) == {
        (4, 0): Rational(1, 12),
        (2, 2): Rational(1, 6),
        (0, 4): Rational(1, 12),
    }
    assert space_order(Stencil([2, 0], family.at_defaults().weights, centre=[1, 1])).order == 0  # not of u_xx alone
