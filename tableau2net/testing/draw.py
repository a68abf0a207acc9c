"""What the strategies of all families share: small rationals, sizes, and demands that cannot be met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from hypothesis import strategies as st

from tableau2net.errors import InputError

Size = int | range


def rationals(max_numerator: int = 6, max_denominator: int = 6) -> st.SearchStrategy[Fraction]:
    """Rational numbers p/q with |p| and q as given at most. They shrink towards 0 and whole numbers."""
    return st.builds(Fraction, st.integers(-max_numerator, max_numerator), st.integers(1, max_denominator))


def sizes(size: Size, smallest: int, what: str) -> range:
    """`size`, one number or a range of them, from `smallest` on. InputError where nothing is left."""
    given = range(size, size + 1) if isinstance(size, int) else size
    if given.step != 1:
        raise InputError(f"{what}={size}: a number or a range without gaps")
    left = range(max(given.start, smallest), given.stop)
    if not left:
        raise InputError(f"{what}={size}: {smallest} at least are needed")
    return left


def among(numbers: range) -> st.SearchStrategy[int]:
    """One of a range of numbers, shrinking to the first."""
    return st.integers(numbers.start, numbers.stop - 1)


def vector(draw: st.DrawFn, length: int) -> list[Fraction]:
    """`length` small rationals."""
    return [draw(rationals()) for _ in range(length)]


def distinct(draw: st.DrawFn, count: int, pool: Sequence[Fraction], without: Iterable[Fraction] = ()) -> list[Fraction]:
    """`count` different members of a pool, none of those in `without`; each shrinks to the first that is left."""
    left = [x for x in pool if x not in set(without)]
    found: list[Fraction] = []
    for _ in range(count):
        found.append(draw(st.sampled_from(left)))
        left.remove(found[-1])
    return found


def simple(low: int, high: int, max_denominator: int = 6) -> list[Fraction]:
    """The rationals in [low, high] with a small denominator, those in [0, 1] first, and the simplest of them."""
    found = {
        Fraction(p, q) for q in range(1, max_denominator + 1) for p in range(low * q, high * q + 1)
    }  # a node is drawn from these without ever drawing one twice
    return sorted(found, key=lambda x: (not 0 <= x <= 1, x.denominator, abs(x), x < 0))
