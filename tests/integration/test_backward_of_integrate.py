"""What `backward=` keeps for the gradient, and that the gradient is that of the steps all the same."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import nn

import tableau2net as t2n
from benchmarks.counting import held_bytes
from tableau2net.integration import IntegrationError, integrate
from tableau2net.step import lower
from tableau2net.testing import degenerate
from tests.integration.problems import D
from tests.integration.ways import WAYS, Y0

W = torch.tensor([[0.3, -1.0, 0.2], [0.9, 0.1, -0.4], [0.0, 0.7, -0.6]], dtype=D).requires_grad_()


def driven(t, *states):
    return torch.tanh(sum(states) @ W) * (1 + t)


def posed(scheme):
    """Fields and initial states for a scheme of any family."""
    step = lower(scheme)
    if step.derivative == 2:
        return driven, (Y0, Y0 / 2)
    if len(step.states) > 1:
        return (driven,) * len(step.states), tuple(Y0 / (n + 1) for n in range(len(step.states)))
    parts = max(step.parts, step.fields)
    return (driven,) * parts if parts > 1 else driven, Y0


def gradients(scheme, backward, **how):
    """The solution, and its gradients by the initial states, a weight of f that nobody names, and the end."""
    f, y0 = posed(t2n.load(scheme) if isinstance(scheme, str) else scheme)
    states = [y.clone().requires_grad_() for y in (y0 if isinstance(y0, tuple) else (y0,))]
    y = integrate(scheme, f, tuple(states) if isinstance(y0, tuple) else states[0], 0, 1, backward=backward, **how)
    found = list(y) if isinstance(y, tuple) else [y]
    loss = sum((x * x).sum() for x in found)
    return found, torch.autograd.grad(loss, (*states, W), allow_unused=True, materialize_grads=True)


def assert_alike(scheme, **how):
    try:
        (values, wanted), (found, got) = gradients(scheme, "store", **how), gradients(scheme, "checkpoint", **how)
    except (t2n.InputError, IntegrationError):
        with pytest.raises((t2n.InputError, IntegrationError)):
            gradients(scheme, "checkpoint", **how)
        return
    for a, b in zip((*values, *wanted), (*found, *got), strict=True):
        torch.testing.assert_close(b, a, rtol=0, atol=0)


@pytest.mark.parametrize(("scheme", "how"), WAYS)
def test_what_is_taken_again_has_the_same_gradient_to_the_bit(scheme, how):
    assert_alike(scheme, **how)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(degenerate())
def test_so_it_has_with_schemes_that_nobody_would_publish(scheme):
    assert_alike(scheme, steps=3)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(degenerate())
def test_so_it_has_with_many_of_them(scheme):
    assert_alike(scheme, steps=3)


def test_states_at_the_ends_of_steps_are_all_that_is_kept():
    net = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 4))
    y0 = torch.ones(8, 4)

    def kept(backward):
        how = {"rtol": 1e-5, "at": [0.3, 3], "backward": backward}
        return held_bytes(lambda: integrate("dormand-prince-54", lambda t, y: net(y), y0, 0, 3, **how), [net])

    assert kept("checkpoint") < kept("store") / 10


def test_the_field_is_evaluated_once_more_for_each_slope_and_buffers_count_once():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(()))
            self.calls, self.scale = 0, nn.Parameter(torch.tensor(0.5, dtype=D))

        def forward(self, t, y):
            self.calls += 1
            self.seen = self.seen + 1
            return -y * self.scale * self.seen

    found = {}
    for backward in ("store", "checkpoint"):
        f = Counting()
        integrate("rk4", f, Y0, 0, 1, steps=5, backward=backward).sum().backward()
        assert f.seen == 20
        assert f.calls == 20 * (1 + (backward == "checkpoint"))
        found[backward] = f.scale.grad
    assert torch.equal(*found.values())


def test_second_derivatives_and_the_time_of_an_event_pass_through_it():
    def second(backward):
        y0 = Y0.clone().requires_grad_()
        y = integrate("rk4", driven, y0, 0, 1, steps=3, backward=backward)
        (first,) = torch.autograd.grad(y.square().sum(), y0, create_graph=True)
        return torch.autograd.grad(first.sum(), (y0, W))

    def time(backward):
        rate = torch.tensor(0.5, dtype=D, requires_grad=True)
        how = {"rtol": 1e-8, "event": lambda t, y: y[0] - 0.5, "full": True, "backward": backward}
        ending = integrate("dormand-prince-54", lambda t, y: -rate * y, [1.0], 0, 3, **how).ending
        return torch.autograd.grad(ending.t, rate)

    for of in (second, time):
        for a, b in zip(of("store"), of("checkpoint"), strict=True):
            assert torch.equal(a, b)


BAD = [
    ({"backward": "magic"}, "write 'store'"),
    ({"backward": None}, "write 'store'"),
    ({"scheme": "ros3p", "backward": "checkpoint"}, "takes more than values of f"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_what_cannot_be_is_said_in_a_line(change, message):
    given = {"scheme": "rk4", "f": driven, "y0": Y0, "t0": 0, "t1": 1, "steps": 2} | change
    with pytest.raises(t2n.InputError, match=message) as caught:
        integrate(**given)
    assert "\n" not in str(caught.value)
