"""Optimal stability polynomials: published optima, an independent look in floats, and the scheme that has one."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import I, Rational

import tableau2net as t2n
from tableau2net.analysis import realised, stability_function
from tableau2net.errors import InputError

PUBLISHED = [  # spectrum, stages, order, largest step
    ("real", 2, 1, 8),  # 2s², Chebyshev
    ("real", 3, 2, 6.2608),  # van der Houwen 1996, Appl. Numer. Math. 20
    ("imaginary", 3, 2, 2),  # s − 1 for odd s, Kinnmark and Gray 1984
    ("imaginary", 8, 4, 48**0.5),  # √(s(s − 2)) for even s, of order 4 too
]
LONGER = [
    ("real", 4, 1, 32),
    ("real", 8, 1, 128),
    ("real", 4, 2, 12.0473),
    ("imaginary", 2, 1, 1),
    ("imaginary", 4, 1, 3),
    ("imaginary", 5, 1, 4),
    ("imaginary", 4, 4, 8**0.5),
    ("imaginary", 5, 4, 12**0.5),
    ("real", 16, 1, 512),
    ("real", 8, 2, 51.5237),  # this and the next three by a linear program in Chebyshev's basis
    ("real", 9, 4, 25.981),
    ("real", 16, 2, 209.33),
    ("real", 16, 4, 88.32),
    ("imaginary", 9, 2, 8),
    ("imaginary", 10, 2, 80**0.5),
    ("imaginary", 15, 1, 14),
    ("imaginary", 16, 2, 224**0.5),
    ("imaginary", 16, 4, 224**0.5),
]


def holds(spectrum, stages, order, published):
    found = t2n.optimal_stability_polynomial(spectrum, stages, order)
    assert float(found.step) == pytest.approx(published, rel=4e-4)
    assert found.float_step == pytest.approx(published, rel=2e-4)
    P, Q = stability_function(found.table)
    assert Q.degree() == 0
    assert tuple(reversed(P.all_coeffs())) == found.coefficients
    direction = {"real": -1.0, "imaginary": 1j}[spectrum]
    with mpmath.workdps(40):
        a = [mpmath.mpf(int(x.p)) / int(x.q) for x in reversed(found.coefficients)]
        z = [float(found.step) * direction * (1 - mpmath.cos(mpmath.pi * i / 400)) / 2 for i in range(401)]
        assert max(abs(mpmath.polyval(a, x)) for x in z) <= 1 + 1e-12
    assert t2n.order(found.table) >= min(order, 2)
    assert found.stages == stages


@pytest.mark.parametrize(("spectrum", "stages", "order", "published"), PUBLISHED)
def test_published_steps_on_lines(spectrum, stages, order, published):
    holds(spectrum, stages, order, published)


@pytest.mark.slow
@pytest.mark.parametrize(("spectrum", "stages", "order", "published"), LONGER)
def test_more_published_steps_on_lines(spectrum, stages, order, published):
    holds(spectrum, stages, order, published)


def test_a_circle():
    """Of upwind's circle the best is (1 + z/s)^s, with h = s (Ketcheson and Ahmadia 2012, section 4)."""
    circle = list(np.exp(1j * np.linspace(0, 2 * np.pi, 40)) - 1)
    found = t2n.optimal_stability_polynomial(circle, 3, 1)
    assert float(found.step) == pytest.approx(3, rel=1e-5)
    assert [float(a) for a in found.coefficients] == pytest.approx([1, 1, 1 / 3, 1 / 27], rel=1e-3)
    assert found.proved.startswith("at each of the points")


@pytest.mark.parametrize("scale", [1e-9, 1, 1e9])
def test_the_size_of_the_points_does_not_matter(scale):
    """|1 − 1000h + 10⁶ah²| and |1 − h + ah²| ≤ 1: the first is 1 with a = 1/(1000h), the second −1 at h = 2.002…"""
    found = t2n.optimal_stability_polynomial([-1000 * scale, -scale], 2, 1)
    assert float(found.step) * scale == pytest.approx(2 / (1 - 1 / 1000), rel=1e-5)


@pytest.mark.slow
def test_a_stencil():
    """Three stages of order three leave nothing free; of four, one coefficient, and the exact limit is longer."""
    least = t2n.optimal_stability_polynomial("upwind-3", 3, 3)
    assert float(least.step) == pytest.approx(float(t2n.cfl("ssprk-33", "upwind-3")), rel=1e-5)
    more = t2n.optimal_stability_polynomial("upwind-3", 4, 3)
    assert float(more.step) > float(t2n.cfl("rk4", "upwind-3"))
    assert float(t2n.cfl(more.table, "upwind-3")) == pytest.approx(float(more.step), rel=1e-9)
    grown = np.abs(np.polyval([float(a) for a in reversed(more.coefficients)], float(more.step) * waves()))
    assert grown.max() <= 1 + 1e-10


def waves():
    """−ŝ(θ) of the third-order upwind formula, by its printed weights."""
    t = np.linspace(0, 2 * np.pi, 721)
    return -(np.exp(-2j * t) / 6 - np.exp(-1j * t) + 1 / 2 + np.exp(1j * t) / 3)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.fractions(-2, 2, max_denominator=9), min_size=1, max_size=6), st.integers(1, 9))
def test_a_polynomial_is_realised(middle, last):
    a = [Fraction(1), *middle, Fraction(1, last)]
    table = realised(a)
    P, Q = stability_function(table)
    assert Q.degree() == 0
    assert tuple(reversed(P.all_coeffs())) == tuple(Rational(x.numerator, x.denominator) for x in a)
    assert table.explicit
    assert t2n.order(realised([1, 1, Fraction(1, 2), *a[1:]])) >= 2


@pytest.mark.slow
def test_what_is_found_compiles():
    """A step of y' = y with h = 1 is Σ a_j."""
    torch = pytest.importorskip("torch")
    found = t2n.optimal_stability_polynomial([-1, Rational(-2), -5 + 0j, -1 + I], 3, 1)
    step = t2n.compile(found.table)([torch.nn.Identity()]).double()
    made = step(torch.ones(1, dtype=torch.float64)).item()
    assert made == pytest.approx(sum(map(float, found.coefficients)), abs=1e-14)


def test_bad_input():
    for spectrum, stages, order, words in (
        ("real", 2, 3, "1 <= order <= stages"),
        ("real", 99, 1, "<= 16"),
        ([1.0], 2, 1, "to the right of 0"),
        ([0], 2, 1, "no point but 0"),
        ([float("nan")], 2, 1, "not finite"),
        (["x"], 2, 1, "no complex number"),
        (3, 2, 1, "a list of complex numbers"),
        ("imaginary", 1, 1, "no step is stable"),
        ([1j], 2, 2, "no step is stable .* all h > 0 at λ = I"),
        ("imaginary", 13, 13, "no step is stable .* all small h > 0"),
        ([-1], 3, 1, "every step is stable"),
        ([-1e9, -1], 3, 1, "every step is stable"),
        ([-1e-9 + 1e-9j, -1e-9 - 1e-9j], 3, 1, "every step is stable"),
        ("no-such-stencil", 2, 1, "no-such-stencil"),
    ):
        with pytest.raises(InputError, match=words):
            t2n.optimal_stability_polynomial(spectrum, stages, order)
    with pytest.raises(InputError, match="1 first"):
        realised([2, 1])
