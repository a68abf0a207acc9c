"""The equation that a scheme on a stencil really solves, against the logarithm of its step in floats."""

import numpy as np
import pytest
from sympy import Poly, Rational

import tableau2net as t2n
from tableau2net.analysis import characteristic_polynomial, modified_symbol
from tableau2net.analysis.space.modified_symbol import NU
from tests.waves import function, symbol

EQUATIONS = [("euler", "upwind-1"), ("rk4", "central-1-4"), ("bdf-2", "upwind-3"), ("heun-3", "compact-2-4")]


@pytest.mark.parametrize(("scheme", "stencil"), EQUATIONS)
def test_modified_equation_is_the_logarithm_of_the_step(scheme, stencil):
    """log of the principal root at small complex θ, a Taylor fit on a circle."""
    terms = modified_symbol(scheme, stencil, 3)
    scheme, stencil = t2n.load(scheme), t2n.load(stencil)
    sign = -1 if sum(stencil.orders) % 2 else 1
    for nu in (0.3, 0.8):
        t = 0.2 * np.exp(2j * np.pi * np.arange(32) / 32)  # t stands for h∂
        z = nu * sign * symbol(stencil, -1j * t)
        phi = characteristic_polynomial(scheme)
        if phi.degree(phi.gens[0]) == 1:
            zeta = function(scheme, z)
        else:
            roots = [
                np.roots(
                    [complex(c) for c in Poly(phi.as_expr().subs(phi.gens[1], complex(x)), phi.gens[0]).all_coeffs()]
                )
                for x in z
            ]
            zeta = np.array([r[np.argmin(abs(r - np.exp(x)))] for r, x in zip(roots, z, strict=True)])
        taylor = np.fft.fft(np.log(zeta) / nu) / 32 / 0.2 ** np.arange(32)
        for term in terms:
            assert float(term.coefficient.eval(Rational(str(nu)))) == pytest.approx(
                taylor[term.derivative].real, abs=1e-8
            )
        between = set(range(terms[-1].derivative + 1)) - {term.derivative for term in terms}
        assert max(abs(taylor[k]) for k in between) < 1e-8


def test_modified_equation_of_upwind_and_euler():
    """u_t = −u_x + h/2 (1 − ν) u_xx − …: Warming and Hyett 1974."""
    first, second, *_ = modified_symbol("euler", "upwind-1")
    assert (first.derivative, first.coefficient.as_expr()) == (1, -1)
    assert (second.derivative, second.kind) == (2, "dissipation")
    assert second.coefficient.as_expr().equals((1 - NU) / 2)
