"""The example about B-series runs, and the page about them says what is so."""

import re
from pathlib import Path

import pytest

from tableau2net import analysis
from tableau2net.scheme import load
from tests.example_scripts import beside_each_other, example  # noqa: F401

pytestmark = [pytest.mark.usefixtures("beside_each_other"), pytest.mark.slow]
PAGE = (Path(__file__).parents[1] / "docs" / "bseries.md").read_text("utf-8")
CELLS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]
ROWS = [(re.findall(r"`(.*?)`", row[0])[0], row[1:]) for row in CELLS if len(row) == 7]
FINDERS = (
    analysis.effective_order,
    analysis.symplectic_order,
    analysis.conjugate_symplectic_order,
    analysis.energy_order,
    analysis.conjugate_energy_order,
)


def test_energies_and_an_effective_order(capsys):
    example("bseries").main(steps=40)
    text = capsys.readouterr().out
    assert "order 4, effective order 5" in text
    told = re.findall(r"^(\S+), order \d: energy (\S+) after", text, re.MULTILINE)
    energies = {name: abs(float(x)) for name, x in told}
    assert max(energies["avf"], energies["hbvm-4-2"]) < 1e-13
    assert min(energies["rk4"], energies["implicit-midpoint"]) > 1e-6


@pytest.mark.parametrize(("name", "told"), ROWS)
def test_the_table_of_other_coordinates(name, told):
    assert len(ROWS) == 6
    assert str(analysis.order(load(name))) == told[0]
    for find, expected in zip(FINDERS, told[1:], strict=True):
        if expected in ("all", "≥ 7"):
            assert find(name, 7).order == 7
        elif expected:
            found = find(name, int(expected) + 1)
            assert (str(found.order), found.complete) == (expected, True)
