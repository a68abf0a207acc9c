"""The examples of equations from data, on tiny data."""

import re

from tests.example_scripts import example


def test_pde_net_shows_the_bias_of_each_scheme(capsys):
    example("pdenet").main(trajectories=3, steps=4, rollout=4, iterations=15)
    text = capsys.readouterr().out
    found = re.findall(r"u_xx: (\S+), truth (\S+), predicted (\S+)", text)
    assert abs(float(found[0][0]) - float(found[0][2])) < 1e-4
    assert abs(float(found[0][2])) > 5e-3
    assert re.findall(r"^(\w+): squared", text, re.MULTILINE) == ["euler", "rk2", "rk4"]


def test_burgers_is_discovered(capsys):
    example("discover_burgers").main(trajectories=3, steps=4, points=64)
    text = capsys.readouterr().out
    assert text.count("exactly the true terms") == 2
    assert 'family = "equation"' in text
