"""Numbers of nested square roots against decimals."""

from __future__ import annotations

from fractions import Fraction

import mpmath

from tableau2net.exact.surds import conjugate_roots, expression, quadratic_roots
from tests.reference import number


def test_surds_against_decimals():
    low, high = quadratic_roots(Fraction(-10, 9), Fraction(5, 21))
    with mpmath.workdps(40):
        x, y = (number(expression(v)) for v in (low, high))
        assert abs(x - (mpmath.mpf(5) - mpmath.sqrt(mpmath.mpf(40) / 7)) / 9) < 1e-35
        for made, same in (
            ((low - 3) / (high + 2), (x - 3) / (y + 2)),
            (1 / low - low * low * high, 1 / x - x * x * y),
            (*(Fraction(2, 3) - high, mpmath.mpf(2) / 3 - y),),
        ):
            assert abs(number(expression(made)) - same) < 1e-35
        u, v = conjugate_roots(low, high)
        assert (
            abs(
                number(expression(u * v * (u - 2) / (v + u)))
                - mpmath.sqrt(x * y) * (mpmath.sqrt(x) - 2) / (mpmath.sqrt(x) + mpmath.sqrt(y))
            )
            < 1e-35
        )
        assert (u + v) * (u - v) == low - high
        assert low * high == Fraction(5, 21)
        assert low + high == Fraction(10, 9)
