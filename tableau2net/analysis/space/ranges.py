"""The largest value of a rational function of cos θ, as an algebraic number."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from sympy import QQ, Poly, Symbol

from tableau2net.analysis.budget import TooMuch
from tableau2net.exact.polynomials import RealRoot, X, evaluate, real_roots
from tableau2net.exact.root_arithmetic import larger, whole

V = Symbol("v")
MAX_DEGREE = 40  # of the polynomial whose root an extreme value is


def largest(above: Poly, below: Poly) -> RealRoot:
    """max p(x)/q(x) for −1 ≤ x ≤ 1, where q > 0 there; over ℚ. Raises TooMuch."""
    if not (above.domain.is_QQ and below.domain.is_QQ):
        raise TooMuch("weights that are not rational")
    best = larger(*(whole(evaluate(above, QQ(x)) / evaluate(below, QQ(x))) for x in (-1, 1)))
    slope = above.diff() * below - above * below.diff()
    free = slope.quo(slope.gcd(slope.diff())) if slope.degree() > 0 else slope.one
    for part, _ in free.factor_list()[1]:
        for turn in real_roots(part):
            inside = _narrow(turn)
            if inside.low > -1 and inside.high < 1:
                best = larger(best, _value(above, below, part, inside))
    return best


def _narrow(turn: RealRoot) -> RealRoot:
    """Off the ends, which an irreducible polynomial has as roots only if it is linear."""
    turn = turn.within(QQ(1, 2**40))
    while turn.low < turn.high and (turn.low <= -1 <= turn.high or turn.low <= 1 <= turn.high):
        turn = turn.halved()
    return turn


def _value(above: Poly, below: Poly, part: Poly, turn: RealRoot) -> RealRoot:
    """p/q at a root of an irreducible polynomial."""
    if part.degree() == 1:
        x = -part.nth(0) / part.nth(1)
        at = QQ(int(x.p), int(x.q))
        return whole(evaluate(above, at) / evaluate(below, at))
    if part.degree() > MAX_DEGREE:
        raise TooMuch(f"the extreme value is of degree {part.degree()}, at most {MAX_DEGREE}")
    joint = above.as_expr() - V * below.as_expr()
    found = Poly(Poly(joint, X).resultant(Poly(part.as_expr(), X)).as_expr(), V, domain=QQ)
    roots = real_roots(found.quo(found.gcd(found.diff())))
    while True:
        low, high = _image(above, below, turn)
        left = [r for r in roots if r.low <= high and low <= r.high]
        if len(left) == 1:
            return left[0]
        turn, roots = turn.within((turn.high - turn.low) / 2**20), [r.halved() for r in left]


def _image(above: Poly, below: Poly, turn: RealRoot) -> tuple[Any, Any]:
    """An interval around p/q on one of x, by the mean value theorem."""
    middle = (turn.low + turn.high) / 2
    value = evaluate(above, middle) / evaluate(below, middle)
    least = _least(below)
    p, q, dp, dq = (sum((abs(c) for c in f.rep.to_list()), QQ(0)) for f in (above, below, above.diff(), below.diff()))
    reach = (dp * q + p * dq) / least**2 * (turn.high - turn.low)
    return value - reach, value + reach


def _least(below: Poly) -> Any:
    """A rational below q on [−1, 1]."""
    x = np.linspace(-1, 1, 513)
    guess = Fraction(float(np.polyval([float(c) for c in below.all_coeffs()], x).min()) / 4).limit_denominator(10**6)
    return QQ(guess.numerator, guess.denominator)
