"""The first ν at which a scheme on a symbol along one angle stops being stable, proved.

Floats say where to look. That the excess is nowhere positive on (0, ν_1] is proved on the whole strip, that it is at
ν_2 by one point; and between the two that there is one transition alone: where it is not negative on the whole window
[ν_1, ν_2] it rises with ν. The number is then a root of the excess at y = 0 or y = 2, if it falls away from there, or
else of its discriminant in y.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from sympy import QQ, Poly, Rational

from tableau2net.analysis.budget import TooMuch, ask
from tableau2net.analysis.reading.linear import Z
from tableau2net.analysis.space.excess import Excess
from tableau2net.analysis.space.symbol_line import ANGLES, SymbolLine, at_step, strip
from tableau2net.analysis.ssp.supremum import simplest
from tableau2net.analysis.stability.boundary import resultant
from tableau2net.exact.bernstein import Grid, bernstein, derivative, halves, moved, reversed_powers, shortened
from tableau2net.exact.boxes import non_positive
from tableau2net.exact.polynomials import RealRoot, real_roots

MARGIN = Fraction(1, 2**10)  # of the first window, relative to where floats see the transition
ROUNDS = 5  # windows, each narrower, until one shows a single transition
WIDTH = Fraction(1, 10**13)  # of what a number that cannot be written is isolated to, relative
MAX_DISCRIMINANT = 90  # the degree to which it is worked out,
MAX_NAMED = 60  # and of its square-free part that is factored
SIMPLE = 10**4  # denominators below which the one short rational in an interval is tried


@dataclass(frozen=True)
class Exit:
    """Stable for all ν in (0, low], not at or right beyond `high`. root: the number, where it has a polynomial."""

    low: Fraction
    high: Fraction
    root: RealRoot | None = None


def first_exit(line: SymbolLine) -> Exit | None:
    """Where stability that begins at ν = 0 ends: at 0 if there is none; None if it never does. Raises TooMuch."""
    nothing = Exit(Fraction(0), Fraction(0), _known(Fraction(0)))
    if line.excess is None:
        if line.curve.steps == 1 or all(p.degree() < 1 for p in line.curve.coefficients):
            return None  # |R| = 1 at every step, or what is zero-stable and does not see z
        if line.stable_at(Fraction(1) / Fraction(max(line.size, 1e-6)).limit_denominator(100)):
            raise TooMuch("all roots stay on the unit circle")
        return nothing
    if _unstable_near_zero(line.excess.lower):
        return nothing
    for guess in _guesses(line):
        if guess is None:
            short = Fraction(1) / max(Fraction(line.size).limit_denominator(64), Fraction(1, 64))
            if line.below(Fraction(0), short) and line.below(short, None) and line.stable_at(short):
                return None
            break
        low, high = _short(guess, -1), _short(guess, 1)
        if line.stable_at(high):
            continue
        if line.below(Fraction(0), low) and line.stable_at(low):
            return _settled(line, low, high)
    raise TooMuch("where it stops being stable is not decided")


def _guesses(line: SymbolLine) -> Iterator[float | None]:
    """Where it may end, the least first; None for nowhere."""
    assert line.excess is not None
    places = {float(r.within(r.high / 2**40).high) for y in (0, 2) for r in _roots_at(line.excess, y)}
    nu = line.grid()
    grown = line.grows(nu, ANGLES[line.steps == 1])
    if grown.any():
        first = int(np.argmax(grown))
        low, high = float(nu[first - 1]) if first else 0.0, float(nu[first])
        for _ in range(24):
            middle = (low + high) / 2
            low, high = (
                (low, middle) if line.grows(np.array([middle]), 2049 if line.steps == 1 else 513)[0] else (middle, high)
            )
        places = {p for p in places if p < high * (1 - 1e-9)} | {high}
    yield from sorted(places)
    if not grown.any():
        yield None
        return
    yield from _exactly(line, _short(max(places), 1))


def _exactly(line: SymbolLine, end: Fraction) -> Iterator[float]:
    """Where floats saw too little: between exact points."""
    for _ in range(3):
        points = [end * Fraction(k, 24) for k in range(25)]
        first = next((k for k, p in enumerate(points) if k and not line.stable_at(p)), 24)
        below, end = points[first - 1], points[first]
        for _ in range(30):
            middle = (below + end) / 2
            below, end = (middle, end) if line.stable_at(middle) else (below, middle)
        yield float(end)


def later(line: SymbolLine, after: Fraction) -> tuple[tuple[float, float], ...]:
    """Intervals of ν beyond `after` where it is stable again: as floats see them, each proved but near its ends."""
    if line.excess is None:
        return ()
    nu = line.grid()
    nu = nu[nu > float(after) * (1 + 1e-3) + nu[0]]
    calm = ~line.grows(nu, ANGLES[line.steps == 1])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], calm, [False]]).astype(int)))
    found: list[tuple[float, float]] = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        low, high = Fraction(float(nu[first])), None if last == len(nu) else Fraction(float(nu[last - 1]))
        short = simplest(low * (1 + MARGIN / 2), low * (1 + MARGIN))
        end = None if high is None else simplest(high * (1 - MARGIN), high * (1 - MARGIN / 2))
        if (end is None or short < end) and line.stable_at(short) and line.below(short, end):
            found.append((float(nu[first]), np.inf if high is None else float(high)))
    return tuple(found)


def _settled(line: SymbolLine, low: Fraction, high: Fraction) -> Exit:
    """The transition within a window: named if it is the only one there, else isolated as far as it is."""
    for _ in range(ROUNDS):
        places = _active(line.excess, low, high) if line.excess else None
        if places is not None:
            found = _at_ends(line, places, low, high)
            if found is not None:
                return found
            if not any(a == 0 or b == 2 for a, b in places) or high - low < low / 2**30:
                return _tangent(line, low, high)
        for _ in range(6):
            middle = simplest(low + (high - low) / 3, high - (high - low) / 3)
            if not line.stable_at(middle):
                high = middle
            elif places is not None or line.below(low, middle):
                low = middle
            else:
                break
    return Exit(low, high)


def _active(found: Excess, low: Fraction, high: Fraction) -> list[tuple[Fraction, Fraction]] | None:
    """The intervals of y where the excess may be ≥ 0 for some ν of the window, joined; None unless it rises with ν
    there."""
    over = strip(found.upper, low, high)
    stack = [(bernstein(over), -bernstein(strip(derivative(found.lower, 0), low, high)), Fraction(0), Fraction(2))]
    kept: list[tuple[Fraction, Fraction]] = []
    boxes, fine = 0, max(Fraction(1, 2**24), Fraction(float((high - low) / high) ** 0.5))
    while stack:
        value, falling, a, b = stack.pop()
        if value.max() < 0:
            continue
        if falling.max() < 0 and b - a <= fine:
            kept.append((a, b))
            continue
        boxes += 1
        if boxes > 400 or b - a < fine / 64:
            return None
        middle = (a + b) / 2
        for v, f, ends in zip(halves(value, 1), halves(falling, 1), ((a, middle), (middle, b)), strict=True):
            stack.append((shortened(v), shortened(f), *ends))
    kept.sort()
    joined: list[tuple[Fraction, Fraction]] = []
    for a, b in kept:
        joined[-1:] = [(joined[-1][0], b)] if joined and joined[-1][1] == a else [*joined[-1:], (a, b)]
    return joined


def _at_ends(line: SymbolLine, places: list[tuple[Fraction, Fraction]], low: Fraction, high: Fraction) -> Exit | None:
    """The exit where the excess is largest at y = 0 or y = 2 in each place that counts."""
    assert line.excess is not None
    roots: list[RealRoot] = []
    for a, b in places:
        for y, sign in ((0, 1), (2, -1)):
            if y not in (a, b):
                continue
            slope = derivative(line.excess.upper if sign > 0 else -line.excess.lower, 1)
            if non_positive(moved(strip(slope, low, high, whole=False), 1, a, b)):
                roots += [r for r in _roots_at(line.excess, y) if _within(r, low, high)]
                break
        else:
            return None
    if not roots:
        return None
    first = roots[0]
    for other in roots[1:]:
        first = _smaller(first, other)
    return _exit_of(first)


def _tangent(line: SymbolLine, low: Fraction, high: Fraction) -> Exit:
    """The exit where the excess touches 0 between: isolated, and by its polynomial where the discriminant is
    short."""
    while high - low > WIDTH * high:
        middle = simplest(low + (high - low) / 3, high - (high - low) / 3)
        low, high = (middle, high) if line.stable_at(middle) else (low, middle)
    simple = simplest(low, high)
    if simple.denominator < SIMPLE and line.stable_at(simple) and _touches(line, simple):
        return Exit(simple, simple, _known(simple))
    named = ask("minimal polynomial", lambda: _discriminant_root(line, low, high), silent=True)
    return Exit(low, high, named)


def _touches(line: SymbolLine, nu: Fraction) -> bool:
    """Whether the excess at ν, which is nowhere positive, is 0 at some y between: then it is not so at any larger ν
    of the window."""
    assert line.excess is not None
    if line.excess.upper is not line.excess.lower:
        return False
    p = _poly(at_step(line.excess.upper, nu))
    double = p.gcd(p.diff())
    if double.degree() < 1:
        return False
    roots = real_roots(double.quo(double.gcd(double.diff())), positive=True)
    return any(r.low > 0 and r.high < 2 for r in (root.within(QQ(1, 2**20)) for root in roots))


def _discriminant_root(line: SymbolLine, low: Fraction, high: Fraction) -> RealRoot | None:
    assert line.excess is not None
    rows = line.excess.upper
    n, m = rows.shape[0] - 1, rows.shape[1] - 1
    if rows is not line.excess.lower or n * (2 * m - 1) > MAX_DISCRIMINANT or m < 2:
        return None
    by_y = tuple(_poly(rows[:, j]) for j in range(m + 1))
    slopes = tuple(p * j for j, p in enumerate(by_y))[1:]
    found = resultant(by_y, slopes)
    if found.is_zero:
        return None
    for part, _ in found.sqf_list()[1]:
        if part.degree() > MAX_NAMED:
            continue
        inside = [r for r in real_roots(part, positive=True) if _within(r, low, high)]
        if len(inside) == 1:
            return inside[0]
    return None


def _roots_at(found: Excess, y: int) -> list[RealRoot]:
    """The positive ν at which the excess changes its sign at an end; none where coefficients are irrational."""
    if found.upper is not found.lower:
        return []
    column = found.upper[:, 0] if y == 0 else _at_two(found.upper)
    p = _poly(column)
    if p.degree() < 1:
        return []
    odd = Poly(1, Z, domain=QQ)
    for factor, times in p.sqf_list()[1]:
        odd *= factor if times % 2 else 1
    return real_roots(odd, positive=True) if odd.degree() > 0 else []


def _at_two(rows: Grid) -> Grid:
    total = rows[:, -1]
    for n in range(rows.shape[1] - 2, -1, -1):
        total = total * 2 + rows[:, n]
    return np.asarray(total)


def _unstable_near_zero(rows: Grid) -> bool:
    """Whether the excess is positive at arbitrarily small ν: at a fixed angle, or along ν = t^p, y = ηt^q as t tends
    to 0."""
    if non_positive(moved(rows[0], 0, Fraction(0), Fraction(2))) is False:
        return True
    if next((c for c in _at_two(rows) if c), 0) > 0:
        return True
    support = [(i, next(j for j, c in enumerate(row) if c)) for i, row in enumerate(rows) if any(row)]
    corner = [(i, j) for i, j in support if all(not (a <= i and b <= j) or (a, b) == (i, j) for a, b in support)]
    if any(rows[i, j] > 0 for i, j in (corner[-1], corner[0])):
        return True
    for i, j in corner:
        for k, m in corner:
            if k > i and all((a - i) * (j - m) + (b - j) * (k - i) >= 0 for a, b in corner):
                edge = np.zeros(j - m + 1, dtype=object)
                for a, b in np.argwhere(rows != 0):
                    if (a - i) * (j - m) + (b - j) * (k - i) == 0:
                        edge[b - m] = rows[a, b]
                if _somewhere_positive(edge):
                    return True
    return False


def _somewhere_positive(p: Grid) -> bool:
    """Whether a polynomial is positive at some η > 0."""
    return False in (non_positive(p), non_positive(reversed_powers(p, 0)))


def _short(guess: float, side: int) -> Fraction:
    """A short rational on one side of a guess, at about `MARGIN`."""
    g = Fraction(guess)
    ends = sorted((g * (1 + side * MARGIN), g * (1 + side * MARGIN / 2)))
    return simplest(*ends)


def _poly(column: Any) -> Poly:
    return Poly([int(c) for c in reversed(list(column))] or [0], Z, domain=QQ)


def _within(root: RealRoot, low: Fraction, high: Fraction) -> bool:
    """Whether a root lies in [low, high]."""
    ends = [QQ(end.numerator, end.denominator) for end in (low, high)]  # FLINT's do not compare with Fractions
    for end in ends:
        if root.low <= end <= root.high and not _poly(root.coefficients[::-1]).eval(end):
            return True
        while root.low < end < root.high:
            root = root.halved()
    return bool(ends[0] <= root.low and root.high <= ends[1])


def _smaller(a: RealRoot, b: RealRoot) -> RealRoot:
    """The lesser of two; the first where sixty halvings do not part them."""
    for _ in range(60):
        if a.high < b.low or b.high < a.low:
            break
        a, b = a.halved(), b.halved()
    return b if b.high < a.low else a


def _exit_of(root: RealRoot) -> Exit:
    narrow = root.within(root.high * QQ(1, 10**13))
    return Exit(_fraction(narrow.low), _fraction(narrow.high), root)


def _known(value: Fraction) -> RealRoot:
    at = QQ(value.numerator, value.denominator)
    return RealRoot((value.denominator, -value.numerator), at, at)


def _fraction(x: Any) -> Fraction:
    return Fraction(int(x.numerator), int(x.denominator))


def _rational(x: Fraction) -> Any:
    return Rational(x.numerator, x.denominator)
