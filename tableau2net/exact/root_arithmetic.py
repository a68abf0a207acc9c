"""Sums, quotients and square roots of real algebraic numbers, each again the root of a polynomial over ℚ, by
resultants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import QQ, Dummy, Poly

from tableau2net.exact.polynomials import RealRoot, X, real_roots

Y = Dummy("y")
Ends = tuple[Any, Any]


def whole(value: Any) -> RealRoot:
    """A rational number as a root."""
    at = QQ(int(value.numerator), int(value.denominator))
    return RealRoot((int(at.denominator), -int(at.numerator)), at, at)


def total(a: RealRoot, b: RealRoot) -> RealRoot:
    """a + b."""
    if _rational(b):
        a, b = b, a
    if _rational(a) and _rational(b):
        return whole(a.low + b.low)
    found = _resultant(_poly(a).compose(Poly(X - Y, X, Y, domain=QQ)), b) if not _rational(a) else _moved(b, a.low)
    return _found(found, a, b, lambda p, q: (p[0] + q[0], p[1] + q[1]))


def quotient(a: RealRoot, b: RealRoot) -> RealRoot:
    """a/b of positive numbers."""
    if _rational(a) and _rational(b):
        return whole(a.low / b.low)
    if _rational(b):
        return scaled(a, b.low)
    scaled_by_y = _poly(a).as_expr().subs(X, X * Y)
    return _found(_resultant(Poly(scaled_by_y, X, Y, domain=QQ), b), a, b, lambda p, q: (p[0] / q[1], p[1] / q[0]))


def scaled(a: RealRoot, by: Any) -> RealRoot:
    """a over a positive rational number."""
    p, q = int(by.numerator), int(by.denominator)
    n = len(a.coefficients) - 1
    return RealRoot(tuple(c * p ** (n - k) * q**k for k, c in enumerate(a.coefficients)), a.low / by, a.high / by)


def root(a: RealRoot) -> RealRoot:
    """√a of a number that is not negative."""
    if _rational(a) and not a.low:
        return a
    squared = _poly(a).compose(Poly(X**2, X, domain=QQ))
    candidates = real_roots(_square_free(squared), positive=True)
    return _only(candidates, a, lambda r: (r.low**2, r.high**2))


def larger(a: RealRoot, b: RealRoot) -> RealRoot:
    """The larger of two; either where two hundred halvings do not part them."""
    for _ in range(200):
        if a.high < b.low or b.high < a.low or (a.low == a.high and b.low == b.high):
            break
        a, b = a.halved(), b.halved()
    return b if b.low > a.high else a


def _rational(a: RealRoot) -> bool:
    return bool(a.low == a.high)


def _poly(a: RealRoot) -> Poly:
    if _rational(a):
        return Poly(X - QQ.to_sympy(a.low), X, domain=QQ)
    return Poly.from_list(list(a.coefficients), X, domain=QQ)


def _moved(b: RealRoot, by: Any) -> Poly:
    return _poly(b).compose(Poly(X - QQ.to_sympy(by), X, domain=QQ))


def _resultant(joint: Poly, b: RealRoot) -> Poly:
    """Without y, which is b."""
    other = _poly(b).as_expr().subs(X, Y)
    return Poly(Poly(joint.as_expr(), Y).resultant(Poly(other, Y)).as_expr(), X, domain=QQ)


def _square_free(p: Poly) -> Poly:
    return p.quo(p.gcd(p.diff()))


def _found(p: Poly, a: RealRoot, b: RealRoot, ends: Callable[[Ends, Ends], Ends]) -> RealRoot:
    """The root of p that lies where interval arithmetic says, however narrow."""
    roots = real_roots(_square_free(p))
    while True:
        low, high = ends((a.low, a.high), (b.low, b.high))
        left = [r for r in roots if r.low <= high and low <= r.high]
        if len(left) == 1:
            return left[0]
        a, b, roots = a.halved(), b.halved(), [r.halved() for r in left]


def _only(roots: list[RealRoot], a: RealRoot, image: Callable[[RealRoot], Ends]) -> RealRoot:
    while True:
        left = [r for r in roots if image(r)[0] <= a.high and a.low <= image(r)[1]]
        if len(left) == 1:
            return left[0]
        a, roots = a.halved(), [r.halved() for r in left]
