"""The script about exponential integrators runs and says what its reader came for."""

import re
from pathlib import Path

import pytest

from tests.example_scripts import beside_each_other, example  # noqa: F401

PAGE = (Path(__file__).parents[1] / "docs" / "exponential.md").read_text()


@pytest.mark.slow
def test_the_page_has_the_slopes_that_the_script_prints(capsys):
    example("exponential").main()
    printed = [line.split()[:4] for line in capsys.readouterr().out.splitlines()[1:]]
    assert printed == [[name, *rest] for name, *rest in re.findall(r"\| `(.*)` \| (\d) \| (\d) \| (.*) \|", PAGE)]


def test_exponential(capsys):
    example("exponential").main(points=15, steps=(8, 16), schemes=("lawson-rk4", "hochbruck-ostermann-4"))
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(row[0], row[1], row[2]) for row in rows] == [("lawson-rk4", "4", "1"), ("hochbruck-ostermann-4", "4", "4")]
    assert float(rows[0][3]) < 1.6 < 3.5 < float(rows[1][3])
