"""Norms of the error coefficients of a step, order by order: exact, or floats where the coefficients are decimals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import sympy
from sympy import Expr, Float, Rational, S

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.reading.step_reading import reading
from tableau2net.analysis.reading.trees import forest_of
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.step import Step

LARGEST_FACTORED = 200  # terms of a polynomial in parameters that is still written in factors
MAX_TREES = 2000  # of one order: 1842 have 11 nodes
LONGEST = 4000  # bits of a coefficient's denominator: beyond, an exact norm is pages of digits that nobody reads
ENOUGH = 90  # decimals that are carried instead
LARGEST_ROOT = 2000  # bits of a number from whose root squares are drawn out


@dataclass(frozen=True)
class Norm:
    """The size of all error coefficients τ(t) of one order: Euclidean, and the largest modulus (None where parameters
    are open and there is no largest)."""

    euclidean: Expr
    largest: Expr | None


@dataclass(frozen=True)
class Size:
    """Σ τ(t)² and max |τ(t)|."""

    square: Expr
    largest: Expr | None

    @property
    def norm(self) -> Norm:
        return Norm(_root(sympy.radsimp(self.square)), None if self.largest is None else sympy.radsimp(self.largest))

    def over(self, other: Size) -> Norm:
        """The quotients of two sizes."""
        known = self.largest is not None and other.largest is not None
        return Size(self.square / other.square, self.largest / other.largest if known else None).norm  # type: ignore[operator]


class Sizes:
    """The error coefficients τ(t) = (a(t) − 1/γ(t))/σ(t) of a step's results and of its estimate, of each order.

    with_time: over the trees with derivatives in time as well.
    order: that of the method; where exact coefficients one order up would be longer than `LONGEST`, sizes are floats.
    digits: the decimals that the coefficients were printed to; sizes are then floats too."""

    def __init__(self, step: Step, order: int, *, with_time: bool, digits: int | None) -> None:
        self.step, self._several = step, len(step.states) > 1
        self.forest = forest_of(step, with_time=with_time)
        self.reading = reading(step, self.forest, digits=digits)
        if digits is None and self.reading.length * (order + 1) > LONGEST:
            digits = ENOUGH
            self.reading = reading(step, self.forest, digits=digits)
        self.domain = domain_of(step.coefficients()) if digits is None else _Floats()
        self._coefficients = cache(self._found)

    def within_reach(self, order: int) -> None:
        """Raise TooMuch where there are too many trees."""
        if (count := self.forest.count(order)) > MAX_TREES:
            raise TooMuch(f"{count:,} trees of order {order}, at most {MAX_TREES:,}")

    def of(self, order: int, *, embedded: bool = False) -> Size:
        """The size of all coefficients of one order."""
        return self._size(self._coefficients(order, embedded))

    def of_difference(self, order: int) -> Size:
        """Of how far the coefficients of the estimate are from those of the result."""
        pairs = zip(self._coefficients(order, True), self._coefficients(order, False), strict=True)
        return self._size([a - b for a, b in pairs])

    def _found(self, order: int, embedded: bool) -> list[Element]:
        self.within_reach(order)
        self.reading.extend(order)
        return [self._coefficient(tree, embedded) for tree in self.forest.of_order(order)]

    def _coefficient(self, tree: int, embedded: bool) -> Element:
        """τ(t), of the state that the tree belongs to."""
        name = self.step.results[self.forest.colour[tree] if self._several else 0]
        if embedded and self.step.estimate is not None:
            name = self.step.estimate
        exact = not isinstance(self.domain, _Floats)
        error = self.reading.error(name, tree) if exact else float(self.reading.residual(name, tree))
        return error * self.domain.rational(1, self.forest.sigma[tree])

    def _size(self, coefficients: Sequence[Element]) -> Size:
        square = self.domain.expression(sum((x * x for x in coefficients), self.domain.zero))
        return Size(square, largest(self.domain, map(self.domain.expression, coefficients)))


class _Floats:
    """Stands where a `Domain` does, for numbers that are known to some decimals only."""

    zero = 0.0

    def convert(self, value: Expr) -> float:
        return float(value)

    def rational(self, p: int, q: int) -> float:
        return p / q

    def expression(self, element: float) -> Expr:
        return Float(element, 15)


def _root(square: Expr) -> Expr:
    """Its square root; a polynomial in parameters in factors, as long as that is quick."""
    if square.is_Rational and int(square.p * square.q).bit_length() > LARGEST_ROOT:
        return sympy.Pow(square, S.Half, evaluate=False)  # sympy would look for square factors
    if square.free_symbols and len(sympy.Add.make_args(square)) <= LARGEST_FACTORED:
        square = sympy.factor(square)
    return sympy.sqrt(square)


def largest(domain: Domain | _Floats, numbers: Iterable[Expr]) -> Expr | None:
    """The largest modulus of some numbers, decided exactly; None where one of them has an open parameter."""
    moduli = []  # each to 20 digits, and exactly
    for number in numbers:
        if number.free_symbols:
            return None
        value = number if number.is_Rational or number.is_Float else number.evalf(20)
        moduli.append((-value, -number) if value < 0 else (value, number))
    nearest = max(value for value, _ in moduli)
    found: Expr = S.Zero
    for value, modulus in moduli:
        if value >= nearest * (1 - Rational(1, 10**15)) and (found == 0 or _larger(domain, modulus, found)):
            found = modulus
    return found


def _larger(domain: Domain | _Floats, a: Expr, b: Expr) -> bool:
    """a > b. Equality is decided in the domain, so that the digits of a difference are enough for the rest."""
    if (a.is_Rational and b.is_Rational) or a.is_Float or b.is_Float:
        return bool(a > b)
    return bool(domain.convert(a) - domain.convert(b)) and bool((a - b).evalf(20, maxn=10_000) > 0)
