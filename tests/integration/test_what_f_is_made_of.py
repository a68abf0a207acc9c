"""Gradients apart from the steps: what f is made of is found, or is told; what f holds is left as it was."""

import warnings

import pytest
import torch
from torch import nn

from tableau2net.errors import InputError
from tableau2net.integration import integrate, odeint_adjoint
from tableau2net.integration.modules_of_closures import modules_held
from tests.integration.problems import D

ONE = torch.ones(1, dtype=D)
ADJOINT = {"rtol": 1e-6, "backward": "adjoint"}
REVERSIBLE = {"steps": 4, "backward": "reversible", "coupling": "999/1000"}


def leaf(value):
    return torch.tensor(value, dtype=D, requires_grad=True)


def keeping(a):
    """A field that keeps what it computes when it is first called."""
    kept = {}

    def f(t, y):
        if "w" not in kept:
            kept["w"] = torch.sin(a)
        return -kept["w"] * y

    return f


def test_what_shows_later_is_told_where_nothing_wanted_a_gradient_before():
    a = leaf(0.7)
    with pytest.raises(InputError, match="not seen at t0; name it"):
        integrate("tsitouras-54", lambda t, y: 0 * y if t < 0.3 else -a * y, ONE, 0, 1, **ADJOINT)
    assert not integrate("tsitouras-54", lambda t, y: -y, ONE, 0, 1, **ADJOINT).requires_grad


@pytest.mark.parametrize("named", [False, True])
def test_what_f_keeps_from_its_first_call_has_a_gradient(named):
    a = leaf(0.7)
    how = ADJOINT | ({"parameters": [a]} if named else {})
    y = integrate("tsitouras-54", keeping(a), ONE, 0, 1, **how)
    (found,) = torch.autograd.grad(y.sum(), a)
    assert torch.allclose(found, -torch.cos(a) * torch.exp(-torch.sin(a)), rtol=1e-4)


def test_reversed_steps_tell_what_f_keeps_and_what_was_computed_before():
    a = leaf(0.7)
    with pytest.raises(RuntimeError, match=r"f kept a tensor of shape \(\) \(grad_fn SinBackward0\)"):
        integrate("rk4", keeping(a), ONE, 0, 1, **REVERSIBLE).sum().backward()
    w = torch.sin(a.expand(1))
    with pytest.raises(InputError, match=r"a tensor of shape \(1,\) \(grad_fn SinBackward0\) that was computed before"):
        integrate("rk4", lambda t, y: -w * y, ONE, 0, 1, **REVERSIBLE)


def test_a_named_tensor_that_f_never_reached_is_told():
    a, unused = leaf(0.7), leaf(1.0)
    y = integrate("tsitouras-54", lambda t, y: -a * y, ONE, 0, 1, **ADJOINT, parameters=[unused])
    with pytest.warns(UserWarning, match="never depended"):
        y.sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        integrate("tsitouras-54", lambda t, y: -a * y, ONE, 0, 1, **ADJOINT, parameters=[a]).sum().backward()


def test_the_adjoint_refuses_dropout_that_is_at_work():
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).double()
    with pytest.raises(InputError, match="draws random numbers"):
        integrate("rk4", lambda t, y: net(y), torch.ones(1, 2, dtype=D), 0, 1, steps=2, backward="adjoint")
    net.eval()
    integrate("rk4", lambda t, y: net(y), torch.ones(1, 2, dtype=D), 0, 1, steps=2, backward="adjoint")


@pytest.mark.parametrize("how", [{"backward": "checkpoint"}, {"backward": "adjoint"}, REVERSIBLE])
@pytest.mark.parametrize("name", ["rk4", "gauss-2"])
def test_statistics_of_a_closure_move_once(name, how):
    if name == "gauss-2" and how is REVERSIBLE:
        return
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).double()
    y = integrate(name, lambda t, y: net(y), torch.eye(2, dtype=D), 0, 0.1, **{"steps": 2} | how)
    before = {key: value.clone() for key, value in net.named_buffers()}
    y.sum().backward()
    assert all(torch.equal(before[key], value) for key, value in net.named_buffers())


class Holder:
    def __init__(self, net):
        self.nets = {"a": [net]}

    def field(self, t, y):
        return self.nets["a"][0](y)

    __call__ = field


GLOBAL = nn.Linear(1, 1)


def test_modules_are_found_wherever_a_function_has_them():
    net = nn.Linear(1, 1)

    def default(t, y, n=net):
        return n(y)

    def nested(t, y):
        return (lambda x: GLOBAL(x))(y)

    for function in (lambda t, y: net(y), default, Holder(net), net.forward, lambda t, y: default(t, y)):
        assert modules_held(function) == (net,)
    assert modules_held(nested) == (GLOBAL,)
    assert modules_held(net) == modules_held(torch.tanh) == ()


def test_odeint_adjoint_tells_what_is_left_out_and_has_what_func_keeps():
    a, b, t = leaf(0.7), leaf(0.2), torch.tensor([0.0, 1.0], dtype=D)
    kept = keeping(a)
    y = odeint_adjoint(kept, ONE, t, rtol=1e-6, adjoint_params=[a])
    (found,) = torch.autograd.grad(y[-1].sum(), a)
    assert torch.allclose(found, -torch.cos(a) * torch.exp(-torch.sin(a)), rtol=1e-4)
    with pytest.warns(UserWarning, match="not among them: it gets no gradient"):
        odeint_adjoint(lambda t, y: -a * y + b, ONE, t, adjoint_params=[a])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        odeint_adjoint(lambda t, y: -a * y + b, ONE, t, adjoint_params=())
