"""Paired tests, two-sided, and Holm's correction for many. Exact arithmetic up to the last function of each.

The t-test goes through the regularised incomplete beta function: with ν degrees of freedom,
P(|T| ≥ |t|) = I_x(ν/2, 1/2) at x = ν/(ν + t²) (Abramowitz and Stegun, 26.7.1 with 26.5.27).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import mpmath

DIGITS = 30


def paired_t(differences: Sequence[Fraction]) -> float | None:
    """p of Student's paired t-test on differences of pairs.

    None where it cannot be had: fewer than two pairs, or all differences the same, which says nothing of their spread.
    """
    n = len(differences)
    if n < 2:
        return None
    mean = sum(differences, Fraction(0)) / n
    variance = sum(((d - mean) ** 2 for d in differences), Fraction(0)) / (n - 1)
    if variance == 0:
        return None
    x = (n - 1) / (n - 1 + mean**2 * n / variance)
    with mpmath.workdps(DIGITS):
        tail = mpmath.betainc(
            mpmath.mpf(n - 1) / 2, mpmath.mpf(1) / 2, 0, mpmath.mpf(x.numerator) / x.denominator, regularized=True
        )
        return float(tail)


def mcnemar(only_first: int, only_second: int) -> Fraction:
    """p of McNemar's exact test: the images that only one of two networks got right, n in all, fall to either with
    probability 1/2, so that p = 2 Σ_{i ≤ k} C(n, i) / 2ⁿ with k the smaller count, and at most 1."""
    n, k = only_first + only_second, min(only_first, only_second)
    term = tail = 1
    for i in range(k):
        term = term * (n - i) // (i + 1)
        tail += term
    return min(Fraction(1), Fraction(2 * tail, 2**n))


def holm(values: Sequence[float]) -> list[float]:
    """p-values of one family corrected as Holm 1979 has it: the k-th smallest of m times m - k + 1, none smaller than
    the one before it, none above 1; in the order given."""
    corrected = [0.0] * len(values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = largest
    return corrected
