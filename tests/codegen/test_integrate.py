"""`integrate`: an ordinary differential equation through the generated code, and the slope of its error."""

import math

import pytest
import torch

import tableau2net as t2n

CASES = [
    ("euler", 2, 64), ("explicit-midpoint", 2, 64), ("ssprk-33", 2, 64), ("rk4", 2, 32), ("dormand-prince-54", 2, 32),
    ("butcher-6", 2, 16), ("cooper-verner-8", 2, 8), ("adams-bashforth-2", 2, 64), ("adams-bashforth-4", 2, 64),
    ("adams-bashforth-6", 3, 64), ("nystrom-3", 2, 64), ("leapfrog-2", 2, 64), ("adamnet-2", 2, 64),
    ("adamnet-3", 2, 64), ("extrapolated-bdf-3", 2, 64),
]  # fmt: skip


@pytest.mark.parametrize(("name", "end", "steps"), CASES)
def test_the_slope_of_the_global_error_is_the_order(name, end, steps):
    """y' = y cos t, y = exp(sin t), with steps small enough to see the slope and large enough to be above rounding."""
    scheme = t2n.load(name).at_defaults()
    errors = [
        abs(float(t2n.integrate(scheme, lambda t, y: y * math.cos(t), 1.0, 0, end, n)) - math.exp(math.sin(end)))
        for n in (steps, 2 * steps)
    ]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(t2n.order(scheme), abs=0.25)


def test_lm_solves_the_equation_at_its_effective_step():
    """LM with k ≠ 0 is no integrator of u' = f but of u' = f/(1 + k)."""
    scheme = t2n.load("lm").with_values(k="-1/4")
    got = float(t2n.integrate(scheme, lambda t, y: -y, 1.0, 0, 1, 4000))
    assert got == pytest.approx(math.exp(-1 / 0.75), abs=1e-3)


def test_batches_dtypes_and_gradients():
    y0 = torch.rand(5, 2, dtype=torch.float64, requires_grad=True)
    y1 = t2n.integrate("rk4", lambda t, y: -y, y0, 0.0, 1.0, 50)
    torch.testing.assert_close(y1, y0 * math.exp(-1), rtol=1e-8, atol=0)
    (gradient,) = torch.autograd.grad(y1.sum(), y0)
    torch.testing.assert_close(gradient, torch.full_like(y0, math.exp(-1)), rtol=1e-8, atol=0)
    assert t2n.integrate("rk4", lambda t, y: -y, torch.ones(2), 0.0, 1.0, 2).dtype == torch.float32
    assert t2n.integrate("rk4", lambda t, y: -y, [1, 2], 0.0, 1.0, 2).dtype == torch.float64
    back = t2n.integrate("rk4", lambda t, y: -y, math.exp(-1), 1.0, 0.0, 50)
    assert float(back) == pytest.approx(1, rel=1e-7)


def test_what_cannot_be_integrated():
    with pytest.raises(t2n.InputError, match="implicit"):
        t2n.integrate("gauss-2", lambda t, y: y, 1.0, 0, 1, 3)
    with pytest.raises(t2n.InputError, match="at least one step"):
        t2n.integrate("rk4", lambda t, y: y, 1.0, 0, 1, 0)
