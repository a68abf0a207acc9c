"""Paired tests, against scipy and against what they are by definition."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tableau2net.comparison.significance import holm, mcnemar, paired_t

errors = st.integers(0, 10_000)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(errors, errors), min_size=2, max_size=40))
def test_paired_t_is_scipys(pairs: list[tuple[int, int]]) -> None:
    p = paired_t([Fraction(a - b, 100) for a, b in pairs])
    if len({a - b for a, b in pairs}) == 1:
        assert p is None
    else:
        expected = stats.ttest_rel([a / 100 for a, _ in pairs], [b / 100 for _, b in pairs]).pvalue
        assert p == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_paired_t_from_a_table_of_t() -> None:
    """P(|T| ≥ 2.776) = 0.05 at four degrees of freedom; by hand, t = mean √5 / s."""
    differences = [Fraction(d, 10) for d in (1, 2, 3, 4, 5)]  # mean 0.3, s² = 0.025, t² = 18
    assert paired_t(differences) == pytest.approx(2 * stats.t.sf(18**0.5, 4), rel=1e-12)
    assert paired_t([Fraction(-1), Fraction(1)]) == 1


@pytest.mark.parametrize("differences", [[], [Fraction(1)], [Fraction(1)] * 3, [Fraction(0)] * 2])
def test_no_p_where_there_is_none(differences: list[Fraction]) -> None:
    assert paired_t(differences) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_binomial_test(first: int, second: int) -> None:
    p = mcnemar(first, second)
    assert p == mcnemar(second, first)
    if first + second:
        assert float(p) == pytest.approx(stats.binomtest(first, first + second).pvalue, rel=1e-9)
    else:
        assert p == 1


def test_mcnemar_counts_coins() -> None:
    """Of all 2⁷ ways that seven images can fall, those at least as uneven as 1 to 6."""
    uneven = sum(abs(2 * sum(way) - 7) >= 5 for way in product((0, 1), repeat=7))
    assert mcnemar(1, 6) == Fraction(uneven, 2**7)


@settings(max_examples=100)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.2))
def test_holm_rejects_as_the_step_down_procedure_does(values: list[float], level: float) -> None:
    rejected = set()
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        if (len(values) - rank) * values[index] > level:
            break
        rejected.add(index)
    corrected = holm(values)
    assert {index for index, p in enumerate(corrected) if p <= level} == rejected
    assert all(1 >= p >= value for p, value in zip(corrected, values, strict=True))
