"""Polynomials in x = cos θ on [−1, 1], exactly: their sign, their roots, and the largest value of a quotient of two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import QQ, Poly
from sympy import Symbol as Variable

from tableau2net.exact.polynomials import RealRoot, X, evaluate, non_negative, positive_roots, samples

VALUE = Variable("v")


def never_negative(p: Poly) -> bool:
    """Whether p ≥ 0 on [−1, 1]: with x = (1 − t)/(1 + t) that is a polynomial in t ≥ 0 (Sturm)."""
    return non_negative(_over_the_half_line(p))


def roots_between(p: Poly) -> list[RealRoot]:
    """The roots in the open (−1, 1), each once, in order."""
    moved = p.compose(Poly(X - 1, X, domain=p.domain))
    return [_moved_back(root) for root in map(_beside_two, positive_roots([moved])) if root.high < 2]


def _beside_two(root: RealRoot) -> RealRoot:
    """The same root in an interval that does not hold 2, but for 2 itself."""
    if not _at(root, 2):
        return replace(root, low=QQ(2), high=QQ(2)) if root.low <= 2 <= root.high else root
    while root.low <= 2 <= root.high:
        root = root.halved()
    return root


def _at(root: RealRoot, x: int) -> int:
    return sum(c * x**n for n, c in enumerate(reversed(root.coefficients)))


def _moved_back(root: RealRoot) -> RealRoot:
    p = Poly.from_list(list(root.coefficients), X, domain=QQ).compose(Poly(X + 1, X, domain=QQ))
    whole = tuple(int(c) for c in p.rep.to_list())
    return RealRoot(whole, root.low - 1, root.high - 1)


def largest(numerator: Poly, denominator: Poly) -> RealRoot | None:
    """The largest value on [−1, 1] of a quotient that is somewhere positive, its denominator nowhere less than 0; None
    where it grows without bound.

    It is a value at an end or at a critical point: a root of a resultant. Which, Sturm says at a rational between each
    two of them."""
    common = numerator.gcd(denominator)
    above, below = numerator.quo(common), denominator.quo(common)
    if not _positive(below):
        below, above = -below, -above
    if not _positive(below):
        return None
    ends = [_linear(above, below, QQ(end)) for end in (-1, 1)]
    slope = above.diff() * below - above * below.diff()
    critical = slope.quo(slope.gcd(above))  # where both vanish the quotient is 0
    curves = [_values_at_roots(above, below, critical)] if critical.degree() > 0 else []
    candidates = positive_roots([*ends, *curves])
    for root, beyond in zip(candidates, samples(candidates)[1:], strict=True):
        if never_negative(below.mul_ground(below.domain.convert_from(beyond, QQ)) - above):
            return root
    raise AssertionError("a maximum is at an end or at a critical point")


def _positive(p: Poly) -> bool:
    """Whether p > 0 on [−1, 1]."""
    return never_negative(p) and not roots_between(p) and all(evaluate(p, QQ(end)) for end in (-1, 1))


def _linear(above: Poly, below: Poly, x: Any) -> Poly:
    """The polynomial in v whose root is the quotient at x."""
    return Poly.from_list([evaluate(below, x), -evaluate(above, x)], X, domain=above.domain)


def _values_at_roots(above: Poly, below: Poly, p: Poly) -> Poly:
    """The polynomial whose roots are the values of above/below at the roots of p."""
    domain = above.domain
    curve = {(i, 0): c for (i,), c in above.rep.to_dict().items()}
    for (i,), c in below.rep.to_dict().items():
        curve[(i, 1)] = -c
    rows = Poly.from_dict(curve, X, VALUE, domain=domain)
    found = rows.resultant(Poly.from_dict({(i, 0): c for (i,), c in p.rep.to_dict().items()}, X, VALUE, domain=domain))
    return found.replace(VALUE, X)


def _over_the_half_line(p: Poly) -> Poly:
    """(1 + t)^n p((1 − t)/(1 + t))."""
    n = max(p.degree(), 0)
    minus, plus = (Poly([sign, 1], X, domain=p.domain) for sign in (-1, 1))
    terms = ((minus**k * plus ** (n - k)).mul_ground(c) for (k,), c in p.rep.to_dict().items())
    return sum(terms, p.zero)
