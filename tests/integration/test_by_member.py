"""Members of a batch with steps of their own: each is what it is alone."""

import math

import pytest
import torch

import tableau2net as t2n
from tableau2net.integration import IntegrationError, integrate
from tests.integration.problems import D

RATES = torch.tensor([[0.1], [1.0], [30.0], [5.0]], dtype=D)
START = torch.tensor([[1.0, 0.5], [1.0, -1.0], [0.3, 0.0], [2.0, 1.0]], dtype=D)


def turning(rates):
    """f(t, y) of members that turn at their rates, faster and faster."""

    def f(t, y):
        return torch.stack((y[:, 1], -y[:, 0]), 1) * rates * (1 + t)

    return f


@pytest.mark.parametrize(
    ("name", "end"),
    [("dormand-prince-54", 1.5), ("bogacki-shampine-32", -0.3), ("cash-karp-54", 1.0), ("dormand-prince-87", -0.8)],
)
def test_each_member_is_as_it_is_alone(name, end):
    tried = []

    def f(t, y):
        tried.append(t)
        return turning(RATES)(t, y)

    found = integrate(name, f, START, 0, end, rtol=1e-5, norm="each")
    evaluations = []
    for i in range(4):
        alone = integrate(name, turning(RATES[i]), START[i : i + 1], 0, end, rtol=1e-5, full=True)
        torch.testing.assert_close(found[i : i + 1], alone.y, rtol=1e-9, atol=1e-9)
        evaluations.append(alone.evaluations)
    assert len(tried) <= max(evaluations) + 1  # as many as the one that takes most
    assert tried[-1].shape == (4, 1)


def test_gradients_are_those_of_each_alone():
    rates, y0 = RATES.clone().requires_grad_(), START.clone().requires_grad_()
    found = integrate("tsitouras-54", turning(rates), y0, 0, 1, rtol=1e-6, norm="each")
    got = torch.autograd.grad(found.square().sum() + found.sum(), (rates, y0))
    for i in range(4):
        rate, start = RATES[i].clone().requires_grad_(), START[i : i + 1].clone().requires_grad_()
        alone = integrate("tsitouras-54", turning(rate), start, 0, 1, rtol=1e-6)
        wanted = torch.autograd.grad(alone.square().sum() + alone.sum(), (rate, start))
        torch.testing.assert_close(got[0][i], wanted[0], rtol=1e-7, atol=1e-8)
        torch.testing.assert_close(got[1][i : i + 1], wanted[1], rtol=1e-7, atol=1e-8)


def test_one_that_leaves_where_f_is_defined_spoils_no_gradient_of_others():
    y0 = torch.tensor([0.4, 3.0], dtype=D).requires_grad_()

    def f(t, y):  # the first step of 1.2 goes below 0, where the root is no number
        return -y.sqrt()

    y = integrate("bogacki-shampine-32", f, y0, 0, 1.0, rtol=1e-4, first_step=1.2, norm="each")
    exact = (y0.detach().sqrt() - 0.5) ** 2
    torch.testing.assert_close(y.detach(), exact, rtol=1e-3, atol=1e-3)
    (slope,) = torch.autograd.grad(y.sum(), y0)
    torch.testing.assert_close(slope, 1 - 0.5 / y0.detach().sqrt(), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex128])
def test_other_numbers_and_dimensions(dtype):
    y0 = torch.ones(3, 2, 2, dtype=dtype)
    y = integrate("dormand-prince-54", lambda t, y: y * torch.cos(t), y0, 0, 2, rtol=1e-4, max_step=0.3, norm="each")
    assert y.dtype == dtype
    torch.testing.assert_close(y, y0 * math.exp(math.sin(2)), rtol=1e-3, atol=0)


BAD = [
    ({"scheme": "rk4"}, t2n.InputError, "for explicit pairs, and rk4 is none"),
    ({"scheme": "kvaerno-43"}, t2n.InputError, "for explicit pairs"),
    ({"scheme": "bdf"}, t2n.InputError, "for explicit pairs"),
    ({"y0": 1.0}, t2n.InputError, "no first dimension"),
    ({"at": [0.5]}, t2n.InputError, "steps that all have in common"),
    ({"full": True}, t2n.InputError, "steps that all have in common"),
    ({"backward": "adjoint"}, t2n.InputError, "backward='store'"),
    ({"max_steps": 2}, IntegrationError, "max_steps = 2"),
    ({"f": lambda t, y: y * y, "t1": 2}, IntegrationError, "member 1: at t = 1"),  # that explodes at t = 1
    ({"f": lambda t, y: y * math.nan}, IntegrationError, "member"),
]


@pytest.mark.parametrize(("change", "kind", "message"), BAD)
def test_what_cannot_be_is_said_in_a_line(change, kind, message):
    given = {"scheme": "dormand-prince-54", "f": lambda t, y: -y, "y0": [0.1, 1.0], "t0": 0, "t1": 1} | change
    with pytest.raises(kind, match=message) as caught:
        integrate(**given, rtol=1e-6, norm="each")
    assert "\n" not in str(caught.value)
