"""Equal steps: the slope of the error is the order, for every family; dtypes, batches, gradients, bad input."""

import math

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net.integration import IntegrationError, integrate
from tests.integration.problems import D, growing, grown, pulled, slopes

CASES = [
    ("euler", 2, 64), ("explicit-midpoint", 2, 64), ("ssprk-33", 2, 64), ("rk4", 2, 32), ("dormand-prince-54", 2, 32),
    ("butcher-6", 2, 16), ("cooper-verner-8", 2, 8), ("adams-bashforth-2", 2, 64), ("adams-bashforth-4", 2, 64),
    ("adams-bashforth-6", 3, 64), ("nystrom-3", 2, 64), ("leapfrog-2", 2, 64), ("adamnet-2", 2, 64),
    ("adamnet-3", 2, 64), ("extrapolated-bdf-3", 2, 64), ("adams-pece-2-2", 2, 64), ("nordsieck-adams-3", 2, 256),
    ("jackiewicz-tracogna-3", 2, 64), ("dimsim-3", 2, 256), ("almost-runge-kutta-4", 2, 64), ("glee-23", 2, 128),
    ("implicit-midpoint", 2, 16), ("gauss-2", 2, 8), ("bdf-2", 2, 64), ("bdf-4", 2, 64),
    ("adams-moulton-3", 2, 128), ("nordsieck-bdf-3", 2, 128), ("tr-bdf2", 2, 16),
]  # fmt: skip


@pytest.mark.parametrize(("name", "end", "steps"), CASES)
def test_the_slope_of_the_global_error_is_the_order(name, end, steps):
    """y' = y cos t, y = exp(sin t), with steps small enough to see the slope and large enough to be above rounding."""
    scheme = t2n.load(name).at_defaults()

    def error(n):
        return abs(float(integrate(scheme, growing, 1.0, 0, end, n)) - grown(end))

    assert slopes(error, (steps, 2 * steps)) == [pytest.approx(t2n.order(scheme), abs=0.4)]


@pytest.mark.parametrize("name", ["ark-324l2sa", "ars-343", "imex-bdf-2", "imex-bdf-4", "imex-adams-2", "cnab-1"])
def test_sums_of_fields(name):
    """y' = f_1 + f_2, each treated in its own way."""
    scheme = t2n.load(name).at_defaults()
    parts = (lambda t, y: y * (math.cos(t) + 2), lambda t, y: -2 * y)

    def error(n):
        return abs(float(integrate(scheme, parts, 1.0, 0, 2, n)) - grown(2))

    assert slopes(error, (32, 64)) == [pytest.approx(t2n.order(scheme), abs=0.35)]


@pytest.mark.parametrize("name", ["stormer-verlet-velocity", "forest-ruth-4", "kahan-li-6"])
def test_several_states(name):
    """A planet on a circle, position and velocity by fields of their own."""
    q, p = torch.tensor([1.0, 0.0], dtype=D), torch.tensor([0.0, 1.0], dtype=D)

    def error(n):
        new = integrate(name, (lambda t, p: p, pulled), (q, p), 0, 1, n)
        exact = torch.tensor([[math.cos(1), math.sin(1)], [-math.sin(1), math.cos(1)]], dtype=D)
        return float((torch.stack(new) - exact).abs().max())

    assert slopes(error, (8, 16)) == [pytest.approx(t2n.order(t2n.load(name)), abs=0.1)]


@pytest.mark.parametrize("name", ["stormer-2", "stormer-4", "cowell-4", "numerov"])
def test_second_derivatives(name):
    """y'' = f(t, y) from a position and a velocity."""
    q, v = torch.tensor([1.0, 0.0], dtype=D), torch.tensor([0.0, 1.0], dtype=D)
    exact = torch.tensor([math.cos(1), math.sin(1)], dtype=D)
    found = slopes(lambda n: float((integrate(name, pulled, (q, v), 0, 1, n) - exact).norm()), (32, 64))
    assert found == [pytest.approx(t2n.order(t2n.load(name)), abs=0.25)]


def test_lm_solves_the_equation_at_its_effective_step():
    """LM with k ≠ 0 is no integrator of u' = f but of u' = f/(1 + k)."""
    scheme = t2n.load("lm").with_values(k="-1/4")
    got = float(integrate(scheme, lambda t, y: -y, 1.0, 0, 1, 4000))
    assert got == pytest.approx(math.exp(-1 / 0.75), abs=1e-3)


def test_batches_dtypes_and_gradients():
    y0 = torch.rand(5, 2, dtype=D, requires_grad=True)
    y1 = integrate("rk4", lambda t, y: -y, y0, 0.0, 1.0, 50)
    torch.testing.assert_close(y1, y0 * math.exp(-1), rtol=1e-8, atol=0)
    (gradient,) = torch.autograd.grad(y1.sum(), y0)
    torch.testing.assert_close(gradient, torch.full_like(y0, math.exp(-1)), rtol=1e-8, atol=0)
    assert integrate("rk4", lambda t, y: -y, torch.ones(2), 0.0, 1.0, 2).dtype == torch.float32
    assert integrate("rk4", lambda t, y: -y, [1, 2], 0.0, 1.0, 2).dtype == D
    turned = integrate("rk4", lambda t, y: 1j * y, torch.ones((), dtype=torch.complex128), 0.0, math.pi, 100)
    assert complex(turned) == pytest.approx(-1, abs=1e-7)
    back = integrate("rk4", lambda t, y: -y, math.exp(-1), 1.0, 0.0, 50)
    assert float(back) == pytest.approx(1, rel=1e-7)
    assert float(integrate("rk4", lambda t, y: -y, 3.0, 1.0, 1.0, 2)) == 3


@pytest.mark.parametrize("name", ["radau-iia-2", "bdf-3", "adams-bashforth-3"])
def test_gradients_against_finite_differences(name):
    """Of the steps as they are: through implicit stages by the implicit function theorem, through the start too."""

    def end(rate, y0):
        return integrate(name, lambda t, y: -rate * y * y + math.sin(t), y0, 0, 1, 6)

    at = torch.tensor(0.7, dtype=D, requires_grad=True), torch.tensor([1.0, 0.5], dtype=D, requires_grad=True)
    assert torch.autograd.gradcheck(end, at, eps=1e-6, atol=1e-6)


BAD = [
    ({"steps": 0}, "at least one step"),
    ({"steps": 2.5}, "whole number"),
    ({}, "give steps=, grid=, or rtol= and atol="),
    ({"steps": 3, "rtol": 1e-3}, "give steps=, grid=.*given: steps, rtol"),
    ({"steps": 3, "y0": torch.tensor([1])}, "floating point"),
    ({"steps": 3, "y0": [math.nan]}, "y0 is not finite"),
    ({"steps": 3, "y0": []}, "y0 is empty"),
    ({"steps": 3, "y0": "one"}, "a tensor is expected"),
    ({"steps": 3, "f": 3}, "a function f"),
    ({"steps": 3, "f": lambda t, y: 1.0}, "f returned float"),
    ({"steps": 3, "f": lambda t, y: y[None].expand(2, *y.shape)}, "f returned .*like the state"),
    ({"steps": 3, "f": lambda t, y: y.float()}, "f returned .*float32.*like the state"),
    ({"steps": 3, "t1": "late"}, "t1: a number"),
    ({"steps": 3, "t1": math.inf}, "finite number"),
    ({"steps": 3, "at": [0.5, 0.2]}, "in order"),
    ({"steps": 3, "at": [0.5, 1.2]}, "from t0"),
    ({"steps": 3, "at": []}, "no times"),
    ({"steps": 3, "at": 0.5}, "list of times"),
    ({"grid": [0, 0.5]}, "end at t1"),
    ({"grid": [0, 0.7, 0.6, 1]}, "one way"),
    ({"steps": 3, "scheme": "ars-111"}, "a tuple of 2 functions"),
    ({"steps": 3, "scheme": "stormer-verlet-velocity"}, "a tuple of 2 states"),
    ({"steps": 3, "scheme": "stormer-2"}, "the state and its velocity"),
    ({"steps": 3, "scheme": "bdf-3", "start": "bdf-2"}, "one-step method"),
    ({"grid": [0, 0.4, 1], "scheme": "leapfrog-2"}, "give equal steps"),
    ({"grid": [0, 0.4, 1], "scheme": t2n.load("lm").with_values(k="-1/4")}, "give equal steps"),
    ({"grid": [0, 0.4, 1], "scheme": "dimsim-3"}, "steps must be equal"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input_is_one_line(change, message):
    given = {"scheme": "rk4", "f": lambda t, y: -y, "y0": [1.0], "t0": 0, "t1": 1} | change
    with pytest.raises(t2n.InputError, match=message) as caught:
        integrate(**given)
    assert "\n" not in str(caught.value)


def test_what_does_not_arrive_says_so():
    """Never a value that is none: an explosion, and implicit stages without a solution."""
    with pytest.raises(IntegrationError, match="not finite at t = 1"):
        integrate("euler", lambda t, y: y**3, 100.0, 0, 1, 10)
    with pytest.raises(IntegrationError, match="implicit stages"):
        integrate("backward-euler", lambda t, y: y * y + 1, 0.0, 0, 2, 1)


@pytest.mark.parametrize(
    "name",
    ["adams-bashforth-4", "bdf-3", "dormand-prince-54", "rk4", "verner-65-efficient", "gauss-2", "bogacki-shampine-32"],
)
def test_values_inside_steps_keep_the_order(name):
    """At times that are no ends of steps: by dense output, a step of their own, or neighbouring values."""
    times = np.linspace(0, 2, 14)
    exact = torch.exp(torch.sin(torch.tensor(times)))
    p = t2n.order(t2n.load(name))
    sizes = (8, 16) if p > 5 else (20, 40)
    found = slopes(lambda n: float((integrate(name, growing, 1.0, 0, 2, n, at=times) - exact).abs().max()), sizes)
    assert found[0] > p - 0.4
    backward = integrate(name, growing, grown(2), 2, 0, 40, at=torch.tensor([2.0, 1.2345, 0.0]))
    torch.testing.assert_close(backward, torch.tensor([grown(2), grown(1.2345), 1.0], dtype=D), rtol=2e-3, atol=0)


def test_ends_of_steps_are_returned_as_they_are():
    whole = integrate("rk4", growing, 1.0, 0, 1, 4, full=True, at=[0, 0.25, 0.5, 1])
    assert [float(y) for y in whole.y] == [
        1.0,
        *(float(integrate("rk4", growing, 1.0, 0, n / 4, n)) for n in (1, 2, 4)),
    ]
    assert (whole.steps, whole.rejected, whole.evaluations, whole.order) == (4, 0, 16, 4)
    assert whole.t == (0, 0.25, 0.5, 1)
    assert whole.grid == (0, 0.25, 0.5, 0.75, 1)


def test_starts():
    """Of a method of one's own; of fewer steps than the scheme looks back; on the way to Nordsieck vectors and y''."""
    own = t2n.load("ars-343")
    parts = (lambda t, y: y * (math.cos(t) + 2), lambda t, y: -2 * y)
    for start in (own, "radau-iia-3", None):
        assert float(integrate("imex-bdf-3", parts, 1.0, 0, 1, 80, start=start)) == pytest.approx(grown(1), abs=1e-4)
    euler = integrate("adams-bashforth-2", growing, 1.0, 0, 1, 1, start="euler")
    assert float(euler) == float(integrate("euler", growing, 1.0, 0, 1, 1))
    rk4 = integrate("rk4", growing, 1.0, 0, 1, 2)
    torch.testing.assert_close(integrate("adams-bashforth-4", growing, 1.0, 0, 1, 2), rk4)
    for name, y0, f, exact in (
        ("nordsieck-adams-4", 1.0, growing, grown),
        ("stormer-4", (0.0, 1.0), lambda t, y: -y, math.sin),
    ):
        values = integrate(name, f, y0, 0, 1, 40, at=[0.01, 0.33, 0.99])
        assert values.tolist() == pytest.approx([exact(t) for t in (0.01, 0.33, 0.99)], abs=1e-6)
