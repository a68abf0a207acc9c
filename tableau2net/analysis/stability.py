"""Exact zero-stability of linear multistep methods, and the step they effectively take."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from sympy import Expr, Poly, Symbol, cancel

from tableau2net.analysis.domain import domain_of
from tableau2net.scheme import Multistep, Scheme

Z = Symbol("z")


def characteristic(coefficients: tuple[Expr, ...]) -> Poly:
    """ρ(z) = Σ α_j z^j or σ(z) = Σ β_j z^j, over the exact domain of the coefficients."""
    return Poly(list(reversed(coefficients)), Z, domain=domain_of(coefficients).domain)


def zero_stable(scheme: Scheme) -> bool:
    """Whether a scheme is zero-stable: the roots of ρ lie in the closed unit disk, those on the circle simple
    (Dahlquist's root condition; HNW I, III.3, Definition 3.2). One-step methods always are.

    Decided in exact arithmetic. Open parameters are set to their declared values.
    """
    if not isinstance(scheme, Multistep):
        return True
    return root_condition(characteristic(scheme.at_defaults().alpha))


def root_condition(rho: Poly) -> bool:
    """Whether all roots of ρ lie in the closed unit disk and those on the unit circle are simple; exact."""
    for factor, multiplicity in rho.sqf_list()[1]:
        if multiplicity > 1:
            if not _inside(factor):
                return False
            continue
        # roots on the circle are common to p(z) and z^n p(1/z), and so are pairs z, 1/z: one of those is outside
        shared = factor.gcd(_reversed(factor))
        if not _inside(factor.quo(shared)) or not _on_circle(shared):
            return False
    return True


def _reversed(p: Poly) -> Poly:
    return Poly(list(reversed(p.all_coeffs())), Z, domain=p.domain)


def _inside(p: Poly) -> bool:
    """Whether all roots lie in the open unit disk (Schur–Cohn: p is so iff |p(0)| < |leading coefficient| and the
    reduced polynomial, of one degree less, is so; Henrici 1974, §6.8)."""
    sign = _sign(p.domain)
    c = [p.domain.convert(x) for x in p.rep.to_list()]
    while len(c) > 1:
        lead, last = c[0], c[-1]
        if sign(lead * lead - last * last) <= 0:
            return False
        c = [lead * a - last * b for a, b in zip(c[:-1], reversed(c[1:]), strict=True)]
    return True


def _on_circle(p: Poly) -> bool:
    """Whether all roots of a square-free self-reciprocal polynomial lie on the unit circle: with x = z + 1/z, whether
    the polynomial in x has all its roots in [−2, 2], counted by Sturm."""
    for root in (1, -1):
        if bool(p.eval(root) == 0):
            p = p.quo(Poly(Z - root, Z, domain=p.domain))
    if p.degree() < 1:
        return True
    q = _in_x(p)
    return bool(_sturm_count(q) == q.degree())


def _in_x(p: Poly) -> Poly:
    """q with p(z) = z^m q(z + 1/z), for a self-reciprocal p of even degree 2m: z^j + z^−j are Chebyshev's in x."""
    m = p.degree() // 2
    c = p.all_coeffs()
    x = Poly(Z, Z, domain=p.domain)
    powers = [Poly(2, Z, domain=p.domain), x]  # z^j + z^−j
    while len(powers) <= m:
        powers.append(x * powers[-1] - powers[-2])
    q = Poly(c[m], Z, domain=p.domain)
    for j in range(1, m + 1):
        q += powers[j].mul_ground(p.domain.from_sympy(c[m - j]))
    return q


def _sturm_count(q: Poly) -> int:
    """How many distinct real roots a square-free q has in (−2, 2); q(±2) ≠ 0 is given."""
    sign = _sign(q.domain)
    chain = [q, q.diff()]
    while chain[-1].degree() > 0:
        chain.append(-chain[-2].rem(chain[-1]))

    def variations(at: int) -> int:
        signs = [s for p in chain if (s := sign(p.domain.from_sympy(p.eval(at))))]
        return sum(a != b for a, b in itertools.pairwise(signs))

    return variations(-2) - variations(2)


def _sign(domain: Any) -> Callable[[Any], int]:
    """The sign of an element of ℚ or a real number field; zero is decided exactly, the rest to enough digits."""

    def sign(element: Any) -> int:
        if not element:
            return 0
        if domain.is_QQ or domain.is_ZZ:
            return 1 if element > 0 else -1
        value, digits = domain.to_sympy(element), 15
        while True:
            number = value.evalf(digits, maxn=100 * digits)
            if number.is_comparable and abs(number) > 10 ** (-digits // 2):
                return 1 if number > 0 else -1
            digits *= 2

    return sign


def effective_step(scheme: Scheme) -> Expr | None:
    """The step that a multistep method really takes, in units of h: σ(1)/ρ'(1).

    1 for a consistent method; LM's is 1/(1 + k), since it solves u' = f/(1 + k). None where it is not defined
    (ρ(1) ≠ 0 or ρ'(1) = 0 identically) and for families to which it does not apply."""
    if not isinstance(scheme, Multistep):
        return None
    slope = sum(j * a for j, a in enumerate(scheme.alpha))
    if cancel(sum(scheme.alpha)) != 0 or cancel(slope) == 0:
        return None
    return cancel(sum(scheme.beta) / slope)
