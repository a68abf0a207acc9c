"""Times of every kind: with gradients, outside of the interval by rounding, none at all."""

import math

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net.integration import integrate
from tableau2net.scheme import RungeKutta
from tests.integration.problems import D


@pytest.mark.parametrize(
    ("name", "how"), [("dormand-prince-54", {"rtol": 1e-9}), ("gauss-2", {"steps": 50}), ("bdf-4", {"steps": 150})]
)
def test_gradients_by_times(name, how):
    """y' = −2ty, y = y0 exp(t0² − t²)."""

    def tensor(x):
        return torch.tensor(x, dtype=D, requires_grad=True)

    t0, t1, y0 = tensor(0.3), tensor(1.2), tensor([1.0, 3.0])
    y = integrate(name, lambda t, y: -2 * t * y, y0, t0, t1, **how)
    exact = y0 * torch.exp(t0**2 - t1**2)
    torch.testing.assert_close(y, exact, rtol=1e-6, atol=1e-6)
    for got, want in zip(*(torch.autograd.grad(z[1], (t0, t1, y0)) for z in (y, exact)), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)
    for at in (tensor([0.5, 1.2]), [tensor(0.5), tensor(1.2)]):
        y = integrate(name, lambda t, y: -2 * t * y, y0, t0, t1, at=at, **how)
        times = torch.stack(list(at))
        exact = y0 * torch.exp(t0**2 - times[:, None] ** 2)
        wanted = (t0, y0, *(at if isinstance(at, list) else (at,)))
        for got, want in zip(*(torch.autograd.grad(z.prod(), wanted) for z in (y, exact)), strict=True):
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-6)


def test_gradients_by_times_of_several_states_and_where_there_are_none():
    t1 = torch.tensor(1.0, dtype=D, requires_grad=True)
    q, _ = integrate("forest-ruth-4", (lambda t, p: p, lambda t, q: -q), (1.0, 0.0), 0, t1, 50)
    torch.testing.assert_close(torch.autograd.grad(q, t1)[0], torch.tensor(-math.sin(1), dtype=D), rtol=1e-5, atol=0)
    assert not integrate("rk4", lambda t, y: -y, 1.0, 0, t1.detach(), 5).requires_grad
    with torch.no_grad():
        assert not integrate("rk4", lambda t, y: -y, 1.0, 0, t1, 5).requires_grad
    for name, y0 in (("stormer-4", ([1.0], [0.0])), (RungeKutta(A=[[]], b=["1/2"]), 1.0)):
        with pytest.raises(t2n.InputError, match="no gradient by times"):
            integrate(name, lambda t, y: -y, y0, 0, t1, 20)


def test_times_that_rounding_has_put_outside():
    def f(t, y):
        return -y

    end = integrate("rk4", f, [1.0], 0, 0.3, 6)
    for name, how in (("rk4", {"steps": 6}), ("dormand-prince-54", {"rtol": 1e-9}), ("bdf-2", {"steps": 50})):
        for at in ([0.1 + 0.2], [-1e-324, 0.3], np.linspace(0, 0.1 + 0.2, 4), [0.1, 0.2, 0.1 + 0.2]):
            torch.testing.assert_close(integrate(name, f, [1.0], 0, 0.3, at=at, **how)[-1], end, rtol=1e-3, atol=0)
    torch.testing.assert_close(
        integrate("rk4", f, [1.0], 0.1 + 0.2, 0, 6, at=[0.3, 0])[0], torch.tensor([1.0]).double()
    )
    torch.testing.assert_close(integrate("rk4", f, [1.0], 0, 0.3, grid=np.linspace(0, 0.1 + 0.2, 7)), end)


@pytest.mark.parametrize("steps", [np.int64(5), np.int32(5), torch.tensor(5), 5])
def test_counts_of_any_type(steps):
    want = integrate("rk4", lambda t, y: -y, 1.0, 0, 1, 5)
    assert integrate("rk4", lambda t, y: -y, 1.0, 0, 1, steps) == want
    assert integrate("rk4", lambda t, y: -y, np.float64(1), np.float32(0), torch.tensor(1), steps) == want
    assert integrate("rk4", lambda t, y: -y, 1.0, 0, 1, rtol=np.float32(1e-3), max_steps=20 * steps) > 0.36


@pytest.mark.parametrize(
    "name", ["rk4", "dormand-prince-54", "radau-iia-2", "bdf-3", "adams-bashforth-2", "nordsieck-bdf-2"]
)
def test_no_time_passes(name):
    for how in ({"steps": 4}, {"rtol": 1e-3}) if name in ("rk4", "dormand-prince-54") else ({"steps": 4},):
        assert integrate(name, lambda t, y: -y, [1.5], 2, 2, **how).tolist() == [1.5]
        assert integrate(name, lambda t, y: -y, [1.5], 2, 2, at=[2, 2], **how).tolist() == [[1.5], [1.5]]


def test_an_absolute_tolerance_for_each_number():
    """The second, a million times smaller, is as exact as its own tolerance says."""
    rates, y0 = torch.tensor([-1.0, -40.0], dtype=D), torch.tensor([1.0, 1e-6], dtype=D)
    exact = y0 * torch.exp(rates)
    for name in ("dormand-prince-54", "radau-iia-3"):
        for atol in ([1e-4, 1e-12], torch.tensor([1e-4, 1e-12]), np.array([1e-4, 1e-12]), (1e-4, 1e-12)):
            found = integrate(name, lambda t, y: rates * y, y0, 0, 1, rtol=0.0, atol=atol, full=True)
            assert float((found.y - exact)[1].abs()) < 1e-11
        loose = integrate(name, lambda t, y: rates * y, y0, 0, 1, rtol=0.0, atol=1e-4, full=True)
        assert loose.steps < found.steps
    batch = torch.ones(4, 2, dtype=D)
    assert integrate("bogacki-shampine-32", lambda t, y: -y, batch, 0, 1, rtol=1e-3, atol=[1e-4, 1e-5]).shape == (4, 2)
    q, _ = integrate(
        "forest-ruth-4", (lambda t, p: p, lambda t, q: -q), ([1.0], [0.0]), 0, 1, rtol=1e-6, atol=(1e-6, [1e-8])
    )
    assert float(q) == pytest.approx(math.cos(1), abs=1e-5)


def test_what_is_zero_and_stays_it_has_no_error():
    for name in ("dormand-prince-54", "radau-iia-2"):
        y = integrate(name, lambda t, y: -y, [1.0, 0.0], 0, 1, rtol=1e-6, atol=0)
        assert y.tolist() == [pytest.approx(math.exp(-1), rel=1e-5), 0.0]
