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
from functools import cached_property, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import QQ, Poly, Rational

from tableau2net.analysis.budget import TooMuch, ask
from tableau2net.analysis.reading.linear import Curve, Z
from tableau2net.analysis.space.excess import Excess, Wave, excess
from tableau2net.analysis.ssp.supremum import simplest
from tableau2net.analysis.stability.boundary import resultant
from tableau2net.analysis.stability.unit_disk import in_closed_disk
from tableau2net.exact.bernstein import Grid, bernstein, derivative, halves, moved, reversed_powers, shortened
from tableau2net.exact.boxes import non_positive
from tableau2net.exact.polynomials import RealRoot, evaluate, non_negative, real_roots

MARGIN = Fraction(1, 2**10)  # of the first window, relative to where floats see the transition
ROUNDS = 5  # windows, each narrower, until one shows a single transition
WIDTH = Fraction(1, 10**13)  # of what a number that cannot be written is isolated to, relative
MAX_DISCRIMINANT = 90  # the degree to which it is worked out,
MAX_NAMED = 60  # and of its square-free part that is factored
SIMPLE = 10**4  # denominators below which the one short rational in an interval is tried
GROWN = 1e-10  # what counts as growth when floats look


@dataclass(frozen=True)
class Exit:
    """Stable for all ν in (0, low], not at or right beyond `high`. root: the number, where it has a polynomial."""

    low: Fraction
    high: Fraction
    root: RealRoot | None = None


class SymbolLine:
    """A factor of Φ on a symbol: z = ν ŝ(θ)."""

    def __init__(self, curve: Curve, wave: Wave) -> None:
        self.curve, self.wave = curve, wave
        self.excess: Excess | None = excess(curve, wave)

    def stable_at(self, nu: Fraction) -> bool:
        """Whether no root is outside at any angle; exact. Raises TooMuch where it is not decided."""
        if self.excess is not None:
            values = _at(self.excess.upper, nu)
            found = non_positive(moved(values, 0, Fraction(0), Fraction(2)))
            if not (_never_positive(values) if found is None else found):
                return False
        return (self.excess is not None and self.curve.steps == 1) or self.inside(nu, Fraction(1, 3))

    def below(self, low: Fraction, high: Fraction | None) -> bool | None:
        """Whether the excess is nowhere positive for low ≤ ν ≤ high, and for all ν ≥ low where that is None."""
        assert self.excess is not None
        return non_positive(_strip(self.excess.upper, low, high))

    def inside(self, nu: Fraction, x: Fraction) -> bool:
        """Whether no root is outside at one angle; exact."""
        domain = self.curve.coefficients[-1].domain
        parts = (self.wave.real, self.wave.imaginary, self.wave.below)
        domain = reduce(lambda d, p: d.unify(p.domain), parts, self.curve.coefficients[-1].domain)
        real, imaginary, below = (domain.convert(evaluate(p.set_domain(domain), x)) for p in parts)
        rational = domain.convert(QQ(nu.numerator, nu.denominator))
        a, s = rational * real / below, rational * imaginary / below
        w = s * s * domain.convert(QQ(*(1 - x * x).as_integer_ratio()))
        pairs = [_complex(p, a, w, domain) for p in self.curve.coefficients]
        u, v = (Poly([pair[k] for pair in reversed(pairs)], Z, domain=domain) for k in (0, 1))
        return in_closed_disk(u * u + v * v * Poly([w], Z, domain=domain))

    def grows(self, nu: NDArray[np.float64], angles: int) -> NDArray[np.bool_]:
        """Whether floats see some growth, for each ν."""
        return np.asarray((_radius(self.curve, nu[:, None] * self.wave.sampled(angles)) > 1 + GROWN).any(axis=1))

    @cached_property
    def size(self) -> float:
        """max |ŝ|, about."""
        return float(np.abs(self.wave.sampled(257)).max())


def first_exit(line: SymbolLine) -> Exit | None:
    """Where stability that begins at ν = 0 ends: at 0 if there is none; None if it never does. Raises TooMuch."""
    nothing = Exit(Fraction(0), Fraction(0), _known(Fraction(0)))
    if line.excess is None:
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
    step = 0.01 if line.curve.steps == 1 else 0.05
    nu = np.exp(np.arange(np.log(1e-3), np.log(1e4), step)) / line.size
    grown = line.grows(nu, 257 if line.curve.steps == 1 else 65)
    if grown.any():
        first = int(np.argmax(grown))
        low, high = float(nu[first - 1]) if first else 0.0, float(nu[first])
        for _ in range(24):
            middle = (low + high) / 2
            low, high = (
                (low, middle)
                if line.grows(np.array([middle]), 2049 if line.curve.steps == 1 else 513)[0]
                else (middle, high)
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
    strip = _strip(found.upper, low, high)
    stack = [(bernstein(strip), -bernstein(_strip(derivative(found.lower, 0), low, high)), Fraction(0), Fraction(2))]
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
            if non_positive(moved(_strip(slope, low, high, whole=False), 1, a, b)):
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
    p = _poly(_at(line.excess.upper, nu))
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


def _strip(rows: Grid, low: Fraction, high: Fraction | None, whole: bool = True) -> Grid:
    """By powers on the unit box for low ≤ ν ≤ high, 0 ≤ y ≤ 2 (`whole`: or y as it was)."""
    if high is None:
        scale = np.array(
            [low.numerator**n * low.denominator ** (len(rows) - 1 - n) for n in range(len(rows))], dtype=object
        )
        found = reversed_powers(rows * scale[:, None], 0)
    else:
        found = moved(rows, 0, low, high)
    return moved(found, 1, Fraction(0), Fraction(2)) if whole else found


def _at(rows: Grid, nu: Fraction) -> Grid:
    """By powers of y, at one ν, times a positive number."""
    total, power = rows[-1], 1
    for row in rows[-2::-1]:
        power *= nu.denominator
        total = total * nu.numerator + row * power
    return np.asarray(total)


def _never_positive(values: Grid) -> bool:
    """Whether a polynomial is nowhere positive on [0, 2], where it may touch 0: y = 2t/(1 + t), by the sign of (1 +
    t)^n p."""
    n = len(values) - 1
    t, one = Poly(2 * Z, Z, domain=QQ), Poly(1 + Z, Z, domain=QQ)
    return non_negative(sum((-int(c) * t**k * one ** (n - k) for k, c in enumerate(values)), Poly(0, Z, domain=QQ)))


def _short(guess: float, side: int) -> Fraction:
    """A short rational on one side of a guess, at about `MARGIN`."""
    g = Fraction(guess)
    ends = sorted((g * (1 + side * MARGIN), g * (1 + side * MARGIN / 2)))
    return simplest(*ends)


def _poly(column: Any) -> Poly:
    return Poly([int(c) for c in reversed(list(column))] or [0], Z, domain=QQ)


def _within(root: RealRoot, low: Fraction, high: Fraction) -> bool:
    """Whether a root lies in [low, high]."""
    for end in (low, high):
        if root.low <= end <= root.high and not _poly(root.coefficients[::-1]).eval(_rational(end)):
            return True
        while root.low < end < root.high:
            root = root.halved()
    return bool(low <= root.low and root.high <= high)


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


def _complex(p: Poly, a: Any, w: Any, domain: Any) -> tuple[Any, Any]:
    """p(a + ib) = u + ib·v with w = b²."""
    u, v = domain.zero, domain.zero
    for c in p.rep.to_list():
        u, v = u * a - v * w + domain.convert(c), v * a + u
    return u, v


def _radius(curve: Curve, z: NDArray[np.complex128]) -> NDArray[np.float64]:
    """The largest |ζ|."""
    with np.errstate(all="ignore"):
        c = [np.polyval([float(x) for x in p.all_coeffs()], z) for p in curve.coefficients]
        if curve.steps == 1:
            return np.asarray(np.abs(c[0] / c[1]))
        k = curve.steps
        companion = np.zeros((*z.shape, k, k), dtype=complex)
        companion[..., np.arange(1, k), np.arange(k - 1)] = 1
        companion[..., :, k - 1] = -np.stack([x / c[-1] for x in c[:-1]], axis=-1)
        companion[~np.isfinite(companion)] = 1e30
        return np.asarray(np.abs(np.linalg.eigvals(companion)).max(axis=-1))
