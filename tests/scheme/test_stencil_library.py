"""The stencils that ship, each by what it makes of polynomials, in fractions: a second route to every claimed order."""

from fractions import Fraction
from functools import cache
from itertools import product
from math import perm, prod

import pytest

from tableau2net.scheme import Stencil, load
from tableau2net.scheme.library import folder

FILES = sorted((folder() / "stencils").glob("*.toml"))


def at_defaults(points):
    return {at: Fraction(int(w.p), int(w.q)) for at, w in points.items()}


def slope(points, k, o):
    """Σ a_l ∂^o x^k at l."""
    if any(n < m for n, m in zip(k, o, strict=True)):
        return Fraction(0)
    factor = prod(perm(n, m) for n, m in zip(k, o, strict=True))
    return factor * sum(w * prod(j ** (n - m) for j, n, m in zip(at, k, o, strict=True)) for at, w in points.items())


def order(right, left, terms, digits):
    """The order by monomials; decimals are off by half a digit each at most, as far from the point as it stands."""
    dimension, total = len(terms[0]), sum(terms[0])
    for degree in range(40):
        for k in product(range(degree + 1), repeat=dimension):
            if sum(k) != degree:
                continue
            miss = slope(right, k, (0,) * dimension) - sum(slope(left, k, o) for o in terms)
            far = sum(prod(abs(j) ** n for j, n in zip(at, k, strict=True)) for at in (*right, *left))
            if abs(miss) > (Fraction(far * prod(perm(n, n) for n in k), 10**digits) if digits else 0):
                return degree - total
    raise AssertionError


@cache
def read(path):
    return load(path, Stencil)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stencil_of_the_library_has_the_order_that_its_file_says(path):
    stencil = read(path).at_defaults()
    found = order(at_defaults(stencil.points), at_defaults(stencil.left_points), stencil.terms, stencil.digits)
    claims = read(path).claims
    assert found >= claims["order"] if read(path).parameters else found == claims["order"]
    rows = [
        order(
            {(j - i,): Fraction(int(w.p), int(w.q)) for j, w in enumerate(row.weights)}, {(0,): 1}, stencil.terms, None
        )
        for i, row in enumerate(stencil.boundary or ())
    ]
    assert min(rows, default=None) == claims.get("boundary_order")


def test_there_are_many_and_each_says_where_it_is_from():
    assert len(FILES) >= 60
    assert all(read(path).reference and read(path).title and read(path).claims for path in FILES)
    assert len(
        {(s.terms, tuple(s.points.items()), tuple(s.left_points.items()), s.boundary) for s in map(read, FILES)}
    ) == len(FILES)
