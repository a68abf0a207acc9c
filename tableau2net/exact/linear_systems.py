"""Linear systems that need not be square: exactly over a domain, or in many digits where a table is of decimals."""

from __future__ import annotations

from typing import Any

import mpmath
from sympy import Expr, Float, Rational, S
from sympy.polys.matrices import DomainMatrix

from tableau2net.exact.balls import POINT, Ball
from tableau2net.exact.domain import Domain, Element

Matrix = list[list[Any]]


class Exact:
    """Over a `Domain`: equality is decided."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.zero: Element = domain.zero
        self.convert, self.rational, self.expression = domain.convert, domain.rational, domain.expression

    def solved(self, left: Matrix, right: Matrix) -> tuple[Matrix, Matrix] | None:
        """Some X with left · X = right, and the columns that span what X may be moved by; None where there is none."""
        n, width = len(left[0]), len(right[0])
        rows = [[*a, *b] for a, b in zip(left, right, strict=True)]
        reduced, pivots = DomainMatrix(rows, (len(rows), n + width), self.domain.domain).to_sparse().rref()
        if pivots and pivots[-1] >= n:
            return None
        place = dict(zip(pivots, reduced.to_list(), strict=False))
        return _read(place, n, width, self.zero, self.domain.one)


class Decimals:
    """In 320 binary digits, with rank and consistency decided to the `digits` decimals that the numbers have."""

    def __init__(self, digits: int) -> None:
        self._context = mpmath.MPContext()
        self._context.prec = POINT
        self.zero = self._context.mpf(0)
        self._nothing = self._context.mpf(10) ** (3 - digits)

    def convert(self, value: Expr) -> Any:
        """The number in so many digits."""
        number = value if isinstance(value, Rational) else Rational(value.evalf(POINT // 3))
        return self.rational(int(number.p), int(number.q))

    def ball(self, value: Ball) -> Any:
        """The midpoint of a ball."""
        return self._context.ldexp(self._context.mpf(value.mid), -POINT)

    def rational(self, p: int, q: int) -> Any:
        """p/q."""
        return self._context.mpf(p) / q

    def expression(self, value: Any) -> Expr:
        """The number as a float of sympy."""
        return Float(str(value), 17) if value else S.Zero

    def solved(self, left: Matrix, right: Matrix) -> tuple[Matrix, Matrix] | None:
        """As of `Exact`, by elimination with the largest pivots; what is below the last decimal is zero."""
        n, width = len(left[0]), len(right[0])
        rows = [[*a, *b] for a, b in zip(left, right, strict=True)]
        nothing = self._nothing * max(1, *(abs(x) for row in left for x in row))
        place: dict[int, list[Any]] = {}
        while rows:
            size, at, pivot = max((abs(row[j]), i, j) for i, row in enumerate(rows) for j in range(n))
            if size <= nothing:
                break
            head = rows.pop(at)
            head = [x / head[pivot] for x in head]
            for row in (*rows, *place.values()):
                factor = row[pivot]
                if factor:
                    row[:] = [x - factor * y for x, y in zip(row, head, strict=True)]
            place[pivot] = head
        largest = max([self._context.mpf(1), *(abs(x) for row in place.values() for x in row[n:])])
        if any(abs(x) > self._nothing * largest for row in rows for x in row[n:]):
            return None
        return _read(place, n, width, self.zero, self.rational(1, 1))


def _read(place: dict[int, list[Any]], n: int, width: int, zero: Any, one: Any) -> tuple[Matrix, Matrix]:
    """A solution and the kernel of a reduced system, whose rows are found by their pivots."""
    found = [place[j][n:] if j in place else [zero] * width for j in range(n)]
    free = [j for j in range(n) if j not in place]
    kernel = [[-place[j][f] if j in place else (one if j == f else zero) for j in range(n)] for f in free]
    return found, kernel
