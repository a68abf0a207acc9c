"""The example of searches runs, and what it tells is so."""

import re

import pytest

from tests.example_scripts import beside_each_other, example  # noqa: F401


@pytest.mark.slow
@pytest.mark.usefixtures("beside_each_other")
def test_a_lost_digit_and_the_longest_step(capsys):
    example("scheme_search").main()
    text = capsys.readouterr().out
    assert "b3 = 1/3, not 1/2" in text
    assert "x = 1/2 - sqrt(3)/6: order 3" in text
    assert "1/6 ≈ 0.16666667 at alpha = 2/3, certified" in text
    known, found = (float(x) for x in re.findall(r"([\d.]+) a stage", text))
    assert found > known
