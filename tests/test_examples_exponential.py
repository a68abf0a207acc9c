"""The script about exponential integrators runs and says what its reader came for."""

from tests.example_scripts import beside_each_other, example  # noqa: F401


def test_exponential(capsys):
    example("exponential").main(points=15, steps=(8, 16), schemes=("lawson-rk4", "hochbruck-ostermann-4"))
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(row[0], row[1], row[2]) for row in rows] == [("lawson-rk4", "4", "1"), ("hochbruck-ostermann-4", "4", "4")]
    assert float(rows[0][3]) < 1.6 < 3.5 < float(rows[1][3])
