"""Linear systems with few nonzeros, by elimination over any kind of number: exact, interval or float."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Poly
from sympy.polys.matrices import DomainMatrix

from tableau2net.exact.components import components
from tableau2net.exact.domain import Domain, Element

Rows = list[dict[int, Any]]
MAX_COUPLED = 16  # rows that all depend on each other: more are too much work for exact elimination over and over


def solved(left: Rows, right: Rows, nonzero: Callable[[Any], bool] = bool) -> Rows | None:
    """X with left · X = right, by sparse rows; None where no pivot is known to be nonzero.

    Both are used up. A triangular system costs what substitution costs: the pivot is on the diagonal if it can be."""
    n = len(left)
    holders: list[set[int]] = [set() for _ in range(n)]  # the rows in which a column is not zero
    for i, row in enumerate(left):
        for j in row:
            holders[j].add(i)
    free = set(range(n))
    place = [0] * n
    for column in range(n):
        candidates = [column] if column in free else []
        candidates += [i for i in holders[column] if i in free and i != column]
        pivot = next((i for i in candidates if column in left[i] and nonzero(left[i][column])), None)
        if pivot is None:
            return None
        free.discard(pivot)
        place[column] = pivot
        head = left[pivot].pop(column)
        for side in (left, right):
            side[pivot] = {j: x / head for j, x in side[pivot].items()}
        for i in list(holders[column]):
            if i == pivot or column not in left[i]:
                continue
            factor = left[i].pop(column)
            for side in (left, right):
                target = side[i]
                for j, x in side[pivot].items():
                    target[j] = target[j] - factor * x if j in target else -factor * x
            for j in left[pivot]:
                holders[j].add(i)
        holders[column].clear()
    return [right[place[column]] for column in range(n)]


def determinant(T: tuple[dict[int, Element], ...], domain: Domain, symbol: Any) -> Poly | None:
    """det(I + r T) as a polynomial in r; None where more than MAX_COUPLED rows depend on each other."""
    product = Poly(1, symbol, domain=domain.domain)
    for members in components(T):
        if len(members) > MAX_COUPLED:
            return None
        if len(members) == 1:
            (i,) = members
            factor = [T[i].get(i, domain.zero), domain.one]
        else:
            block = [[T[i].get(j, domain.zero) for j in members] for i in members]
            monic = DomainMatrix(block, (len(members),) * 2, domain.domain).charpoly()  # det(λ − T), highest first
            factor = [c if k % 2 == 0 else -c for k, c in enumerate(monic)][::-1]
        product *= Poly.from_list(factor, symbol, domain=domain.domain)
    return product
