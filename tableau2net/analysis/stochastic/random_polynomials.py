"""Polynomials in the random variables of a step, exactly, and their expectations.

A polynomial maps monomials to elements of a domain (or of balls); a monomial is a sorted tuple of pairs of a variable
and its power. Variables, all of unit time: ("W", k) is normal, or of the three-point law; ("H", k), the space-time Lévy
area, is normal with variance 1/12; ("A", l, k), l < k, is the Lévy area, J_(l,k) = (W_l W_k)/2 + A; ("V", …) is a sign.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

from sympy import Expr, Poly, Rational, Symbol, factorial2

from tableau2net.errors import InputError

Variable: TypeAlias = tuple[Any, ...]
Monomial: TypeAlias = tuple[tuple[Variable, int], ...]
Element = Any
Polynomial: TypeAlias = dict[Monomial, Element]
ONE: Monomial = ()


class RandomPolynomials:
    """Polynomials over a domain, under a law of the variables."""

    def __init__(self, domain: Any, law: str) -> None:
        self.domain, self.law = domain, law

    def number(self, value: Any) -> Polynomial:
        """A rational number, or an element."""
        element = self.domain.rational(int(value.p), int(value.q)) if isinstance(value, Rational) else value
        return {ONE: element} if element else {}

    def convert(self, value: Expr) -> Polynomial:
        """A coefficient of a step, whose symbols are W_1, H_1, J_1_2, …; parameters are those of the domain."""
        if not value.free_symbols:
            element = self.domain.convert(value)
            return {ONE: element} if element else {}
        random = sorted((s for s in value.free_symbols if "_" in s.name and s.name[0] in "WHJA"), key=str)
        if not random:
            return {ONE: self.domain.convert(value)}
        total: Polynomial = {}
        for powers, factor in Poly(value, *random).terms():
            term: Polynomial = {ONE: self.domain.convert(factor)}
            for s, power in zip(random, powers, strict=True):
                for _ in range(power):
                    term = self.times(term, self._variable(s))
            total = self.plus(total, term)
        return total

    def _variable(self, s: Symbol) -> Polynomial:
        name, *numbers = s.name.split("_")
        noises = tuple(map(int, numbers))
        return {"J": self.pair, "A": self.area}[name](*noises) if name in "JA" else self.of(name, *noises)

    def of(self, name: str, *noises: int) -> Polynomial:
        """One variable."""
        return {(((name, *noises), 1),): self.domain.one}

    def pair(self, inside: int, outside: int) -> Polynomial:
        """J_(l,k): the integral of W_l dW_k, and what stands for it in weak methods."""
        product = self.times(self.of("W", inside), self.of("W", outside))
        return self.plus(self.times(self.number(Rational(1, 2)), product), self.area(inside, outside))

    def area(self, inside: int, outside: int) -> Polynomial:
        """A_(l,k) = −A_(k,l), by the law."""
        first, last = sorted((inside, outside))
        sign = Rational(1) if inside == first else Rational(-1)
        if self.law == "gaussian":
            return self.times(self.number(sign), self.of("A", first, last))
        noises = (first, last) if self.law == "three-point" else (first,)
        found = self.times(self.number(sign / 2), self.of("V", *noises))
        return self.times(found, self.of("W", last)) if self.law == "three-point-products" else found

    def plus(self, a: Polynomial, b: Polynomial) -> Polynomial:
        if not a or not b:
            return a or b
        total = dict(a)
        for monomial, x in b.items():
            y = total[monomial] + x if monomial in total else x
            if y:
                total[monomial] = y
            else:
                del total[monomial]
        return total

    def minus(self, a: Polynomial, b: Polynomial) -> Polynomial:
        return self.plus(a, self.times(self.number(Rational(-1)), b))

    def times(self, a: Polynomial, b: Polynomial) -> Polynomial:
        if not a or not b:
            return {}
        total: Polynomial = {}
        for m, x in a.items():
            for n, y in b.items():
                monomial = product_of(m, n) if m and n else m or n
                z = x * y
                total[monomial] = total[monomial] + z if monomial in total else z
        return {m: x for m, x in total.items() if x}

    def expectation(self, a: Polynomial) -> Element:
        """E a. Raises InputError where a moment of the Lévy area is needed that is no product."""
        total = self.domain.zero
        for monomial, x in a.items():
            moment = moment_of(monomial, self.law)
            if moment:
                total = total + x * self.domain.rational(int(moment.p), int(moment.q))
        return total


@cache
def product_of(m: Monomial, n: Monomial) -> Monomial:
    powers: dict[Variable, int] = dict(m)
    for variable, power in n:
        powers[variable] = powers.get(variable, 0) + power
    return tuple(sorted(powers.items()))


@cache
def moment_of(monomial: Monomial, law: str) -> Rational:
    """E of a monomial: the variables are independent, but for Lévy areas. Zero where a noise changes its sign with it.

    Given the increments, A² has the mean (1 + W_l² + W_k²)/12. Raises InputError for other moments of areas."""
    flips: Counter[int] = Counter()
    for (name, *noises), power in monomial:
        flips.update(dict.fromkeys(noises if name != "V" else (), power))
    areas = {variable: power for variable, power in monomial if variable[0] == "A"}
    if areas and any(n % 2 for n in flips.values()):
        return Rational(0)
    if areas:
        (area, power), *more = areas.items()
        if more or power > 2 or any(name == "H" for (name, *_), _ in monomial):
            raise InputError("a moment of the Lévy area of higher order is needed, which is not known here")
        rest = tuple((variable, n) for variable, n in monomial if variable != area)
        squares = [product_of(rest, ((("W", k), 2),)) for k in area[1:]]
        return sum((moment_of(m, law) for m in squares), moment_of(rest, law)) / 12
    moment = Rational(1)
    for (name, *_), power in monomial:
        moment *= _moment(name, power, law)
    return moment


def _moment(name: str, power: int, law: str) -> Rational:
    """E of a power of one variable."""
    if power % 2:
        return Rational(0)
    if name == "V":
        return Rational(1)
    if name == "W" and law != "gaussian":
        return Rational(3) ** (power // 2 - 1)  # ±√3 with probability 1/6 each
    scale = Rational(1, 12) if name == "H" else Rational(1)
    return factorial2(power - 1) * scale ** (power // 2)


def written(a: Mapping[Monomial, Element], domain: Any) -> Expr:
    """A polynomial as a sympy expression in W_1, H_1, A_1_2, …"""
    total = Rational(0)
    for monomial, x in a.items():
        term = domain.expression(x)
        for variable, power in monomial:
            term *= Symbol("_".join(map(str, variable))) ** power
        total += term
    return total
