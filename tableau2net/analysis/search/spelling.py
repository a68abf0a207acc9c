"""Numbers as a source spells them, and what one slip of a hand makes of them."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Rational

from tableau2net.exact.text import text_of

DIGITS = "0123456789"


def spelt(value: Expr) -> list[str]:
    """How a rational number may stand in a source: as a fraction, and in decimals where it has an end."""
    if not isinstance(value, Rational):
        return []
    fraction = str(value)
    q, places = int(value.q), 0
    while q > 1 and places <= 60 and (q % 2 == 0 or q % 5 == 0):
        q //= 10 if q % 10 == 0 else 5 if q % 5 == 0 else 2
        places += 1
    if q > 1 or places < 3:
        return [fraction]
    whole, rest = divmod(abs(int(value.p)) * 10**places // int(value.q), 10**places)
    return [f"{'-' if value < 0 else ''}{whole}.{rest:0{places}d}".rstrip("0"), fraction]


def written(value: Expr, digits: int | None) -> str:
    """A number for a person: decimals where the table is of decimals and it has an end."""
    decimals = spelt(value)[:1] if digits is not None else []
    return decimals[0] if decimals and len(decimals[0]) <= (digits or 0) + 6 else text_of(value)


def slips(text: str) -> Iterator[str]:
    """The texts in which a digit is another, is left out, is there twice or has changed places with the next."""
    for i, old in enumerate(text):
        if old not in DIGITS:
            continue
        yield from (text[:i] + d + text[i + 1 :] for d in DIGITS if d != old)
        yield text[:i] + text[i + 1 :]
        yield from (text[:i] + d + text[i:] for d in DIGITS)
        if text[i + 1 : i + 2].isdigit():
            yield text[:i] + text[i + 1] + old + text[i + 2 :]
    if text and text[-1] in DIGITS:
        yield from (text + d for d in DIGITS)


def one_slip(old: Expr, new: Expr) -> bool:
    """Whether one slip in a digit leads from one number to the other, as both are spelt."""
    if not (isinstance(old, Rational) and isinstance(new, Rational)):
        return False
    texts = spelt(new)
    return any(abs(len(a) - len(b)) <= 1 and b in slips(a) for a in spelt(old) for b in texts)


def near(old: Expr, wanted: Rational, within: Rational) -> list[Rational]:
    """The numbers that one slip makes of `old` and that lie near a wanted one, the nearest first."""
    found = set()
    for text in spelt(old):
        for slipped in slips(text):
            numerator, _, denominator = slipped.partition("/")
            if not numerator.strip("-.") or (denominator and not denominator.strip("0")) or slipped.endswith("/"):
                continue
            value = Rational(slipped)
            if abs(value - wanted) <= within:
                found.add(value)
    return sorted(found, key=lambda v: abs(v - wanted))
