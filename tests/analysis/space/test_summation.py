"""Summation by parts by its energy identity in fractions, on grids of several sizes; the quadrature on polynomials."""

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from sympy import Rational

from tableau2net.analysis.space.moments import boundary_order
from tableau2net.analysis.space.summation import bounded_matrix, quadrature_order, summation_by_parts
from tableau2net.scheme import BoundaryRow, Parameter, Stencil, load


def bounded(weights, norm, rows, **about):
    reach = len(weights) // 2
    rows = [BoundaryRow(row) for row in rows]
    return Stencil(1, weights, range(-reach, reach + 1), norm=norm, boundary=rows, **about)


SBP2 = bounded(["-1/2", 0, "1/2"], ["1/2"], [[-1, 1]])
SBP4 = bounded(  # Strand 1994, the diagonal norm of order 4 inside and 2 at the ends
    ["1/12", "-2/3", 0, "2/3", "-1/12"],
    ["17/48", "59/48", "43/48", "49/48"],
    [
        ["-24/17", "59/34", "-4/17", "-3/34"],
        ["-1/2", 0, "1/2"],
        ["4/43", "-59/86", 0, "59/86", "-4/43"],
        ["3/98", 0, "-59/98", 0, "32/49", "-4/49"],
    ],
)
WRONG = replace(SBP4, boundary=(*SBP4.boundary[:3], BoundaryRow(["3/98", 0, "-59/98", 0, "31/49", "-4/49"])))


def fraction(x):
    return Fraction(int(x.p), int(x.q))


def energy(stencil, u, v):
    """(u, Dv)_H + (Du, v)_H."""
    n, norm = len(u), list(map(fraction, stencil.norm))
    h = [*norm, *[Fraction(1)] * (n - 2 * len(norm)), *norm[::-1]]
    D = {at: fraction(w) for at, w in bounded_matrix(stencil, n).items()}
    return sum(h[i] * w * (u[i] * v[j] + v[i] * u[j]) for (i, j), w in D.items())


@pytest.mark.parametrize("stencil", [SBP2, SBP4], ids=["2-1", "4-2"])
@pytest.mark.parametrize("nodes", [17, 24])
def test_the_energy_identity_in_fractions(stencil, nodes):
    draw = random.Random(nodes)
    for _ in range(5):
        u, v = ([Fraction(draw.randint(-50, 50), draw.randint(1, 9)) for _ in range(nodes)] for _ in range(2))
        assert energy(stencil, u, v) == u[-1] * v[-1] - u[0] * v[0]
    assert summation_by_parts(stencil).holds


def test_one_wrong_digit_is_found_where_it_stands():
    found = summation_by_parts(WRONG)
    assert not found.holds
    assert {(d.row, d.column) for d in found.defects} == {(3, 4), (-5, -4)}
    assert "(3, 4)" in str(found.defects[0])
    assert (boundary_order(SBP4), boundary_order(WRONG)) == (2, -1)
    u = [Fraction(i**3 % 11) for i in range(20)]
    assert energy(WRONG, u, u) != u[-1] ** 2 - u[0] ** 2


@pytest.mark.parametrize(("stencil", "order"), [(SBP2, 2), (SBP4, 4)], ids=["2-1", "4-2"])
def test_the_norm_is_a_quadrature_rule(stencil, order):
    """Σ H_i f(i) = ∫ f for the polynomials below degree `order` − 1, by which Σ h H f = ∫ f + O(h^order)."""
    norm, n = list(map(fraction, stencil.norm)), 20
    h = [*norm, *[Fraction(1)] * (n + 1 - 2 * len(norm)), *norm[::-1]]

    def off(k):
        return sum(x * i**k for i, x in enumerate(h)) - Fraction(n ** (k + 1), k + 1)

    assert summation_by_parts(stencil).quadrature == quadrature_order(stencil) == order
    assert [k for k in range(order) if off(k)] == []
    assert off(order)


def test_a_norm_that_is_not_positive():
    turned = replace(SBP4, norm=("17/48", "59/48", "-43/48", "49/48"))
    assert not summation_by_parts(turned).positive
    assert not summation_by_parts(turned).holds


def test_decimals_and_parameters():
    printed = bounded(["-0.5", 0, "0.5"], ["0.5"], [["-1.0", "1.0"]], digits=1)
    assert summation_by_parts(printed).holds
    k = Parameter("k", "1/2")
    family = bounded(["-1/2", 0, "1/2"], ["k"], [[-1, 1]], parameters=[k])
    assert summation_by_parts(family).holds
    assert not summation_by_parts(family.with_values(k=Rational(1, 3))).holds


def test_what_it_is_not_asked_of():
    assert summation_by_parts(load("central-1-4", Stencil)) is None
    assert summation_by_parts(Stencil(2, [1, -2, 1], [-1, 0, 1], boundary=[BoundaryRow([1, -2, 1])])) is None
