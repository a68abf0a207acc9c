"""Neural ODEs: forward and gradient by a few lines, and what they must survive."""

import pytest
import torch
from torch.nn import functional

import tableau2net as t2n
from tableau2net.nn import named_coefficients
from tableau2net.nn.families.ode import AdaptiveBlock, ANODENetwork, ODENetwork, TimeField, ode_block
from tableau2net.nn.learnt.schemes import learnt_schemes
from tableau2net.nn.refinement import refine
from tableau2net.nn.registry import entries
from tests.fields import smooth


def make(name, **options):
    (network,) = [e.build(**g, **options) for e in entries() if (g := e.groups(name)) is not None]
    return network


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def close(a, b, tolerance=1e-11):
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}")


def time_field(field, t, y):
    """Chen's field as it is usually written, time as a channel of a plain convolution."""
    for norm, conv in zip(field.norms[:2], (c.conv for c in field.convs), strict=True):
        y = functional.relu(functional.group_norm(y, norm.num_groups, norm.weight, norm.bias))
        time = torch.ones(len(y), 1, *y.shape[2:], dtype=y.dtype) * t
        y = functional.conv2d(torch.cat([time, y], 1), conv.weight, conv.bias, padding=1)
    last = field.norms[2]
    return functional.group_norm(y, last.num_groups, last.weight, last.bias)


def group_field(field, y):
    for norm, conv in ((field.norm1, field.conv1), (field.norm2, field.conv2)):
        y = functional.relu(functional.group_norm(y, norm.num_groups, norm.weight, norm.bias))
        y = functional.conv2d(y, conv.weight, padding=1)
    return y


def rk4(f, y, steps, horizon):
    h = horizon / steps
    for n in range(steps):
        t = n * h
        a = f(t, y)
        b = f(t + h / 2, y + h / 2 * a)
        c = f(t + h / 2, y + h / 2 * b)
        d = f(t + h, y + h * c)
        y = y + h / 6 * (a + 2 * b + 2 * c + d)
    return y


@pytest.mark.parametrize("backward", ["store", "checkpoint"])
def test_neural_ode_by_hand(backward):
    torch.manual_seed(0)
    net = make("neural_ode_rk4_3", width=8, horizon=1.5, backward=backward).double()
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    field = net.block.field
    y = rk4(lambda t, y: time_field(field, t, y), net.opening(x), 3, 1.5)
    y = functional.relu(functional.group_norm(y, 8, net.norm.weight, net.norm.bias)).mean((2, 3))
    expected, found = net.head(y), net(x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    close(gradients(net, found.square().sum()), gradients(net, expected.square().sum()))


def test_anode_by_hand():
    torch.manual_seed(0)
    net = make("anode_euler_3", widths=(4, 8), shortcut="pad").double()
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)

    def euler(block, y):
        for _ in range(3):
            y = y + group_field(block.field, y) / 3
        return y

    y = euler(net.blocks[0], euler(net.first, net.opening(x)))
    y = functional.pad(y[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2)) + net.transitions[0].field(y)
    y = euler(net.blocks[1], y)
    expected, found = net.head(functional.relu(net.bn(y)).mean((2, 3))), net(x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    close(gradients(net, found.square().sum()), gradients(net, expected.square().sum()))


def test_gradients_of_a_coupled_block_are_those_of_its_steps():
    torch.manual_seed(0)
    field = TimeField(8).double()
    options = {"time_dependent": True, "backward": "reversible", "coupling": "999/1000"}
    block = ode_block(t2n.load("rk4"), field, 3, horizon=0.5, **options)
    y0 = torch.randn(2, 8, 6, 6, dtype=torch.float64)
    y = z = y0
    for n in range(3):
        y, z = block.step(field, 0.5 / 3, n * 0.5 / 3, y, z)
    found = block(y0)
    torch.testing.assert_close(found, y, rtol=1e-12, atol=1e-12)
    close(gradients(block, found.square().sum()), gradients(block, y.square().sum()), 1e-7)


def test_the_adjoint_gradient_becomes_that_of_the_steps():
    """Two routes to one flow: where h is halved their difference falls by the order of the scheme, at least by 8."""
    pytest.importorskip("torchdiffeq")
    torch.manual_seed(0)
    field = smooth(3, 5)
    y0, found = torch.randn(4, 3, dtype=torch.float64), []
    for steps in (2, 4):
        stored, adjoint = (
            gradients(b, b(y0).square().sum())
            for b in (ode_block(t2n.load("rk4"), field, steps, backward=way) for way in ("store", "adjoint"))
        )
        found.append(sum(float((stored[n] - adjoint[n]).norm()) for n in stored))
    assert 0 < found[1] < found[0] / 8


def test_adaptive_steps_solve_to_the_tolerance_and_have_a_gradient():
    """y' = Ay by the matrix exponential, its gradient by autograd through that."""
    torch.manual_seed(0)
    field = torch.nn.Linear(3, 3, bias=False).double()

    class Autonomous(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = field

        def forward(self, t, y):
            return self.linear(y)

    block = AdaptiveBlock(t2n.load("dormand-prince-54"), Autonomous(), horizon=2.0, rtol=1e-9, atol=1e-9)
    y0 = torch.randn(4, 3, dtype=torch.float64)
    found, expected = block(y0), y0 @ torch.linalg.matrix_exp(2.0 * field.weight).T
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7)
    close(gradients(block, found.square().sum()), gradients(block, expected.square().sum()), 1e-6)
    fine = block.evaluations
    block.tolerances.update(rtol=1e-3, atol=1e-3)
    block(y0)
    assert 6 < block.evaluations < fine


def test_adaptive_neural_ode_by_hand(monkeypatch):
    """Against steps so many that their number matters as little as the tolerance, of a field that is smooth."""
    monkeypatch.setattr(functional, "relu", lambda x, inplace=False: functional.softplus(x))
    torch.manual_seed(0)
    net = make("neural_ode_adaptive", width=8, rtol=1e-8, atol=1e-8, horizon=0.5).double()
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    y = rk4(lambda t, y: time_field(net.block.field, t, y), net.opening(x), 60, 0.5)
    y = functional.relu(functional.group_norm(y, 8, net.norm.weight, net.norm.bias)).mean((2, 3))
    expected, found = net.head(y), net(x)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    close(gradients(net, found.square().sum()), gradients(net, expected.square().sum()), 1e-4)


def test_refinement_takes_more_steps_with_the_same_field():
    torch.manual_seed(0)
    net = make("neural_ode_rk4_3", width=8, horizon=0.1).double()
    fine, x = refine(net), torch.randn(2, 3, 12, 12, dtype=torch.float64)
    assert (fine.block.steps, fine.block.h) == (6, 0.1 / 6)
    again = make("neural_ode_rk4_6", width=8, horizon=0.1).double()
    again.load_state_dict(fine.state_dict())
    torch.testing.assert_close(fine(x), again(x), rtol=1e-12, atol=1e-12)


def test_multistep_and_learnt_coefficients():
    x = torch.randn(2, 3, 16, 16)
    assert make("neural_ode_adams-bashforth-2_4", width=8)(x).shape == (2, 10)
    net = make("anode_lm_4", widths=(4, 8), sharing="channel")
    net(x).sum().backward()
    assert net.blocks[1].k.shape == (3, 8, 1, 1)
    assert net.blocks[1].k.grad is not None
    assert len(learnt_schemes(make("anode_lm_4", widths=(4, 8)))) == 3 * 3  # three blocks, of which one step starts
    assert not list(named_coefficients(make("neural_ode_lm_4", width=8, coefficients="fixed")))


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: make("neural_ode_rk4_0"), "at least one step"),
        (lambda: make("neural_ode_nothing_4"), "nothing"),
        (lambda: make("neural_ode_revnet_4"), "one state and one field"),
        (lambda: make("neural_ode_ars-222_4"), "one state and one field"),
        (lambda: t2n.create_model("neural_ode_rk4_4", scheme="euler"), "says scheme already"),
        (lambda: make("neural_ode_rk4_4", rtol=1e-3), "one of the two"),
        (lambda: make("neural_ode_rk4_4", atol=1e-3), "no tolerance"),
        (lambda: make("neural_ode_rk4_4", width=0), "at least 1"),
        (lambda: make("neural_ode_rk4_4", colour=1), "colour"),
        (lambda: make("neural_ode_rk4_4", stage_weights="independent"), "one field"),
        (lambda: make("neural_ode_adaptive", backward="checkpoint"), "backward"),
        (lambda: make("neural_ode_adaptive", scheme="adams-bashforth-2"), "remembers"),
        (lambda: make("anode_euler_2", shortcut="none"), "'pad'"),
        (lambda: ODENetwork(t2n.load("rk4")), "one of the two"),
        (lambda: ANODENetwork(t2n.load("rk4"), 2, widths=(4, 0)), "at least 1"),
    ],
)
def test_what_cannot_be_made(made, says):
    with pytest.raises(t2n.InputError, match=says):
        made()
