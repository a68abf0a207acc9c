"""Methods that keep the energy, for any degree s (Hairer 2010; Brugnano, Iavernaro and Trigiante 2010).

A(τ, σ) = Σ_{i < s} ∫_0^τ P_i P_i(σ), with the orthonormal Legendre polynomials on [0, 1]: the energy-preserving
collocation method of order 2s. With k Gauss nodes for the integrals it is the Hamiltonian boundary value method
HBVM(k, s), of order 2s too, which keeps the energy where H is a polynomial of degree 2k/s at most; HBVM(s, s) is Gauss.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from sympy import Rational, S

from tableau2net.scheme.constructed import polynomial
from tableau2net.scheme.constructed.pattern import SchemePattern, count, register_scheme_patterns
from tableau2net.scheme.continuous_stage import MAX_GAUSS, ContinuousRungeKutta


def legendre_sum(gauss: int, s: int) -> ContinuousRungeKutta:
    """A = Σ_{i < s} ∫P_i P_i, B = 1."""
    A = [[Fraction(0)] * s for _ in range(s + 1)]
    for i in range(s):
        p = polynomial.legendre(i)
        size = polynomial.integral(polynomial.product(p, p), Fraction(0), Fraction(1))
        for m, x in enumerate(polynomial.primitive(p)):
            for n, y in enumerate(p):
                A[m][n] += x * y / size
    rows = tuple(tuple(Rational(x.numerator, x.denominator) for x in row) for row in A)
    return ContinuousRungeKutta(A=rows, B=(S.One,), gauss=gauss)


def _claims(gauss: int, s: int) -> Mapping[str, Any]:
    return {"order": 2 * s, "symmetric": True, "energy_preserving": True}


register_scheme_patterns(
    SchemePattern(
        pattern="hbvm-{}-{}",
        members=[(k, s) for s in (1, 2, 3) for k in range(s, MAX_GAUSS + 1)],
        build=legendre_sum,
        title=lambda gauss, s: f"Energy-preserving collocation of order {2 * s}, {count(gauss, 'Gauss node')}",
        reference="Brugnano, Iavernaro and Trigiante 2010, JNAIAM 5, pp. 17-37; Hairer 2010, JNAIAM 5, pp. 73-84",
        claims=_claims,
        listed=7,
        kind="continuous-runge-kutta",
    )
)
