"""The letters of derivatives: ``xx``, ``xy`` (``u_xx`` of a state u), and ``lap`` for a Laplacian among them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

from tableau2net.errors import InputError

AXES = "xyz"
LAPLACIAN = "lap"
MAX_ORDER = 8  # of a derivative, in all: PDE-Net goes to 4
_LETTERS = re.compile(rf"(?:{LAPLACIAN}|[{AXES}])+")
Orders = tuple[int, ...]


def letters_of(orders: Orders) -> str:
    """``xxy`` for (2, 1); nothing for the value itself."""
    return "".join(letter * order for letter, order in zip(AXES, orders, strict=False))


def are_letters(text: str) -> bool:
    """Whether a text is of the letters of a derivative, on any number of axes."""
    return _LETTERS.fullmatch(text) is not None


def total_order(letters: str) -> int:
    """The order of a derivative in all: 3 for ``xxy`` and for ``lapx``."""
    return len(letters) - letters.count(LAPLACIAN)


def sum_of_orders(letters: str, dimension: int) -> tuple[Orders, ...]:
    """The derivatives that are added, each by its orders along the axes: ((2, 1),) for ``xxy`` and ``xyx``, ((2, 0),
    (0, 2)) for ``lap``; of ``laplap`` one stands there twice. Raises InputError for other letters, and for an order
    above `MAX_ORDER`."""
    known, laplacians = AXES[:dimension], letters.count(LAPLACIAN)
    single = letters.replace(LAPLACIAN, "")
    if wrong := [letter for letter in single if letter not in known]:
        raise InputError(
            f"derivative {letters!r}: {wrong[0]} is no axis, {dimension} dimensions have {', '.join(known)}"
        )
    if total_order(letters) > MAX_ORDER:
        raise InputError(f"derivative {letters!r}: orders up to {MAX_ORDER} are read")
    own = [single.count(letter) for letter in known]
    ways = product(range(dimension), repeat=laplacians)
    found = (tuple(m + 2 * way.count(axis) for axis, m in enumerate(own)) for way in ways)
    return tuple(sorted(found, reverse=True))


def letters_of_sum(terms: Sequence[Orders]) -> str:
    """The letters of derivatives that are added: Laplacians first. Raises InputError where none are of that sum."""
    if len(terms) == 1:
        return letters_of(terms[0])
    single = tuple(min(along) for along in zip(*terms, strict=True))
    letters: str = LAPLACIAN * ((sum(terms[0]) - sum(single)) // 2) + letters_of(single)
    if sum_of_orders(letters, len(single)) != tuple(sorted(terms, reverse=True)):
        raise InputError(
            f"a sum of derivatives, {', '.join(map(letters_of, terms))}, that no letters are of: one derivative is "
            f"read, or Laplacians and one, {LAPLACIAN}, {LAPLACIAN}x, {2 * LAPLACIAN}"
        )
    return letters


def in_order(letters: str, dimension: int) -> str:
    """``xxy`` for ``xyx``; ``xx`` for a Laplacian on one axis. Raises InputError as `sum_of_orders`."""
    return letters_of_sum(sum_of_orders(letters, dimension))
