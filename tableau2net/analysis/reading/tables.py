"""The coefficients of one or several tables in their exact domain, and when a condition on them holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sympy import Expr

from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.exact.polynomials import sign_in
from tableau2net.scheme import RungeKutta, Scheme

Matrix = list[list[Element]]


@dataclass(frozen=True)
class ExactTableau:
    """A, b, c, and b̂ where there is one, as elements of a domain."""

    A: Matrix
    b: list[Element]
    c: list[Element]
    b_hat: list[Element] | None = None

    @property
    def stages(self) -> int:
        """The number of stages."""
        return len(self.b)


class SignedDomain:
    """An exact domain with signs; a scheme whose source printed n decimals has zeros "to 1e-n"."""

    def __init__(self, coefficients: Iterable[Expr], digits: int | None) -> None:
        self.domain: Domain = domain_of(coefficients)
        self._sign = sign_in(self.domain.domain)
        self._tolerance = None if digits is None else self.domain.rational(1, 10 ** max(digits - 1, 0))

    def sign(self, element: Element) -> int:
        """−1, 0 or 1."""
        sign = self._sign(element)
        if self._tolerance is not None and sign and self._sign(sign * element - self._tolerance) <= 0:
            return 0
        return sign

    def is_zero(self, element: Element) -> bool:
        """Whether an element is 0, or within the decimals that were printed."""
        return not element or (self._tolerance is not None and self.sign(element) == 0)

    def row(self, values: Iterable[Expr]) -> list[Element]:
        """Coefficients as elements."""
        return [self.domain.convert(x) for x in values]


def tables(scheme: Scheme, parts: Sequence[RungeKutta]) -> tuple[SignedDomain, list[ExactTableau]]:
    """The tables of a method's parts in one domain; `scheme` says how many digits are to be trusted."""
    coefficients = [x for p in parts for row in (*p.A, p.b, p.c, p.b_hat or ()) for x in row]
    numbers = SignedDomain(coefficients, scheme.digits)
    found = [
        ExactTableau(
            [numbers.row(row) for row in p.A],
            numbers.row(p.b),
            numbers.row(p.c),
            None if p.b_hat is None else numbers.row(p.b_hat),
        )
        for p in parts
    ]
    return numbers, found
