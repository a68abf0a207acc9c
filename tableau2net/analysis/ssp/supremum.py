"""The largest r for which finitely many functions of r are all nonnegative, where they are so exactly on [0, r].

Every step-size coefficient of this package is such a number. A floating-point guess only says where to look: that
the functions are nonnegative at a point, and that one of them is negative beyond it, is decided in exact arithmetic
at rational points, and at an algebraic point by enclosures and exact division.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Protocol

from mpmath import iv
from sympy import QQ, Expr, Poly, Rational, Symbol, oo, rootof

from tableau2net.exact.enclosure import Enclosure, enclose, holds_zero, precision
from tableau2net.exact.polynomials import sign_in

R = Symbol("r")
WIDTH = Fraction(1, 10**13)  # of an isolating interval, relative to r where r > 1
LARGE = Fraction(2**40)  # feasible here: is it feasible for all r?
MAX_FACTORED = 24  # degree up to which a polynomial is factored to name its root,
MAX_BITS_FACTORED = 8000  # if its coefficients together are no longer than this,
MAX_BITS_NAMED = 256  # and those of the factor no longer than what can be read


@dataclass(frozen=True)
class Isolated:
    """A real number known only by rationals around it, low ≤ number ≤ high, each end proved."""

    low: Rational
    high: Rational

    def __float__(self) -> float:
        return float((self.low + self.high) / 2)

    def __str__(self) -> str:
        return f"{float(self):.13g} (isolated to {float(self.high - self.low):.1g})"


class Constraints(Protocol):
    """Functions g_key(r), rational in r with positive denominators where all are nonnegative.

    {r ≥ 0 : all g ≥ 0} is an interval from 0 and closed; the class that implements this says why."""

    def guess(self) -> float:
        """Roughly where the first function turns negative; any value is safe."""
        ...

    def violated(self, r: Fraction) -> dict[Hashable, float] | None:
        """The functions that are negative at r, with how much; exact. A pole violates under the key None.

        None where the question is not decided within the bounds of the work."""
        ...

    def numerator(self, key: Hashable) -> Poly | None:
        """A polynomial in R with the sign of g_key wherever all functions are nonnegative and just beyond, over the
        domain of the coefficients; None where finding it is too much work."""
        ...

    def enclosures(self, r: Enclosure) -> Mapping[Hashable, Enclosure] | None:
        """Every g over an interval of r, or None where a pole or something undecided is in it."""
        ...

    def unbounded(self) -> bool | None:
        """Whether all are nonnegative for every r, asked where they are at LARGE; None where it is not decided."""
        ...


def supremum(constraints: Constraints) -> Expr | Isolated | None:
    """The largest feasible r: exact (rational, a square root, or sympy's `rootof`), infinity, or an isolating interval;
    None where it is not decided within the bounds of the work. r = 0 is feasible."""
    low, high = Fraction(0), _short(constraints.guess())
    found: dict[Hashable, float] | None
    while not (found := constraints.violated(high)):
        if found is None:
            return None
        low, high = high, 2 * high
        if high > 2 * LARGE:
            return oo if constraints.unbounded() else None
    stuck: set[Hashable] = {None}  # functions whose polynomial does not show where they turn negative
    while high - low > WIDTH * max(Fraction(1), low):
        keys = [key for key in found if key not in stuck]
        key = min(keys, key=found.__getitem__, default=None)
        inner = None if key is None else _turning(constraints.numerator(key), low, high)
        if inner is None:
            stuck.add(key)
            tests = [_between(low, high)]
        else:
            root = _named(*inner)
            if root is not None and root.feasible(constraints):
                return root.expression()
            tests = [max(low, _below(inner[1])), min(high, _above(inner[2]))]
        for r in tests:
            if (at := constraints.violated(r)) is None:
                return None
            if at:
                high, found = r, at
                break
            low = r
    return Isolated(_rational(low), _rational(high))


def _below(x: Fraction) -> Fraction:
    """A short rational just below x ≥ 0, not under 0."""
    return simplest(max(Fraction(0), x - WIDTH / 2), max(Fraction(0), x - WIDTH / 4))


def _above(x: Fraction) -> Fraction:
    return simplest(x + WIDTH / 4, x + WIDTH / 2)


def _short(guess: float) -> Fraction:
    """A short rational just above the guess."""
    guess = min(max(guess, 2.0**-40), float(LARGE))
    return simplest(Fraction(guess) * (1 + Fraction(1, 2**26)), Fraction(guess) * (1 + Fraction(1, 2**24)))


def _between(low: Fraction, high: Fraction) -> Fraction:
    """A short rational well inside an interval."""
    third = (high - low) / 3
    return simplest(low + third, high - third)


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """The rational of least denominator in [low, high], 0 ≤ low (by continued fractions)."""
    whole = -(-low.numerator // low.denominator)
    if whole <= high:
        return Fraction(whole)
    whole -= 1
    return whole + 1 / simplest(1 / (high - whole), 1 / (low - whole))


@dataclass(frozen=True)
class SignChange:
    """A real root where a polynomial turns negative: the only one of `minimal` in [low, high], or both ends."""

    minimal: Poly  # over ℚ, irreducible
    low: Fraction
    high: Fraction

    def expression(self) -> Expr:
        if self.low == self.high:
            return Rational(self.low.numerator, self.low.denominator)
        before = self.minimal.count_roots(None, _rational(self.low))
        return rootof(self.minimal, before, radicals=True)

    def refined(self, bits: int) -> SignChange:
        low, high = _bisected(self.minimal, self.low, self.high, Fraction(1, 2**bits))
        return SignChange(self.minimal, low, high)

    def feasible(self, constraints: Constraints) -> bool:
        """Whether every function is nonnegative at the root; False also where that could not be proved."""
        if self.low == self.high:
            return constraints.violated(self.low) == {}
        zero: set[Hashable] = set()
        for bits in (128, 256, 512):
            root = self.refined(bits)
            with precision(bits + 32):
                found = constraints.enclosures(_spanning(root.low, root.high))
                if found is None:
                    continue
                if any(g.b < 0 for g in found.values()):
                    return False
                unclear = [key for key, g in found.items() if key not in zero and holds_zero(g)]
            for key in unclear:
                polynomial = constraints.numerator(key)
                if polynomial is None:
                    return False
                if root.is_root_of(polynomial):
                    zero.add(key)
            if zero.issuperset(unclear):
                return True
        return False

    def is_root_of(self, polynomial: Poly) -> bool:
        """Whether another polynomial vanishes at the root too; exact."""
        if polynomial.is_zero:
            return True
        if polynomial.domain.is_QQ:
            return bool(polynomial.rem(self.minimal).is_zero)
        common = polynomial.gcd(self.minimal.set_domain(polynomial.domain))
        return common.degree() > 0 and _sign_at(common, self.low) * _sign_at(common, self.high) < 0


def _spanning(low: Fraction, high: Fraction) -> Enclosure:
    ends = [iv.mpf(x.numerator) / x.denominator for x in (low, high)]
    return iv.mpf([ends[0].a, ends[1].b])


def _rational(x: Fraction) -> Rational:
    return Rational(x.numerator, x.denominator)


Turning = tuple[Poly, Fraction, Fraction]


def _turning(polynomial: Poly | None, low: Fraction, high: Fraction) -> Turning | None:
    """A narrow interval within [low, high] in which the polynomial turns negative, as it is at `high`; None if it is so
    at `low` too."""
    if polynomial is None or _sign_at(polynomial, low) < 0 or _sign_at(polynomial, high) >= 0:
        return None
    return (polynomial, *_bisected(polynomial, low, high, Fraction(1, 2**100)))


def _named(polynomial: Poly, low: Fraction, high: Fraction) -> SignChange | None:
    """The root there by its minimal polynomial over ℚ; None where that is not of readable size."""
    rational = simplest(low, high)
    if _sign_at(polynomial, rational) == 0:
        linear = Poly(R - _rational(rational), R, domain=QQ)
        alone = not _may_vanish(_without(polynomial, linear), rational, high)
        return SignChange(linear, rational, rational) if alone else None
    if polynomial.degree() > MAX_FACTORED or _bits(polynomial) > MAX_BITS_FACTORED:
        return None
    rationals = polynomial if polynomial.domain.is_QQ else polynomial.norm()
    part = rationals.quo(rationals.gcd(rationals.diff()))
    ends = _rational(low), _rational(high)
    factors = [f for f, _ in part.factor_list()[1] if _sign_at(f, low) != _sign_at(f, high)]
    if len(factors) != 1 or _bits(factors[0]) > MAX_BITS_NAMED or part.count_roots(*ends) != 1:
        return None
    minimal = factors[0]
    if minimal.degree() == 1:
        root = -minimal.nth(0) / minimal.nth(1)
        low = high = Fraction(int(root.p), int(root.q))
    return SignChange(minimal, low, high)


def _bits(polynomial: Poly) -> int:
    """The length of all coefficients together, as integers without a common factor."""
    if not polynomial.domain.is_QQ:
        flat = [x for c in polynomial.rep.to_list() for x in c.to_list()]
        return sum(int(x.numerator).bit_length() + int(x.denominator).bit_length() for x in flat)
    whole = polynomial.clear_denoms(convert=True)[1].primitive()[1]
    return sum(int(c).bit_length() for c in whole.rep.to_list())


def _without(polynomial: Poly, linear: Poly) -> Poly:
    """The polynomial divided by a factor as often as it goes."""
    factor = linear.set_domain(polynomial.domain)
    while True:
        quotient, rest = polynomial.div(factor)
        if not rest.is_zero:
            return polynomial
        polynomial = quotient


def _may_vanish(polynomial: Poly, low: Fraction, high: Fraction) -> bool:
    """False where a polynomial certainly has no root in [low, high], by its enclosure there."""
    with precision(1024):
        x, total = _spanning(low, high), iv.mpf(0)
        for c in polynomial.rep.to_list():
            total = total * x + enclose(polynomial.domain.to_sympy(c))
        return holds_zero(total)


def _bisected(polynomial: Poly, low: Fraction, high: Fraction, width: Fraction) -> tuple[Fraction, Fraction]:
    """An interval within [low, high] with the same signs at its ends: a root is inside."""
    at_high = _sign_at(polynomial, high)
    while high - low > width:
        middle = (low + high) / 2
        if _sign_at(polynomial, middle) == at_high:
            high = middle
        else:
            low = middle
    return low, high


def _sign_at(polynomial: Poly, x: Fraction) -> int:
    """The sign of a polynomial over ℚ or a real number field at a rational; exact."""
    domain = polynomial.domain
    coefficients = polynomial.rep.to_list()
    p, q = x.numerator, x.denominator
    if domain.is_QQ:
        scale = 1
        for c in coefficients:
            scale = scale * int(c.denominator) // gcd(scale, int(c.denominator))
        value, power = 0, 1
        for c in coefficients:  # Σ c_i p^i q^(n−i), by Horner
            value = value * p + int(c.numerator) * (scale // int(c.denominator)) * power
            power *= q
        return (value > 0) - (value < 0)
    at, total = domain.convert_from(QQ(p, q), QQ), domain.zero
    for c in coefficients:
        total = total * at + c
    return sign_in(domain)(total)
