"""Multistep families without end, constructed exactly for any number of steps (Hairer, Nørsett, Wanner I, III.1).

Each is interpolation: through past values of f and integrated (Adams, Nyström), or through values of y and
differentiated (BDF). The Lagrange basis is expanded over ℚ, so every coefficient is an exact rational.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from sympy import Rational

from tableau2net.errors import InputError
from tableau2net.scheme.multistep import Multistep

MAX_STEPS = 40


def adams_bashforth(k: int) -> Multistep:
    """Explicit Adams: y_{n+k} − y_{n+k−1} = h Σ_{j<k} β_j f_{n+j}, order k (HNW III.1, eq. 1.5)."""
    beta = [_integral(ell, k - 1, k) for ell in _lagrange(range(k))]
    return _multistep(
        "adams-bashforth",
        k,
        _difference(k, 1),
        [*beta, Fraction(0)],
        f"Adams–Bashforth, {k} step{'s' * (k > 1)}",
        "Bashforth & Adams 1883; HNW I, III.1 eq. (1.5)",
        k,
    )


def adams_moulton(k: int) -> Multistep:
    """Implicit Adams: y_{n+k} − y_{n+k−1} = h Σ_{j≤k} β_j f_{n+j}, order k + 1 (HNW III.1, eq. 1.9)."""
    beta = [_integral(ell, k - 1, k) for ell in _lagrange(range(k + 1))]
    return _multistep(
        "adams-moulton",
        k,
        _difference(k, 1),
        beta,
        f"Adams–Moulton, {k} step{'s' * (k > 1)}",
        "Moulton 1926; HNW I, III.1 eq. (1.9)",
        k + 1,
    )


def nystrom(k: int) -> Multistep:
    """Explicit Nyström: y_{n+k} − y_{n+k−2} = h Σ_{j<k} β_j f_{n+j}, k ≥ 2, order k (HNW III.1, eq. 1.13).

    k = 2 is the explicit midpoint rule (leapfrog)."""
    if k < 2:
        raise InputError("nystrom-K needs K >= 2: it starts from y_{n+K-2}")
    beta = [_integral(ell, k - 2, k) for ell in _lagrange(range(k))]
    return _multistep(
        "nystrom",
        k,
        _difference(k, 2),
        [*beta, Fraction(0)],
        f"Nyström, {k} steps",
        "Nyström 1925; HNW I, III.1 eq. (1.13)",
        k,
    )


def bdf(k: int) -> Multistep:
    """Backward differentiation: the interpolant of y_n … y_{n+k} has slope f_{n+k} at its end; order k,
    zero-stable exactly for k ≤ 6 (HNW III.1, eq. 1.22'; III.3, Theorem 3.4)."""
    slopes = [_value(_derivative(ell), k) for ell in _lagrange(range(k + 1))]
    beta = [Fraction(0)] * k + [1 / slopes[k]]
    return _multistep(
        "bdf",
        k,
        [s / slopes[k] for s in slopes],
        beta,
        f"Backward differentiation formula, {k} step{'s' * (k > 1)}",
        "Curtiss & Hirschfelder 1952; Gear 1971; HNW I, III.1 eq. (1.22')",
        k,
    )


FAMILIES = {
    "adams-bashforth": adams_bashforth,
    "adams-moulton": adams_moulton,
    "bdf": bdf,
    "nystrom": nystrom,
}


def _multistep(
    family: str, k: int, alpha: Sequence[Fraction], beta: Sequence[Fraction], title: str, reference: str, order: int
) -> Multistep:
    return Multistep(
        alpha=tuple(Rational(a.numerator, a.denominator) for a in alpha),
        beta=tuple(Rational(b.numerator, b.denominator) for b in beta),
        name=f"{family}-{k}",
        title=title,
        reference=reference,
        claims={"order": order, "zero_stable": family != "bdf" or k <= 6},
    )


Polynomial = list[Fraction]  # coefficients, lowest power first


def _difference(k: int, back: int) -> Polynomial:
    """α of y_{n+k} − y_{n+k−back}."""
    alpha = [Fraction(0)] * (k + 1)
    alpha[k] = Fraction(1)
    alpha[k - back] = Fraction(-1)
    return alpha


def _lagrange(nodes: Sequence[int]) -> list[Polynomial]:
    """The Lagrange basis on the nodes."""
    basis = []
    for j in nodes:
        ell: Polynomial = [Fraction(1)]
        for m in nodes:
            if m != j:  # times (x − m)/(j − m)
                ell = [(a - m * b) / (j - m) for a, b in zip([Fraction(0), *ell], [*ell, Fraction(0)], strict=True)]
        basis.append(ell)
    return basis


def _value(p: Polynomial, x: int) -> Fraction:
    return sum((c * x**i for i, c in enumerate(p)), Fraction(0))


def _derivative(p: Polynomial) -> Polynomial:
    return [i * c for i, c in enumerate(p)][1:]


def _integral(p: Polynomial, a: int, b: int) -> Fraction:
    primitive = [Fraction(0), *(c / (i + 1) for i, c in enumerate(p))]
    return _value(primitive, b) - _value(primitive, a)


def construct(family: str, k: int) -> Multistep:
    """The member of one of `FAMILIES` with k steps. Raises InputError for a k that has no member."""
    if not 1 <= k <= MAX_STEPS:
        raise InputError(f"{family}-{k}: between 1 and {MAX_STEPS} steps can be constructed")
    return FAMILIES[family](k)
