"""Linear multistep methods for any number of steps (Hairer, Nørsett, Wanner I, III.1).

Each is interpolation: through past values of f and integrated (Adams, Nyström, Milne–Simpson), or through values of y
and differentiated (BDF). The Lagrange basis is expanded over ℚ, so every coefficient is an exact rational.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import comb

from sympy import Rational

from tableau2net.scheme.constructed import polynomial
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.multistep import Multistep

MAX_STEPS = 40
NDF_KAPPA = (Fraction(-37, 200), Fraction(-1, 9), Fraction(-823, 10000), Fraction(-83, 2000), Fraction(0))


def adams_bashforth(k: int) -> Multistep:
    """Explicit Adams: y_{n+k} − y_{n+k−1} = h Σ_{j<k} β_j f_{n+j}, order k (HNW III.1, eq. 1.5)."""
    return multistep(_difference(k, 1), [*_integrals(range(k), k - 1, k), Fraction(0)])


def adams_moulton(k: int) -> Multistep:
    """Implicit Adams: y_{n+k} − y_{n+k−1} = h Σ_{j≤k} β_j f_{n+j}, order k + 1 (HNW III.1, eq. 1.9)."""
    return multistep(_difference(k, 1), _integrals(range(k + 1), k - 1, k))


def nystrom(k: int) -> Multistep:
    """Explicit Nyström: y_{n+k} − y_{n+k−2} = h Σ_{j<k} β_j f_{n+j}, k ≥ 2, order k (HNW III.1, eq. 1.13).

    k = 2 is the explicit midpoint rule (leapfrog)."""
    return multistep(_difference(k, 2), [*_integrals(range(k), k - 2, k), Fraction(0)])


def milne_simpson(k: int) -> Multistep:
    """Implicit Nyström: y_{n+k} − y_{n+k−2} = h Σ_{j≤k} β_j f_{n+j}, k ≥ 2, order k + 1 (HNW III.1, eq. 1.15).

    k = 2 is Simpson's rule, of order 4; k = 3 is the same, since its β_0 vanishes."""
    return multistep(_difference(k, 2), _integrals(range(k + 1), k - 2, k))


def bdf(k: int) -> Multistep:
    """Backward differentiation: the interpolant of y_n … y_{n+k} has slope f_{n+k} at its end; order k,
    zero-stable exactly for k ≤ 6 (HNW III.1, eq. 1.22'; III.3, Theorem 3.4)."""
    slopes = _slopes(k)
    return multistep([s / slopes[k] for s in slopes], [Fraction(0)] * k + [1 / slopes[k]])


def ndf(k: int) -> Multistep:
    """Numerical differentiation: Σ_{m≤k} ∇^m y/m = h f + κ_k γ_k ∇^(k+1) y at n + k + 1, γ_k = Σ_{m≤k} 1/m, with the κ
    that makes the error smaller at some cost of stability (Shampine & Reichelt 1997, eq. 5 and Table 1)."""
    plain, gamma, kappa = [Fraction(0), *_slopes(k)], sum(Fraction(1, m) for m in range(1, k + 1)), NDF_KAPPA[k - 1]
    difference = [(-1) ** (k + 1 - j) * comb(k + 1, j) for j in range(k + 2)]
    row = [s - kappa * gamma * d for s, d in zip(plain, difference, strict=True)]
    first = 0 if kappa else 1
    return multistep([r / row[-1] for r in row[first:]], [*[Fraction(0)] * (k + 1 - first), 1 / row[-1]])


def extrapolated_bdf(k: int) -> Multistep:
    """BDF with f_{n+k} replaced by the polynomial through f_n … f_{n+k−1}: explicit, order k (Crouzeix 1980)."""
    slopes = _slopes(k)
    extrapolation = [Fraction((-1) ** (k - 1 - j) * comb(k, j)) for j in range(k)]
    return multistep([s / slopes[k] for s in slopes], [*(e / slopes[k] for e in extrapolation), Fraction(0)])


def multistep(alpha: Sequence[Fraction], beta: Sequence[Fraction]) -> Multistep:
    """The method with these fractions."""
    return Multistep(
        alpha=tuple(Rational(a.numerator, a.denominator) for a in alpha),
        beta=tuple(Rational(b.numerator, b.denominator) for b in beta),
    )


def _difference(k: int, back: int) -> list[Fraction]:
    """α of y_{n+k} − y_{n+k−back}."""
    alpha = [Fraction(0)] * (k + 1)
    alpha[k] = Fraction(1)
    alpha[k - back] = Fraction(-1)
    return alpha


def _integrals(nodes: Sequence[int], a: int, b: int) -> list[Fraction]:
    """∫_a^b of the Lagrange basis on the nodes."""
    basis = polynomial.lagrange([Fraction(x) for x in nodes])
    return [Fraction(polynomial.integral(ell, a, b)) for ell in basis]


def _slopes(k: int) -> list[Fraction]:
    """The derivatives at k of the Lagrange basis on 0 … k."""
    basis = polynomial.lagrange([Fraction(x) for x in range(k + 1)])
    return [Fraction(polynomial.value(polynomial.derivative(ell), k)) for ell in basis]


def _family(
    name: str,
    build: Callable[[int], Multistep],
    title: str,
    reference: str,
    first: int,
    order: Callable[[int], int],
    *,
    explicit: bool,
    stable_to: int = MAX_STEPS,
    a_stable_to: int | None = None,
    last: int = MAX_STEPS,
) -> SchemePattern:
    return SchemePattern(
        pattern=name + "-{}",
        members=range(first, last + 1),
        build=build,
        title=lambda k: f"{title}, {k} step{'s' * (k > 1)}",
        reference=reference,
        claims=lambda k: (
            {"order": order(k), "zero_stable": k <= stable_to, "explicit": explicit}
            | ({} if a_stable_to is None else {"a_stable": k <= a_stable_to})
        ),
        listed=min(last + 1, 7) - first,
        kind="multistep",
    )


register_scheme_patterns(
    _family(
        "adams-bashforth", adams_bashforth, "Adams–Bashforth", "Bashforth & Adams 1883; HNW I, III.1 eq. (1.5)",
        1, lambda k: k, explicit=True,
    ),
    _family(
        "adams-moulton", adams_moulton, "Adams–Moulton", "Moulton 1926; HNW I, III.1 eq. (1.9)",
        1, lambda k: k + 1, explicit=False, a_stable_to=1,
    ),
    _family("nystrom", nystrom, "Nyström", "Nyström 1925; HNW I, III.1 eq. (1.13)", 2, lambda k: k, explicit=True),
    _family(
        "milne-simpson", milne_simpson, "Milne–Simpson", "Milne 1926; HNW I, III.1 eq. (1.15)",
        2, lambda k: max(k + 1, 4), explicit=False,
    ),
    _family(
        "bdf", bdf, "Backward differentiation formula",
        "Curtiss & Hirschfelder 1952; Gear 1971; HNW I, III.1 eq. (1.22')",
        1, lambda k: k, explicit=False, stable_to=6, a_stable_to=2,
    ),
    _family(
        "ndf", ndf, "Numerical differentiation formula", "Shampine & Reichelt 1997, SIAM J. Sci. Comput. 18, pp. 1-22",
        1, lambda k: k, explicit=False, a_stable_to=2, last=len(NDF_KAPPA),
    ),
    _family(
        "extrapolated-bdf", extrapolated_bdf, "Extrapolated BDF",
        "Crouzeix 1980, Numer. Math. 35, pp. 257-276; Hundsdorfer and Verwer 2003, sect. IV.4",
        1, lambda k: k, explicit=True, stable_to=6,
    ),
)  # fmt: skip
