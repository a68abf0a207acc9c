"""Von Neumann limits, by routes that share no code with the polynomials: floats over the angles, the matrix of a
periodic grid."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from sympy import CRootOf, Rational, oo, sqrt

import tableau2net as t2n
from tableau2net.analysis import StencilTerm, limit_of_terms
from tableau2net.plot.stencils.cfl_region import reach
from tableau2net.scheme import Side, Stencil
from tableau2net.step.amplification import amplification
from tests.strategies import explicit_runge_kutta, implicit_runge_kutta, multistep
from tests.waves import full, function, grid_for, operator, symbol

KNOWN = [  # worked out on paper
    ("euler", "upwind-1", 1),
    ("rk4", "central-1-2", 2 * sqrt(2)),
    ("euler", "central-2-2", Rational(1, 2)),
    ("euler", "central-2-4", Rational(3, 8)),
    ("euler", "central-1-2", 0),
    ("leapfrog-2", "central-1-2", 1),
    ("rk2", "upwind-2", Rational(1, 2)),
    ("rk2", "upwind-5", 0),  # floats say 0.125
    (
        "ssprk-104",
        "upwind-1",
        6,
    ),  # |R| = 1 at fifth roots of unity, between the ends
    ("backward-euler", "upwind-5", oo),
    ("bdf-2", "central-1-4", oo),
    ("adams-bashforth-2", "upwind-1", Rational(1, 2)),
    ("adams-bashforth-3", "upwind-1", Rational(3, 11)),
    ("rk4", "central-3-2", 4 * sqrt(6) / 9),
]


@pytest.mark.parametrize(("scheme", "stencil", "limit"), KNOWN)
def test_limits_known_from_paper(scheme, stencil, limit):
    found = t2n.cfl(scheme, stencil)
    assert found.limit == limit
    assert found.kind in ("exact", "declared values")


def test_limit_of_degree_24():
    limit = t2n.cfl("rk3", "upwind-3").limit
    assert limit.atoms(CRootOf).pop().poly.degree() == 24


# a step in floats, by the stages and not by a polynomial


def stepped(scheme, L):
    """The matrix of one explicit Runge–Kutta step on u' = Lu, stage by stage."""
    one, slopes = np.eye(len(L)), []
    for row in full(scheme):
        slopes.append(L @ (one + sum(a * k for a, k in zip(row, slopes, strict=False) if a)))
    return one + sum(float(b) * k for b, k in zip(scheme.b, slopes, strict=True))


def worst_angle(scheme, stencil, nu, sign):
    """Where |R(ν ŝ)| is largest, over 2¹⁴ + 1 angles."""
    theta = np.linspace(0, np.pi, 2**14 + 1)
    z = nu * sign * symbol(stencil, theta)
    return theta[np.argmax(np.abs(function(scheme, z)))]


PAIRS = [
    *((scheme, stencil) for scheme in ("euler", "rk4") for stencil in ("upwind-1", "central-2-4")),
    *(("rk4", "central-1-2"), ("rk2", "upwind-2"), ("heun-3", "central-4-2")),
]
MORE = [
    *(("rk3", "upwind-3"), ("ssprk-33", "central-1-4"), ("dormand-prince-54", "upwind-3"), ("rk4", "central-3-2")),
    *(("rk4", "compact-1-4"), ("rk4", "upwind-7"), ("euler", "compact-2-4")),
    *(
        (scheme, stencil)
        for scheme in ("rk2", "heun-3", "ssprk-104", "cooper-verner-8", "fehlberg-45", "kutta-3", "dormand-prince-65")
        for stencil in ("upwind-2", "upwind-3", "central-1-2", "central-2-6", "central-4-2")
    ),
]


def check_matrix(scheme, stencil):
    found = t2n.cfl(scheme, stencil)
    scheme, stencil = t2n.load(scheme).at_defaults(), t2n.load(stencil)
    sign = -1 if sum(stencil.orders) in (1, 3, 4) else 1
    if found.limit == 0:
        theta = np.linspace(0.01, np.pi, 2000)
        assert np.abs(function(scheme, 0.05 * sign * symbol(stencil, theta))).max() > 1
        return
    nu = float(found)
    angle = worst_angle(scheme, stencil, nu * (1 + 1e-6), sign)
    if angle < 0.05:  # long waves grow first, by less than floats see
        assert largest_growth(scheme, stencil, Fraction(nu) * (1 - Fraction(1, 10**6)), sign) <= 0
        assert largest_growth(scheme, stencil, Fraction(nu) * (1 + Fraction(1, 10**6)), sign) > 0
        return
    n = grid_for(angle)
    L = operator(stencil, n, sign)
    below, above = (np.abs(np.linalg.eigvals(stepped(scheme, nu * side * L))).max() for side in (1 - 1e-6, 1 + 1e-6))
    assert below <= 1 + 1e-11
    assert above > 1 + 1e-9, (n, above)


@pytest.mark.parametrize(("scheme", "stencil"), PAIRS)
def test_the_matrix_of_a_periodic_grid_grows_right_beyond(scheme, stencil):
    check_matrix(scheme, stencil)


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "stencil"), MORE)
def test_the_matrix_of_a_periodic_grid_grows_right_beyond_more(scheme, stencil):
    check_matrix(scheme, stencil)


# random pairs


@st.composite
def stencils(draw):
    """First and second derivatives on random points, some of them consistent, one-sided, with zeros or shifted."""
    offsets = draw(st.lists(st.integers(-3, 3), min_size=2, max_size=5, unique=True))
    weights = [draw(st.fractions(-2, 2, max_denominator=4)) for _ in offsets]
    if draw(st.integers(0, 4)):
        weights[-1] = -sum(weights[:-1])
    if not any(weights):
        weights[0] = Fraction(1)
    return Stencil(draw(st.integers(1, 2)), [Rational(w.numerator, w.denominator) for w in weights], offsets=offsets)


def largest_growth(scheme, stencil, nu, sign):
    """max |R| − 1 in forty digits over angles, dense near 0."""
    theta = np.concatenate([np.linspace(0, np.pi, 4001), np.geomspace(1e-6, 1e-2, 300)])
    values = np.abs(function(scheme, float(nu) * sign * symbol(stencil, theta)))
    place = theta[np.nanargmax(np.where(np.isfinite(values), values, np.inf))]
    return max(precise(scheme, stencil, nu, sign, x) for x in (place, 0.0, np.pi, 1e-6, 1e-3))


def precise(scheme, stencil, nu, sign, theta):
    with mpmath.workdps(40):
        wave = sum(
            mpmath.mpf(int(w.p)) / int(w.q) * mpmath.expj(j * mpmath.mpf(theta)) for (j,), w in stencil.points.items()
        )
        z = mpmath.mpf(nu.numerator) / nu.denominator * sign * wave
        s = len(scheme.b)
        A = mpmath.matrix(
            [
                [mpmath.mpf(int(Rational(a).p)) / int(Rational(a).q) for a in [*row, *[0] * (s - len(row))]]
                for row in scheme.A
            ]
        )
        try:
            k = mpmath.lu_solve(mpmath.eye(s) - z * A, mpmath.ones(s, 1))
        except ZeroDivisionError:
            return mpmath.inf
        R = 1 + z * sum(mpmath.mpf(int(b.p)) / int(b.q) * k[i] for i, b in enumerate(scheme.b))
        return abs(R) - 1


def check_random(scheme, stencil):
    try:
        found = t2n.cfl(scheme, stencil)
    except t2n.InputError:  # too much work, or a filter
        event("not decided")
        return
    sign = -1 if sum(stencil.orders) == 1 else 1
    limit = Fraction(10) if found.limit == oo else Fraction(float(found.enclosure[0])).limit_denominator(10**9)
    for part in (Fraction(1, 50), Fraction(1, 3), Fraction(4, 5), Fraction(999, 1000)):
        assert largest_growth(scheme, stencil, limit * part, sign) <= 1e-14 or not limit
    if found.limit != oo:
        beyond = limit * Fraction(1001, 1000) if limit else Fraction(1, 1000)
        assert largest_growth(scheme, stencil, beyond, sign) > 0


@settings(max_examples=8, deadline=None)
@given(explicit_runge_kutta(3, consistent=True), stencils())
def test_random_explicit_pairs(scheme, stencil):
    check_random(scheme, stencil)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(st.one_of(explicit_runge_kutta(4), implicit_runge_kutta(2)), stencils())
def test_random_pairs(scheme, stencil):
    check_random(scheme, stencil)


# relations between pairs


def scaled(stencil, by, mirrored=False):
    offsets = [-j if mirrored else j for j in stencil.offsets]
    return Stencil(stencil.derivative, [w * by for w in stencil.weights], offsets=offsets)


@pytest.mark.parametrize("stencil", ["upwind-2", "upwind-3", "central-1-4", "central-4-2"])
def test_scaled_and_mirrored_stencils(stencil):
    stencil = t2n.load(stencil)
    limit = t2n.cfl("rk4", stencil)
    assert float(t2n.cfl("rk4", scaled(stencil, Rational(3, 2)))) == pytest.approx(float(limit) * 2 / 3, rel=1e-12)
    odd = sum(stencil.orders) % 2
    mirrored = t2n.cfl("rk4", scaled(stencil, (-1) ** odd, mirrored=True), speed=-1 if odd else 1)
    assert float(mirrored) == pytest.approx(float(limit), rel=1e-12)


def test_the_direction_of_waves():
    assert t2n.cfl("rk4", "upwind-3").against == 0
    assert t2n.cfl("rk4", "central-1-4").against is None
    downwind = t2n.cfl("backward-euler", "upwind-1", speed=-1)
    assert downwind.limit == 0
    ((low, high),) = downwind.later  # |1 + ν(1 − e^{iθ})| ≥ 1 at all θ from ν = 1 on
    assert low == pytest.approx(1, rel=0.02)
    assert high == np.inf


def test_terms_of_several_axes():
    first, second = t2n.load("central-1-4"), t2n.load("central-2-4")
    heat = [(Rational(3, 10), second, Rational(1, 8), axis) for axis in range(3)]
    assert limit_of_terms("euler", heat).limit == Rational(3, 8) / 3 / (Rational(3, 10) * 64)
    # PDE-Net's frozen kernels: 3/8 of 5 × 5, 45/136 of 7 × 7
    for order, limit in ((4, Rational(3, 8)), (6, Rational(45, 136))):
        kernel = t2n.load(f"central-2-{order}")
        shares = (Rational(2, 5), Rational(3, 5))
        assert limit_of_terms("euler", [(c, kernel, 1, axis) for axis, c in enumerate(shares)]).limit == limit
    mixed = limit_of_terms("rk4", [(-1, first), (Rational(1, 10), second)])
    theta = np.linspace(0, np.pi, 100_001)
    z = -symbol(first, theta) + 0.1 * symbol(second, theta)
    scheme = t2n.load("rk4")
    assert np.abs(function(scheme, float(mixed) * (1 - 1e-8) * z)).max() <= 1 + 1e-12
    assert np.abs(function(scheme, float(mixed) * (1 + 1e-6) * z)).max() > 1
    assert limit_of_terms("rk4", [(1, first), (-1, first)]).limit == oo


def test_a_kernel_along_the_axes_of_two_dimensions_is_one_along_each():
    w = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    laplacian = Stencil(((2, 0), (0, 2)), w, centre=(1, 1))
    assert t2n.cfl("euler", laplacian).limit == Rational(1, 4)
    with pytest.raises(t2n.InputError, match="equal steps"):
        limit_of_terms("euler", [(1, laplacian, (1, 2))])


def test_decimals_are_taken_as_they_were_meant():
    """Second differences that sum to 1e-8 make constants grow, and nothing is stable."""
    weights = ["-0.08333333", "1.33333333", "-2.50000000", "1.33333333", "-0.08333333"]
    printed = Stencil(2, weights, offsets=range(-2, 3), digits=8)
    found = t2n.cfl("euler", printed)
    assert found.kind == "decimal"
    assert float(found) == pytest.approx(3 / 8, rel=1e-7)
    off = t2n.cfl("euler", Stencil(2, [*weights[:2], "-2.49999999", *weights[3:]], offsets=range(-2, 3)))
    assert off.limit == 0


def test_several_axes_of_a_mixed_kind():
    """Waves along the diagonal see the same symbol twice; floats alone take the flat top at long waves for the
    highest."""
    found = t2n.cfl("rk4", "upwind-3", dimension=2)
    assert found.kind == "to 1e-10"
    assert float(found) == pytest.approx(float(t2n.cfl("rk4", "upwind-3")) / 2, rel=3e-7)
    low, high = map(float, found.enclosure)
    assert low <= float(t2n.cfl("rk4", "upwind-3")) / 2 <= high * (1 + 1e-9)
    assert found.against == 0


@pytest.mark.slow
def test_boxes_of_angles_prove_and_refute():
    """Against a grid of 400 × 400 waves in the plane, of convection and diffusion with random coefficients."""
    rng = np.random.default_rng(5)
    theta = np.stack(np.meshgrid(np.linspace(0, np.pi, 400), np.linspace(-np.pi, np.pi, 400)))
    stencils = [t2n.load(name) for name in ("central-1-4", "upwind-3", "central-2-2", "central-2-4")]
    for name in ("euler", "rk3", "dormand-prince-54"):
        scheme = t2n.load(name).at_defaults()
        for _ in range(3):
            c = rng.uniform(0.1, 1, 4)
            terms = [
                StencilTerm(sign * float(x), s, 1, k % 2)
                for k, (x, s, sign) in enumerate(zip(c, stencils, (-1, -1, 1, 1), strict=True))
            ]
            found = limit_of_terms(scheme, terms)
            z = sum(
                s * x * symbol(st, theta[k % 2])
                for k, (x, st, s) in enumerate(zip(c, stencils, (-1, -1, 1, 1), strict=True))
            )
            assert np.abs(function(scheme, float(found) * z)).max() <= 1 + 1e-9
            assert np.abs(function(scheme, float(found.enclosure[1]) * 1.01 * z)).max() > 1


def test_what_has_no_such_limit():
    with pytest.raises(t2n.InputError, match="filter"):
        t2n.cfl("rk4", Stencil(0, [1, 2, 1], offsets=[-1, 0, 1]))
    with pytest.raises(t2n.InputError, match="vanishes at an angle"):
        t2n.cfl("rk4", Stencil(1, [-1, 1], offsets=[-1, 1], left=Side([-1, 0, 1], [1, 2, 1])))
    with pytest.raises(t2n.InputError, match="needs a term"):
        limit_of_terms("rk4", [])


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(multistep(3), stencils())
def test_random_multistep_pairs(scheme, stencil):
    """Against the roots of ρ − zσ at many angles."""
    try:
        found = t2n.cfl(scheme, stencil)
    except t2n.InputError:
        event("not decided")
        return
    sign = -1 if sum(stencil.orders) == 1 else 1
    wave = sign * symbol(stencil, np.linspace(0, np.pi, 501))
    if found.limit == 0 or not t2n.zero_stable(scheme):
        return
    limit = 5.0 if found.limit == oo else float(found.enclosure[0])
    for part in (0.02, 0.4, 0.999):
        assert amplification(scheme, limit * part * wave).max() <= 1 + 1e-6
    if found.limit != oo:
        beyond = np.linspace(1, 1.05, 6)[1:]
        assert max(amplification(scheme, limit * b * wave).max() for b in beyond) > 1


def test_the_plane_of_euler_is_a_parabola():
    """(1 − 2d(1 − cos θ))² + a² sin² θ ≤ 1 for all θ: a² ≤ 2d ≤ 1."""
    y = np.array([0.1, 0.25, 0.4])
    ends = reach(t2n.load("euler"), t2n.load("central-1-2"), t2n.load("central-2-2"), np.linspace(0, 1.2, 61), y)
    assert ends == pytest.approx(np.sqrt(2 * y), rel=2e-3)


@pytest.mark.parametrize("scheme", ["bogacki-shampine-54", "papakostas-papageorgiou-54-b"])
def test_numbers_that_nobody_would_read_are_isolated(scheme):
    """Interval of the scheme over the largest |ŝ| of a stencil of fifty digits: both of long polynomials."""
    found = t2n.cfl(scheme, "drp-7-4")
    low, high = found.enclosure
    assert found.kind == "isolated"
    assert 0 < high - low < Rational(1, 10**12)
    assert low <= Rational(str(found.limit)) <= high
    z = float(found) * symbol(t2n.load("drp-7-4"), np.linspace(0, np.pi, 20_001))
    scheme = t2n.load(scheme)
    assert np.abs(function(scheme, z * (1 - 1e-7))).max() <= 1 + 1e-12
    assert np.abs(function(scheme, z * (1 + 1e-3))).max() > 1
