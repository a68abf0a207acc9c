"""Where the roots of a real polynomial lie with respect to the unit disk, exactly."""

from __future__ import annotations

from typing import Any

from sympy import Poly

from tableau2net.exact.polynomials import count_real_roots, evaluate, sign_in


def root_condition(p: Poly, multiplicity: int = 1) -> bool:
    """Whether all roots lie in the closed unit disk, those on the circle at most `multiplicity`-fold; exact.

    1 is Dahlquist's root condition (HNW I, III.3, Definition 3.2), 2 the one for y'' = f (HNW I, III.10)."""
    for factor, times in p.sqf_list()[1]:
        rest, circle = split(factor)
        if not _inside(rest) or circle is None or (times > multiplicity and circle.degree() > 0):
            return False
    return True


def in_closed_disk(p: Poly) -> bool:
    """Whether no root lies outside the unit circle; exact."""
    return root_condition(p, p.degree() + 1)


def split(p: Poly) -> tuple[Poly, Poly | None]:
    """A square-free p as (roots off the circle, roots on it); None for the second where pairs r, 1/r are left.

    Roots on the circle are common to p(z) and z^n p(1/z), and so are pairs r, 1/r: one of those is outside."""
    shared = p.gcd(_reversed(p))
    return p.quo(shared), shared if _on_circle(shared) else None


def _reversed(p: Poly) -> Poly:
    return Poly(list(reversed(p.all_coeffs())), p.gen, domain=p.domain)


def _inside(p: Poly) -> bool:
    """Whether all roots lie in the open unit disk (Schur–Cohn: p is so iff |p(0)| < |leading coefficient| and the
    reduced polynomial, of one degree less, is so; Henrici 1974, §6.8)."""
    sign = sign_in(p.domain)
    c = [p.domain.convert(x) for x in p.rep.to_list()]
    while len(c) > 1:
        last = c[-1] / c[0]
        if sign(p.domain.one - last * last) <= 0:
            return False
        lead = c[0]  # monic at each turn: numbers then grow linearly, not twofold
        c = [a / lead for a in c]
        c = [a - last * b for a, b in zip(c[:-1], reversed(c[1:]), strict=True)]
    return True


def _on_circle(p: Poly) -> bool:
    """Whether all roots of a square-free self-reciprocal polynomial lie on the unit circle: with x = z + 1/z, whether
    the polynomial in x has all its roots in [−2, 2], counted by Sturm."""
    for root in (1, -1):
        if not evaluate(p, root):
            p = p.quo(Poly(p.gen - root, p.gen, domain=p.domain))
    if p.degree() < 1:
        return True
    q = _in_x(p)
    return bool(count_real_roots(q, -2, 2) == q.degree())


def _in_x(p: Poly) -> Poly:
    """q with p(z) = z^m q(z + 1/z), for a self-reciprocal p of even degree 2m: z^j + z^−j are Chebyshev's in x."""
    m = p.degree() // 2
    c: list[Any] = p.all_coeffs()
    x = Poly(p.gen, p.gen, domain=p.domain)
    powers = [Poly(2, p.gen, domain=p.domain), x]  # z^j + z^−j
    while len(powers) <= m:
        powers.append(x * powers[-1] - powers[-2])
    q = Poly(c[m], p.gen, domain=p.domain)
    for j in range(1, m + 1):
        q += powers[j].mul_ground(p.domain.from_sympy(c[m - j]))
    return q
