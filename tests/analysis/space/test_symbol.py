"""The symbol by an independent route: the eigenvalues of the periodic matrix, by numpy's FFT."""

import numpy as np
import pytest
from hypothesis import given
from sympy import Poly, Rational, S, sqrt

from tableau2net.analysis.space.symbol import COSINES, sampled, symbol
from tableau2net.errors import InputError
from tableau2net.scheme import Parameter, Side, Stencil
from tests.drawn_stencils import compact_stencils, explicit_stencils, few, stencils

N = 12  # nodes of the periodic grid along an axis, more than any of the stencils is wide


def eigenvalues(points, dimension):
    """Of the periodic matrix: u_i = e^{iθ·i} is its eigenvector, θ = 2πk/N; from the column of a unit impulse."""
    column = np.zeros((N,) * dimension)
    for offset, weight in points.items():
        column[tuple(-np.array(offset) % N)] += float(weight)
    return np.fft.fftn(column)


def read_at(found, dimension):
    """The polynomials in floats, at all angles of the grid."""
    angles = np.meshgrid(*[2 * np.pi * np.arange(N) / N] * dimension, indexing="ij")
    cosines = [np.cos(a) for a in angles]

    def value(p):
        terms = p.as_dict().items()
        return sum(float(c) * np.prod([x**n for x, n in zip(cosines, at, strict=True)], axis=0) for at, c in terms)

    total = sum(
        1j ** len(axes) * np.prod([np.sin(angles[k]) for k in axes], axis=0) * value(p)
        for axes, p in found.parts.items()
    )
    return total, value(found.denominator) * np.ones_like(angles[0])


@given(stencils)
@few
def test_the_periodic_matrix_has_these_eigenvalues(stencil):
    total, below = read_at(symbol(stencil), stencil.dimension)
    above, left = (eigenvalues(p, stencil.dimension) for p in (stencil.points, stencil.left_points))
    assert np.allclose(total * left, above * below, atol=1e-9)
    regular = np.abs(left) > 1e-9
    assert (np.abs(below[regular]) > 1e-18).all()


@given(compact_stencils())
@few
def test_a_symbol_in_floats_is_the_exact_one(stencil):
    angles = np.linspace(0.1, 3, 7)
    found, x = symbol(stencil), np.cos(angles)
    at = [np.polyval([float(c) for c in p.all_coeffs()], x) for p in (found.real, found.imaginary, found.denominator)]
    regular = np.abs(at[2]) > 1e-6
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = sampled(stencil, angles) - (at[0] + 1j * np.sin(angles) * at[1]) / at[2]
    assert np.abs(difference[regular]).max(initial=0) < 1e-6


@given(explicit_stencils())
@few
def test_symmetry_is_a_real_symbol(stencil):
    points = stencil.points
    found = symbol(stencil)
    assert found.is_real == all(points.get((-j,)) == w for (j,), w in points.items())
    assert found.is_imaginary == all(points.get((-j,)) == -w for (j,), w in points.items())


def test_known_symbols():
    x = COSINES[0]
    fourth = symbol(Stencil(1, ["1/12", "-2/3", 0, "2/3", "-1/12"], range(-2, 3)))
    assert (fourth.real.as_expr(), fourth.imaginary) == (0, Poly(Rational(4, 3) - x / 3, x))
    upwind = symbol(Stencil(1, [-1, 1], [-1, 0]))
    assert (upwind.real, upwind.imaginary) == (Poly(1 - x, x, domain="QQ"), 1)
    pade = symbol(Stencil(1, ["-3/4", 0, "3/4"], [-1, 0, 1], left=Side([-1, 0, 1], ["1/4", 1, "1/4"])))
    assert (pade.imaginary, pade.denominator) == (Poly(Rational(3, 2), x), Poly(1 + x / 2, x))


def test_on_two_axes_the_sines_of_a_mixed_derivative_are_a_product():
    x, y = COSINES[:2]
    mixed = symbol(Stencil((1, 1), [["1/4", 0, "-1/4"], [0, 0, 0], ["-1/4", 0, "1/4"]], centre=(1, 1)))
    assert mixed.parts == {(0, 1): Poly(1, x, y, domain="QQ")}
    with pytest.raises(InputError, match="2 angles"):
        _ = mixed.real


def test_roots_and_parameters_stay_exact():
    x, k = COSINES[0], Parameter("k", "1/3")
    open_ = symbol(Stencil(2, ["k", "-2*k", "k"], [-1, 0, 1], parameters=[k]))
    assert open_.real.as_expr() == 2 * k.symbol * x - 2 * k.symbol
    assert symbol(Stencil(0, [sqrt(2), S.One, sqrt(2)], [-1, 0, 1])).real.as_expr() == 2 * sqrt(2) * x + 1
