"""Energies over many steps, and fields with structure in blocks."""

import math

import pytest
import torch

import tableau2net as t2n
from tests.nn.mechanics import double_pendulum_lagrangian, numbers, pendulum_hamiltonian, smooth_net


def oscillator():
    return t2n.SeparableField(lambda p: p.square().sum(-1) / 2, lambda q: q.square().sum(-1) / 2)


def test_leapfrog_keeps_the_energy_that_theory_says():
    """Of q'' = −q velocity Verlet keeps p² + q² (1 − h²/4), whatever the number of steps."""
    y0, h = torch.tensor([[1.0, 0.0], [0.3, -0.5]], dtype=torch.float64), 0.3
    found = t2n.energy_drift("stormer-verlet-velocity", oscillator(), y0, 300 * h, 300, samples=100)
    assert found.symplectic
    assert found.energy_preserving is None
    assert len(found.t) == 101
    assert found.y.shape == (101, 2, 2)
    shadow = found.y[..., 1] ** 2 + found.y[..., 0] ** 2 * (1 - h**2 / 4)
    assert (shadow - shadow[0]).abs().max() < 1e-13
    assert found.largest == pytest.approx(h**2 / 8, rel=0.05)  # of q = 0, where p² is that of the beginning less h²/4
    assert abs(found.rate) < 1e-4


def test_euler_gains_what_theory_says():
    y0, h, steps = torch.tensor([1.0, 0.0], dtype=torch.float64), 0.1, 50
    found = t2n.energy_drift("euler", oscillator(), y0, h * steps, steps)
    assert found.symplectic is False
    expected = [((1 + h * h) ** n - 1) / 2 for n in range(steps + 1)]
    torch.testing.assert_close(found.error, torch.tensor(expected, dtype=torch.float64))
    assert found.evaluations == steps
    assert found.rate > 0.05


def test_what_is_said_of_a_scheme_is_of_the_field():
    y0 = torch.tensor([1.0, 0.2], dtype=torch.float64)
    H, L = t2n.GradientField(pendulum_hamiltonian), t2n.LagrangianField(lambda q, v: pendulum_hamiltonian(q, v))
    assert t2n.energy_drift("avf", H, y0, 1, 5).energy_preserving
    assert t2n.energy_drift("avf", H, y0, 1, 5, samples=2).largest < 1e-7
    assert t2n.energy_drift("gauss-2", H, y0, 1, 5, samples=2).symplectic
    assert t2n.energy_drift("gauss-1", L, y0, 1, 3, samples=2).symplectic is None
    damped = t2n.PortHamiltonianField(pendulum_hamiltonian, R=torch.tensor([0.0, 0.1]))
    found = t2n.energy_drift("rk4", damped, y0, 5, 50)
    assert found.symplectic is None
    assert (found.error[1:] < found.error[:-1]).all()
    chosen = t2n.energy_drift("dormand-prince-54", H, y0, 3, rtol=1e-6)
    assert chosen.largest < 1e-5
    assert len(chosen.t) == 201


def test_schemes_of_second_order_take_accelerations():
    y0 = torch.tensor([0.4, -0.3, 0.1, 0.2], dtype=torch.float64)
    field = t2n.LagrangianField(double_pendulum_lagrangian)
    found = t2n.energy_drift("nystrom-rkn-4-velocity", field, y0, 0.5, 50, samples=2)
    other = t2n.integrate("dormand-prince-54", field, y0, 0, 0.5, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.y[-1], other, rtol=0, atol=1e-4)


def leapfrog(K, V, p, q, h, steps):
    """By hand, as the authors' code of symplectic recurrent networks has it."""
    states = [(p, q)]
    for _ in range(steps):
        p = p - h / 2 * torch.autograd.grad(V(q).sum(), q, create_graph=True)[0]
        q = q + h * torch.autograd.grad(K(p).sum(), p, create_graph=True)[0]
        p = p - h / 2 * torch.autograd.grad(V(q).sum(), q, create_graph=True)[0]
        states.append((p, q))
    return states


def test_a_symplectic_recurrent_network_is_a_block_of_leapfrog():
    K, V = smooth_net(2), smooth_net(2, seed=1)
    p, q = (numbers(3, 2, seed=s).requires_grad_() for s in (1, 2))
    Block = t2n.compile("stormer-verlet-velocity", step_weights="shared")
    block = Block(list(t2n.SeparableField(K, V).pair), 4, h=0.2)
    ours, theirs = block.trajectory(p, q), leapfrog(K, V, p, q, 0.2, 4)
    wanted = [p, q, *list(K.parameters())[:3], *list(V.parameters())[:3]]
    gradients = []
    for states in (ours, theirs):
        flat = torch.stack([torch.cat(state, -1) for state in states])
        gradients.append((flat, *torch.autograd.grad(flat.square().sum(), wanted)))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)
    with torch.no_grad():
        torch.testing.assert_close(block(p, q)[1], theirs[-1][1])


@pytest.mark.parametrize("backward", ["checkpoint", "reversible"])
def test_other_ways_back(backward):
    p, q = (numbers(3, 2, seed=s).requires_grad_() for s in (1, 2))
    gradients = []
    for way in ("store", backward):
        field = t2n.SeparableField(smooth_net(2), smooth_net(2, seed=1))
        Block = t2n.compile("stormer-verlet-velocity", step_weights="shared", backward=way)
        y = torch.cat(Block(list(field.pair), 3, h=0.2)(p, q), -1)
        gradients.append(torch.autograd.grad(y.square().sum(), [p, field.force.scalar.function[0].weight]))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_a_block_of_them_has_a_summary():
    Block = t2n.compile("rk4", step_weights="shared")
    found = t2n.summary(Block(t2n.GradientField(smooth_net(4)), 3, h=0.1).float(), (4,)).blocks[0]
    assert (found.order, found.nominal) == (4, False)
    assert found.flops > 0


def test_implicit_stages_and_their_gradient():
    """Newton's method on a field that is a gradient itself; the gradient by the implicit function theorem."""
    field, y0 = t2n.GradientField(smooth_net(4)), numbers(3, 4).requires_grad_()
    y = t2n.integrate("gauss-2", field, y0, 0, 0.4, 2)
    fine = t2n.integrate("rk4", field, y0, 0, 0.4, 20)
    weight = field.scalar.function[0].weight
    for a, b in zip(*(torch.autograd.grad(x.square().sum(), [y0, weight]) for x in (y, fine)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_an_energy_around_the_circle_comes_back():
    found = t2n.energy_drift("gauss-3", oscillator(), torch.tensor([1.0, 0.0]).double(), 2 * math.pi, 12, samples=3)
    torch.testing.assert_close(found.y[-1], found.y[0], rtol=0, atol=1e-4)
    assert found.largest < 1e-12


def test_a_port_is_driven_by_a_sequence():
    field = t2n.PortHamiltonianField(smooth_net(4), R=torch.tensor([0.0, 0.0, 0.2, 0.2]), g=numbers(4, 3))
    x, y = numbers(5, 2, 3), torch.zeros(2, 4, dtype=torch.float64)
    outputs = t2n.RNN("euler", field, h=0.1)(x, y[None])[0]
    for entry in x:
        y = y + 0.1 * field(y, entry)
    torch.testing.assert_close(outputs[-1], y)


def test_what_is_told_is_short_and_no_time_has_no_rate():
    told = t2n.energy_drift("rk4", t2n.GradientField(pendulum_hamiltonian), numbers(4), 0.0, rtol=1e-3)
    assert told.rate == 0
    assert "symplectic=False" in repr(told)
    assert len(repr(told)) < 200
