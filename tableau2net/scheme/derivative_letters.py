"""The letters of the axes, and of derivatives along them: ``xx``, ``xy``; ``u_xx`` of a state u."""

from __future__ import annotations

from tableau2net.errors import InputError

AXES = "xyz"
MAX_ORDER = 8  # of a derivative, in all: PDE-Net goes to 4


def letters_of(orders: tuple[int, ...]) -> str:
    """``xxy`` for (2, 1); nothing for the value itself."""
    return "".join(letter * order for letter, order in zip(AXES, orders, strict=False))


def orders_of(letters: str, dimension: int) -> tuple[int, ...]:
    """(2, 1) for ``xxy`` or ``xyx``. Raises InputError for other letters, and for more than `MAX_ORDER` of them."""
    known = AXES[:dimension]
    if wrong := [letter for letter in letters if letter not in known]:
        raise InputError(
            f"derivative {letters!r}: {wrong[0]} is no axis, {dimension} dimensions have {', '.join(known)}"
        )
    if len(letters) > MAX_ORDER:
        raise InputError(f"derivative {letters!r}: orders up to {MAX_ORDER} are read")
    return tuple(letters.count(letter) for letter in known)
