"""Real polynomials in one variable, exactly: signs, real roots as algebraic numbers, roots in a half-plane.

Coefficients lie in ℚ or a real number field. Real roots over a number field are found among those of its norm, a
polynomial over ℚ, so that every root has an isolating interval with rational ends and a minimal polynomial over ℚ.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from sympy import QQ, ZZ, CRootOf, Expr, Float, Poly, Rational, Symbol, sqrt, sqrtdenest
from sympy.polys.rootisolation import dup_isolate_real_roots_sqf

Element = Any  # of a sympy domain
X = Symbol("x")
MAX_BITS = 8000  # degree times length of a coefficient: longer polynomials take seconds to factor


def sign_in(domain: Any) -> Callable[[Element], int]:
    """The sign of an element of ℚ or a real number field: zero is decided exactly, the rest to enough digits."""
    if domain.is_QQ or domain.is_ZZ:
        return lambda element: (element > 0) - (element < 0)
    root = domain.ext.as_expr()
    known: dict[int, int] = {}

    def scaled_root(bits: int) -> int:
        if bits not in known:
            known[bits] = int((Rational(root.evalf(bits // 3 + 30)) * 2**bits).floor())
        return known[bits]

    def sign(element: Element) -> int:
        parts = [Fraction(int(c.numerator), int(c.denominator)) for c in element.to_list()]
        bits = 64
        while parts:
            theta = scaled_root(bits)
            value, size, slope = Fraction(0), Fraction(0), Fraction(0)  # p(θ), and a bound on |p'| near it
            x = Fraction(theta, 2**bits)
            for c in parts:  # Horner, with bounds on |p| and |p'| at |θ| + 1
                value = value * x + c
                slope = slope * (abs(x) + 1) + size
                size = size * (abs(x) + 1) + abs(c)
            if abs(value) > 2 * slope / 2**bits:
                return 1 if value > 0 else -1
            bits *= 2
        return 0

    return sign


@dataclass(frozen=True)
class RealRoot:
    """A real algebraic number: the only root of a square-free polynomial over ℚ in [low, high].

    coefficients: whole numbers, highest power first. low = high where the root is rational and known."""

    coefficients: tuple[int, ...]
    low: Any
    high: Any

    def halved(self) -> RealRoot:
        """The same root in an interval at most half as wide."""
        if self.low == self.high:
            return self
        middle = (self.low + self.high) / 2
        at = _value(self.coefficients, middle)
        if not at:
            return replace(self, low=middle, high=middle)
        below = _value(self.coefficients, self.low)
        return replace(self, low=middle) if (below > 0) == (at > 0) else replace(self, high=middle)

    def within(self, width: Any) -> RealRoot:
        """The same root in an interval no wider than `width`."""
        root = self
        while root.high - root.low > width:
            root = root.halved()
        return root

    def expression(self) -> Expr:
        """The number itself: rational, with a square root, or sympy's ``CRootOf``; see `decimal` for those whose
        polynomial is too long to write down."""
        if self.low == self.high:
            return _rational(self.low)
        return self.decimal() if self._long() else self._of(self._minimal())

    def decimal(self) -> Expr:
        """A positive number to 30 digits, from an isolating interval; a sympy Float, which says that it is not
        exact."""
        root = self
        while root.high > 2 * root.low:  # an interval from nearly 0 says nothing of the size yet
            root = root.halved()
        narrow = root.within(root.low / 10**32)
        return Float(_rational((narrow.low + narrow.high) / 2), 30)

    def _long(self) -> bool:
        bits = max(c.bit_length() for c in self.coefficients)
        return (len(self.coefficients) - 1) * bits > MAX_BITS

    def square_root(self) -> Expr:
        """√ of a positive root, exactly."""
        if self.low == self.high:
            return sqrt(_rational(self.low))
        if self._long():
            return sqrt(self.decimal())
        minimal = self._minimal()
        if minimal.degree() <= 2:
            return sqrtdenest(sqrt(self._of(minimal)))
        squares = positive_roots([minimal.compose(Poly(X**2, X))])  # in the same order
        return squares[self._place(real_roots(minimal, positive=True))].expression()

    def simplified(self) -> RealRoot:
        """The same number by its irreducible polynomial."""
        if self.low == self.high:
            return replace(self, coefficients=(int(self.low.denominator), -int(self.low.numerator)))
        p = self._minimal()
        if p.degree() > 1:
            return replace(self, coefficients=_whole(p))
        a, b = _whole(p)
        return RealRoot((a, b), QQ(-b, a), QQ(-b, a))

    def _minimal(self) -> Poly:
        """The irreducible factor that has the root."""
        factors = [p for p, _ in Poly.from_list(list(self.coefficients), X, domain=QQ).factor_list()[1]]
        return next(p for p in factors if _changes_sign(p, self))

    def _of(self, minimal: Poly) -> Expr:
        if minimal.degree() == 1:
            a, b = minimal.all_coeffs()
            return -b / a
        place = self._place(real_roots(minimal))
        if minimal.degree() == 2:
            a, b, c = minimal.all_coeffs()
            root = sqrt(b**2 - 4 * a * c) / (2 * abs(a))
            return -b / (2 * a) + (root if place else -root)
        return CRootOf(minimal.as_expr(), X, place)

    def _place(self, roots: list[RealRoot]) -> int:
        """Which of the roots of a divisor it is."""
        return next(i for i, root in enumerate(roots) if _same(root, self))


def _same(root: RealRoot, other: RealRoot) -> bool:
    """Whether two roots of one polynomial are the same: the interval of `other` holds only one."""
    while root.high >= other.low and root.low <= other.high:
        if other.low <= root.low and root.high <= other.high:
            return True
        root = root.halved()
    return False


def _changes_sign(p: Poly, root: RealRoot) -> bool:
    low, high = (_value(_whole(p), end) for end in (root.low, root.high))
    return bool((low > 0) != (high > 0))


def positive_roots(polys: Iterable[Poly]) -> list[RealRoot]:
    """The positive roots of some polynomials together, each once, in order and in disjoint intervals above 0.

    Polynomials that vanish identically are passed over. Coefficients in ℚ or a real number field."""
    kept: list[RealRoot] = []
    seen: list[tuple[Poly, Poly]] = []
    for p in polys:
        if p.degree() < 1:
            continue
        own, norm = _square_free_with_norm(_without_zero(p.replace(X)))
        for other, other_norm in seen:
            if own is not norm and norm.gcd(other_norm).degree() < 1:
                continue  # norms without a common root: the polynomials have none
            common = own.gcd(other)
            if common.degree() > 0:
                own, norm = _square_free_with_norm(own.quo(common))
        if own.degree() < 1:
            continue
        seen.append((own, norm))
        roots = real_roots(norm, positive=True)
        kept += roots if own is norm else [root for root in roots if _vanishes(own, root)]
    return _disjoint(kept)


def _square_free_with_norm(p: Poly) -> tuple[Poly, Poly]:
    """p without multiple roots, and its norm over ℚ without them: the same object where p is rational.

    Gcds over a number field are slow, and not needed where the norm has no multiple root."""
    if p.domain.is_QQ:
        own = _square_free(p)
        return own, own
    norm = p.norm()
    free = _square_free(norm)
    if free.degree() == norm.degree():
        return p, free
    own = _square_free(p)
    return own, _square_free(own.norm())


def real_roots(p: Poly, positive: bool = False) -> list[RealRoot]:
    """The real roots of a square-free polynomial over ℚ, or those above 0, in order (by continued fractions: Vincent
    1836; Akritas 1980)."""
    whole = _whole(p)
    roots = []
    for low, high in dup_isolate_real_roots_sqf(list(map(ZZ, whole)), ZZ, inf=QQ(0) if positive else None):
        own = whole
        for end in {low, high} if low < high else ():
            if not _value(whole, end):  # another root, known exactly
                own = _whole(Poly.from_list(list(own), X, domain=QQ).quo(Poly([1, -_rational(end)], X, domain=QQ)))
        root = RealRoot(own, QQ(low), QQ(high))
        while positive and root.low <= 0 < root.high:
            root = root.halved()
        if root.low > 0 or not positive:
            roots.append(root)
    return roots


def _disjoint(roots: list[RealRoot]) -> list[RealRoot]:
    """Roots of which no two are equal, in order and in intervals with room between them."""
    ordered = sorted(roots, key=lambda r: r.low + r.high)
    i = 0
    while i + 1 < len(ordered):
        a, b = ordered[i], ordered[i + 1]
        if a.high < b.low:
            i += 1
            continue
        ordered[i : i + 2] = sorted((a.halved(), b.halved()), key=lambda r: r.low + r.high)
        i = max(i - 1, 0)
    return ordered


def _vanishes(p: Poly, root: RealRoot) -> bool:
    """Whether a square-free polynomial over a number field, a factor of the root's, has it for a root too."""
    sign = sign_in(p.domain)

    def at_ends() -> list[int]:
        return [sign(evaluate(p, end)) for end in (root.low, root.high)]

    ends = at_ends()
    while 0 in ends and root.low < root.high:  # an end of the interval is another root of p
        root = root.halved()
        ends = at_ends()
    return ends[0] == 0 if root.low == root.high else ends[0] * ends[1] < 0


def samples(roots: Sequence[RealRoot]) -> list[Any]:
    """A rational point in each of the intervals that positive roots cut (0, ∞) into."""
    if not roots:
        return [QQ(1)]
    between = [(a.high + b.low) / 2 for a, b in itertools.pairwise(roots)]
    return [roots[0].low / 2, *between, roots[-1].high + 1]


def non_negative(p: Poly) -> bool:
    """Whether p(x) ≥ 0 for all x ≥ 0: the roots where its sign changes are isolated, or counted by Sturm's theorem."""
    if p.is_zero:
        return True
    sign = sign_in(p.domain)
    if sign(_coefficients(p)[0]) < 0:
        return False
    p = _without_zero(p)
    odd = Poly(1, p.gen, domain=p.domain)
    for factor, multiplicity in p.sqf_list()[1]:
        odd *= factor if multiplicity % 2 else 1
    if odd.domain.is_QQ:
        return not real_roots(odd, positive=True)
    return count_real_roots(odd, 0, None) == 0


def count_real_roots(p: Poly, low: Any, high: Any) -> int:
    """How many distinct real roots a square-free p has in (low, high), by Sturm's theorem; None is infinity.

    p does not vanish at the ends."""
    chain, sign = sturm_chain(p), sign_in(p.domain)

    def variations(at: Any, infinity: int) -> int:
        signs = [sign(_at(q, at, infinity)) for q in chain]
        return sum(a != b for a, b in itertools.pairwise([s for s in signs if s]))

    return variations(low, -1) - variations(high, 1)


def sturm_chain(p: Poly) -> list[Poly]:
    """p, p′ and the negated remainders, each divided by a positive number to keep it short."""
    sign = sign_in(p.domain)
    chain = [p, p.diff()]
    while chain[-1].degree() > 0:
        rest = -chain[-2].rem(chain[-1])
        if rest.is_zero:
            break
        lead = _coefficients(rest)[0]
        chain.append(rest.quo_ground(p.domain.to_sympy(lead if sign(lead) > 0 else -lead)))
    return chain


def _at(p: Poly, point: Any, infinity: int) -> Element:
    if p.is_zero:
        return p.domain.zero
    if point is not None:
        return evaluate(p, point)
    lead = _coefficients(p)[0]
    return lead if infinity > 0 or p.degree() % 2 == 0 else -lead


def hurwitz(p: Poly) -> bool:
    """Whether all roots have a negative real part (Routh's algorithm; HNW I, I.13)."""
    sign = sign_in(p.domain)
    c = _coefficients(p)
    first, second = list(c[0::2]), list(c[1::2])
    while second:
        if sign(first[0]) * sign(second[0]) <= 0:
            return False
        ratio = first[0] / second[0]
        padded = [*second, *[p.domain.zero] * (len(first) - len(second))]
        first, second = second, [a - ratio * b for a, b in zip(first[1:], padded[1:], strict=True)]
    return len(first) == 1


def _without_zero(p: Poly) -> Poly:
    """p without its roots at 0."""
    c = p.rep.to_list()
    while not c[-1]:
        c = c[:-1]
    return Poly(c, p.gen, domain=p.domain)


def _square_free(p: Poly) -> Poly:
    return p.quo(p.gcd(p.diff()))


def evaluate(p: Poly, x: Any) -> Element:
    """p at a rational x, as an element of its domain."""
    at = p.domain.convert(QQ(int(x.numerator), int(x.denominator)))
    value = p.domain.zero
    for c in _coefficients(p):
        value = value * at + c
    return value


def _coefficients(p: Poly) -> tuple[Any, ...]:
    return tuple(p.domain.convert(c) for c in p.rep.to_list())


def _value(coefficients: Sequence[int], x: Any) -> int:
    """The value at x = a/b times b^n: whole numbers only, for its sign."""
    a, b = int(x.numerator), int(x.denominator)
    value, power = 0, 1
    for c in coefficients:
        value = value * a + c * power
        power *= b
    return value


def _whole(p: Poly) -> tuple[int, ...]:
    """A polynomial over ℚ times a positive number, with whole coefficients."""
    return tuple(int(c) for c in p.clear_denoms(convert=True)[1].rep.to_list())


def _rational(x: Any) -> Rational:
    return Rational(int(x.numerator), int(x.denominator))
