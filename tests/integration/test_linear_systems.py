"""Stiff problems by methods that solve linear systems alone, against scipy's Radau."""

import re

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import tableau2net as t2n
from tests.example_scripts import beside_each_other, example  # noqa: F401

EPSILON = 1e-4


def van_der_pol(t, y):
    return torch.stack((y[1], ((1 - y[0] ** 2) * y[1] - y[0]) / EPSILON))


def robertson(t, y):
    a, b, c = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return torch.stack((b - a, a - b - c, c))


def by_scipy(f, start, end):
    def rows(t, y):
        return f(t, torch.from_numpy(y)).numpy()

    return solve_ivp(rows, (0, end), start, method="Radau", rtol=1e-10, atol=1e-12).y[:, -1]


VAN_DER_POL = (van_der_pol, [2.0, -0.66], 1.0)
ROBERTSON = (robertson, [1.0, 0.0, 0.0], 40.0)


@pytest.mark.parametrize(
    ("name", "problem"), [("rodas4", VAN_DER_POL), ("rodas5p", ROBERTSON), ("ros34pw2", ROBERTSON)]
)
def test_stiff_problems_are_solved_to_the_tolerance(name, problem):
    f, start, end = problem
    found = t2n.integrate(name, f, start, 0, end, rtol=1e-5, atol=1e-9, full=True)
    np.testing.assert_allclose(found.y.numpy(), by_scipy(f, start, end), rtol=2e-3, atol=1e-9)
    assert found.steps < 600  # an explicit method needs some hundred thousand


@pytest.mark.slow
def test_second_derivatives_are_stable_too():
    """Enright's method at steps far beyond what is explicit: h times the rate is 200."""
    f = lambda t, y: -2000 * (y - torch.cos(torch.as_tensor(t, dtype=y.dtype)))  # noqa: E731
    errors = [abs(float(t2n.integrate("enright-2", f, [1.0], 0, 1, steps=n)) - np.cos(1 - 1 / 2000)) for n in (10, 20)]
    assert max(errors) < 1e-5


def test_the_gradient_is_that_of_the_steps():
    rate = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)

    def end(rate):
        f = lambda t, y: torch.stack((rate * y[1], -rate * torch.sin(y[0]) + t))  # noqa: E731
        return t2n.integrate("rodas3", f, [1.0, 0.0], 0, 1, steps=5)[0]

    (gradient,) = torch.autograd.grad(end(rate), rate)
    with torch.no_grad():
        difference = (end(rate + 1e-5) - end(rate - 1e-5)) / 2e-5
    assert float(gradient) == pytest.approx(float(difference), rel=1e-7)


@pytest.mark.slow
@pytest.mark.usefixtures("beside_each_other")
def test_the_example(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["rosenbrock.py", "--tolerance", "1e-3", "--epsilon", "1e-2", "--end", "0.5"])
    example("rosenbrock").main()
    text = capsys.readouterr().out
    assert len(re.findall(r"^r\S+ +\d\.\de-\d+ +\d+ +\d+ +\d+$", text, re.M)) == 6
    a, b = map(float, re.findall(r"-?\d\.\d{8}", text))
    assert a == pytest.approx(b, abs=1e-6)
