"""Compact stencils whose left side vanishes at an angle, by hand-known members and by floats."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, S, oo

import tableau2net as t2n
from tableau2net.analysis.report.facts import facts
from tableau2net.analysis.space.damping import dissipative
from tableau2net.analysis.space.dispersion import largest_imaginary, largest_real, poles, stray_modes
from tableau2net.analysis.space.symbol import sampled, symbol
from tableau2net.plot.stencils.waves import principal
from tableau2net.scheme import Side, Stencil

HALF = Side([-1, 0, 1], ["1/2", 1, "1/2"])  # 1 + cos θ
TANGENT = Stencil(1, [-1, 0, 1], offsets=[-1, 0, 1], left=HALF)  # 2i tan(θ/2)
REDUCED = Stencil(2, ["1/2", -1, "1/2"], offsets=[-2, 0, 2], left=HALF)  # −2(1 − x)
THREE = Stencil(1, ["-3/2", 0, "3/2"], offsets=[-1, 0, 1], left=Side([-1, 0, 1], [1, 1, 1]))


def test_a_pole_is_no_unseen_wave():
    assert [mode.cosine for mode in poles(TANGENT)] == [-1]
    assert stray_modes(TANGENT) == ()
    assert (largest_imaginary(TANGENT), largest_real(TANGENT)) == (oo, 0)
    told = {fact.name: fact.text for fact in facts(t2n.report(TANGENT))}
    assert told["no bound at"] == "the sawtooth: the left side vanishes there"
    assert "∞" in told["max |Im ŝ|"]
    json.dumps(t2n.report(TANGENT).to_dict())
    assert [mode.cosine for mode in poles(THREE)] == [Rational(-1, 2)]
    assert [mode.cosine for mode in stray_modes(THREE)] == [-1]
    with pytest.raises(t2n.InputError, match="vanishes at an angle"):
        t2n.cfl("rk4", THREE, dimension=2)


def test_a_quotient_is_reduced_first():
    found = symbol(REDUCED)
    assert (found.real.all_coeffs(), found.denominator) == ([2, -2], 1)
    assert (poles(REDUCED), stray_modes(REDUCED), largest_real(REDUCED)) == ((), (), 4)
    assert t2n.cfl("euler", REDUCED).limit == Rational(1, 2)


def test_where_the_left_side_changes_its_sign():
    """−(1 − x)/(1 + 2x) is positive beyond 120°."""
    assert dissipative(Stencil(2, [1, -2, 1], offsets=[-1, 0, 1], left=Side([-1, 0, 1], [1, 1, 1]))) is False


@pytest.mark.parametrize(("stencil", "lost", "kept"), [(THREE, 63, 64), (TANGENT, 64, 63), (REDUCED, 64, 63)])
def test_a_field_needs_a_grid_without_that_wave(stencil, lost, kept):
    field = t2n.field([stencil], h=1.0)
    with pytest.raises(t2n.InputError, match=f"the grid of {lost} points"):
        field(torch.randn(1, 1, lost))
    assert field(torch.randn(1, 1, kept)).abs().max() < 1e4


def test_lines_end_at_a_pole():
    angles = np.linspace(0, np.pi, 721)
    values = principal(TANGENT, angles)
    assert np.nanmax(values) < 7
    assert np.isnan(values[-1])
    assert np.array_equal(values[:300], sampled(TANGENT, angles[:300]).imag)


def products():
    """Factors of waves: that both sides do not see, of the left side alone, and of the right one."""
    factor = st.sampled_from([[1, 1], [1, 1, 1], [1, 0, 1], [2, 1], [1, 3, 1]])
    return st.tuples(factor, factor, st.lists(st.integers(-3, 3), min_size=1, max_size=3).filter(lambda w: sum(w)))


@settings(max_examples=20, deadline=None)
@given(products())
def test_a_reduced_quotient_is_the_quotient(drawn):
    common, left, right = drawn
    above, below = (np.convolve(np.convolve([1, -1], right), common), np.convolve(left, common))
    stencil = Stencil(
        1, list(map(int, above)), offsets=range(len(above)), left=Side(range(len(below)), list(map(int, below)))
    )
    found = symbol(stencil)
    theta = np.linspace(0.05, 3.1, 97)
    value = lambda p: np.polyval([float(c) for c in p.all_coeffs()], np.cos(theta))  # noqa: E731
    seen = (value(found.real) + 1j * np.sin(theta) * value(found.imaginary)) / value(found.denominator)
    assert seen == pytest.approx(
        np.polyval(np.convolve([1, -1], right)[::-1], np.exp(1j * theta)) / np.polyval(left[::-1], np.exp(1j * theta))
    )
    assert found.real.gcd(found.imaginary).gcd(found.denominator).degree() <= 0
    at = np.array([float(S(mode.cosine)) for mode in poles(stencil)])
    zeros = [z.real for z in np.roots(left[::-1]) if abs(abs(z) - 1) < 1e-9 and z.imag >= 0]
    seen_too = [z.real for z in np.roots(np.trim_zeros(right)[::-1]) if abs(abs(z) - 1) < 1e-9]
    assert set(np.round(at, 6)) <= set(np.round(zeros, 6))
    assert set(np.round(zeros, 6)) <= set(np.round(at, 6)) | set(np.round(seen_too, 6))


def test_sums_of_surds_stand_in_brackets():
    weights = ["-sqrt(2)/2", "sqrt(2)/2 - sqrt(3)/3", "sqrt(3)/3"]
    told = {fact.name: fact.text for fact in facts(t2n.report(Stencil(1, weights, offsets=[-1, 0, 1])))}
    assert (
        "i sin θ · (sqrt(3)/3 + sqrt(2)/2)" in told["symbol"] or "i sin θ · (sqrt(2)/2 + sqrt(3)/3)" in told["symbol"]
    )
