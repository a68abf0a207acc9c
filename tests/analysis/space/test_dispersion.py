"""What stencils do to waves, against floats: extremes, zeros and slopes of the sampled symbol."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from sympy import Rational, S, oo, pi, sqrt

from tableau2net.analysis.space.dispersion import (
    group_velocity,
    largest_imaginary,
    largest_real,
    sawtooth_velocity,
    stray_modes,
    turning_cosines,
)
from tableau2net.analysis.space.moments import space_order
from tableau2net.analysis.space.resolution import points_per_wavelength
from tableau2net.analysis.space.symbol import sampled
from tableau2net.scheme import Side, Stencil, load
from tests.drawn_stencils import explicit_stencils, few, interpolating_stencils

ANGLES = np.linspace(0, np.pi, 20001)
SECOND, FOURTH = (load(f"central-1-{p}", Stencil) for p in (2, 4))
PADE = Stencil(1, ["-3/4", 0, "3/4"], [-1, 0, 1], left=Side([-1, 0, 1], ["1/4", 1, "1/4"]))


@given(explicit_stencils())
@few
def test_extremes_are_those_of_the_sampled_symbol(stencil):
    seen = sampled(stencil, ANGLES)
    for exact, part in ((largest_real(stencil), seen.real), (largest_imaginary(stencil), seen.imag)):
        assert float(exact.evalf()) == pytest.approx(np.abs(part).max(), abs=1e-6)


@given(explicit_stencils())
@few
def test_stray_modes_are_in_the_null_space(stencil):
    modes = stray_modes(stencil)
    angles = np.array([float(mpmath.acos(mpmath.mpf(str(m.cosine.evalf(30))))) for m in modes])
    assert np.abs(sampled(stencil, angles)).max(initial=0) < 1e-9
    size = np.abs(sampled(stencil, ANGLES[1:]))
    touching = 1 + np.flatnonzero((size[1:-1] < size[:-2]) & (size[1:-1] < size[2:]) & (size[1:-1] < 1e-7))
    assert len(touching) <= len(modes)


@given(interpolating_stencils().filter(lambda s: s.orders == (1,)))
@few
def test_the_group_velocity_is_the_slope(stencil):
    above, below = group_velocity(stencil)
    at, x = 1.1, np.cos(1.1)
    slope = (sampled(stencil, np.array([at + 1e-5])) - sampled(stencil, np.array([at - 1e-5])))[0].imag / 2e-5
    assert float(above.eval(x)) / float(below.eval(x)) == pytest.approx(slope, rel=1e-6, abs=1e-7)


@given(interpolating_stencils())
@few
def test_a_wave_with_so_many_points_is_off_by_a_percent(stencil):
    found, m = points_per_wavelength(stencil), stencil.orders[0]
    if found is None:
        assert m == 0 or space_order(stencil).order < 1
        return
    assert 0 <= found.high - found.low < Rational(1, 10**9)

    def error(angle):
        with mpmath.workdps(40):
            value = sum(mpmath.mpf(w.p) / w.q * mpmath.expj(j * angle) for (j,), w in stencil.points.items())
            return float(abs((value / (1j * angle) ** m).real - 1))

    angle = 2 * np.pi / float(found)
    assert error(angle) == pytest.approx(0.01, rel=1e-6)
    assert all(error(angle * x) < 0.01 for x in np.linspace(0.02, 0.999, 40))


def test_known_figures():
    """By hand: sin θ = 0.99 θ at 25.6 points; 3/2 sin θ/(1 + cos θ/2) is largest at cos θ = −1/2."""
    assert [float(points_per_wavelength(s)) for s in (SECOND, FOURTH, PADE)] == pytest.approx(
        [25.6124, 8.3478, 5.6283], abs=1e-4
    )
    assert [largest_imaginary(s) for s in (SECOND, PADE)] == [1, sqrt(3)]
    assert largest_imaginary(FOURTH) ** 2 == (3 + 8 * sqrt(6)) / 12
    assert [sawtooth_velocity(s) for s in (SECOND, FOURTH, PADE)] == [-1, Rational(-5, 3), -3]
    assert turning_cosines(FOURTH) == (1 - sqrt(6) / 2,)
    assert [m.cosine for m in stray_modes(FOURTH)] == [-1]
    assert stray_modes(load("central-2-2", Stencil)) == ()


@pytest.mark.parametrize("name", ["backward-8-1", "forward-8-2", "compact-2-16"])
def test_a_percent_is_found_where_floats_see_nothing_and_where_series_are_long(name):
    stencil = load(name, Stencil)
    found, m = points_per_wavelength(stencil), stencil.orders[0]
    with mpmath.workdps(60):
        angle = 2 * mpmath.pi / (mpmath.mpf(found.low.p) / found.low.q)

        def total(points):
            return sum(mpmath.mpf(w.p) / w.q * mpmath.expj(j * angle) for (j,), w in points.items())

        quotient = total(stencil.points) / total(stencil.left_points) / (1j * angle) ** m
        assert abs(abs(quotient.real - 1) - 0.01) < 1e-10


def test_a_wave_of_three_points_that_is_not_seen():
    average = Stencil(0, [1, 1, 1], [-1, 0, 1])
    (mode,) = stray_modes(average)
    assert (mode.cosine, mode.points) == (Rational(-1, 2), 3)


def test_what_has_no_such_figure():
    square = Stencil((1, 0), [[-1], [1]], centre=(0, 0))
    assert (stray_modes(square), largest_real(square), points_per_wavelength(square)) == (None, None, None)
    assert sawtooth_velocity(load("central-2-2", Stencil)) is None
    singular = Stencil(1, ["-1/2", 0, "1/2"], [-1, 0, 1], left=Side([-1, 0, 1], ["1/2", 1, "1/2"]))  # 1 + cos θ
    assert (largest_imaginary(singular), sawtooth_velocity(singular)) == (oo, None)
    assert S(2) * pi > 6
