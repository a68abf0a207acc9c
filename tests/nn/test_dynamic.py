"""Dynamic blocks: θ(t) against numpy and scipy, steps against loops written out in float64."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline
from torch import nn

from tableau2net.nn.dynamic import Controls, refined
from tableau2net.nn.dynamic.block import DynamicBlock
from tableau2net.nn.dynamic.layers import layer_of
from tests.nn.dynamic_by_hand import FORMULAS, KNOTS, STATES, between, by_hand, gradient_flow, leaves_of, made


def numpy_theta(knots, values, kind, t):
    """Interpolation by numpy and scipy, constant outside."""
    knots, t = np.array(knots), min(max(t, knots[0]), knots[-1])
    if kind == "constant":
        return values[np.searchsorted(knots, t, side="right") - 1]
    if kind == "cubic":
        return CubicSpline(knots, values, bc_type="natural")(t)
    flat = values.reshape(len(knots), -1)
    return np.array([np.interp(t, knots, column) for column in flat.T]).reshape(values.shape[1:])


@pytest.mark.parametrize("kind", ["constant", "linear", "cubic"])
def test_theta_is_numpys_interpolation_for_every_parameter(kind):
    torch.manual_seed(0)
    control = Controls(lambda: layer_of("double", 2, "batch"), KNOTS, kind).double()
    with torch.no_grad():
        for p in control.parameters():
            p.normal_()
    for t in (-1.0, 0.0, 0.1, 0.25, 0.33, 0.4, 0.55, 0.7, 3.0):
        theta = control.at(t)
        assert set(theta) == {f"{a}{i}.{b}" for a in ("conv", "norm") for i in (1, 2) for b in ("weight", "bias")}
        for name, value in theta.items():
            values = np.stack([layer.get_parameter(name).detach().numpy() for layer in control.layers])
            np.testing.assert_allclose(value.detach().numpy(), numpy_theta(KNOTS, values, kind, t), atol=1e-13)


def test_theta_at_a_knot_is_the_parameter_and_one_knot_is_constant():
    control = Controls(lambda: nn.Linear(2, 2), (0.1, 0.2, 0.1 + 0.2))
    assert control.at(0.3)["weight"] is control.layers[2].weight  # though 0.3 is not 0.1 + 0.2
    alone = Controls(lambda: nn.Linear(2, 2), (5.0,))
    assert alone.at(0.0)["bias"] is alone.at(9.0)["bias"]


def test_tied_parameters_stay_tied():
    def make():
        layer = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        layer[1].weight = layer[0].weight
        return layer

    block = DynamicBlock("rk4", lambda field: make(), STATES, KNOTS)
    assert sum(p.numel() for p in block.parameters()) == len(KNOTS) * 8
    y = torch.randn(3, 2)
    assert torch.allclose(block(y), block.moved(controls=refined(KNOTS))(y), atol=1e-6)


EXPLICIT = [
    ("euler", {}),
    ("rk4", {}),
    ("rk4", {"layer": "double"}),
    ("adams-bashforth-2", {"layer": "preact"}),
    ("euler", {"layer": "bottleneck"}),
    ("rk4", {"backward": "checkpoint"}),
    ("adams-bashforth-2", {}),
    ("adams-bashforth-2", {"backward": "checkpoint"}),
    ("momentum-resnet", {}),
    ("abm-1", {}),
    ("abm-1", {"backward": "checkpoint"}),
]
IMPLICIT = [("bdf-2", {"tolerance": 1e-13}), ("implicit-midpoint", {"tolerance": 1e-13})]
CASES = [
    *((*case, norm) for case in EXPLICIT for norm in ("tv", "batch", "none")),
    *((*case, norm) for case in IMPLICIT for norm in ("batch", "none")),  # with "tv" the iteration does not contract
]


@pytest.mark.parametrize(("scheme", "options", "norm"), CASES)
def test_steps_and_gradients_by_hand_on_grids_that_are_not_uniform(scheme, options, norm):
    block, y = made(scheme, norm, **options)
    formula = FORMULAS[options.get("layer", "parabolic")]
    same_steps(block, y, lambda leaves, y: by_hand(scheme, *leaves, y, formula))


def same_steps(block, y, steps):
    """``steps(leaves of each field, y)`` has the block's value, and its gradients for y and θ at each knot."""
    leaves = [leaves_of(control) for control in block.controls]
    mine, theirs = y.clone().requires_grad_(), y.clone().requires_grad_()
    found, expected = block(mine), steps(leaves, theirs)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-11)
    cotangent = torch.randn_like(y)
    (found * cotangent).sum().backward()
    (expected * cotangent).sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-8, atol=1e-9)
    for control, own in zip(block.controls, leaves, strict=True):
        for name, leaf in own.items():
            for layer, gradient in zip(control.layers, leaf.grad, strict=True):
                found = layer.get_parameter(name).grad
                found = torch.zeros_like(gradient) if found is None else found
                torch.testing.assert_close(found, gradient, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    ("scheme", "options", "states"),
    [("rk4", {"coupling": "9/10"}, STATES), ("momentum-resnet", {}, (0.0, 0.2, 0.4, 0.6))],
)
def test_backward_by_the_inverse_is_that_of_the_steps(scheme, options, states):
    found = []
    for backward in ("store", "reversible"):
        torch.manual_seed(0)
        given = options if backward == "reversible" else {}
        block = DynamicBlock(scheme, lambda field: nn.Linear(3, 3), states, KNOTS, backward=backward, **given).double()
        y = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(2, 3).requires_grad_()
        out = block(y)
        out.square().sum().backward()
        found.append(
            torch.cat(
                [out.flatten(), y.grad.flatten(), *(p.grad.flatten() for p in block.parameters() if p.grad is not None)]
            )
        )
    close = 1e-3 if options else 1e-10  # the coupled form is another scheme of the same order
    torch.testing.assert_close(*found, rtol=close, atol=close)


EXACT_FOR_CONSTANTS = ["adams-bashforth-4", "lm", "momentum-resnet", "sspms-32", "extrapolated-bdf-3", "bdf-3"]


@pytest.mark.parametrize("scheme", EXACT_FOR_CONSTANTS)
def test_constant_slopes_are_integrated_exactly_on_any_grid(scheme):
    class One(nn.Module):
        def __init__(self):
            super().__init__()
            self.slope = nn.Parameter(torch.ones(1))

        def forward(self, y):
            return self.slope.expand_as(y)

    grid = (0.0, 0.2, 0.3, 0.7, 0.75, 1.6, 2.0)
    block = DynamicBlock(scheme, lambda field: One(), grid, (0.0,), tolerance=1e-14).double()
    y = torch.zeros(1, 2, dtype=torch.float64)
    torch.testing.assert_close(block(y), y + 2.0, rtol=1e-10, atol=1e-10)


def test_optimise_then_discretise_comes_near_the_gradient_as_the_steps_get_shorter():
    errors = []
    for factor in (1, 4):
        gradients = []
        for backward in ("store", "adjoint"):
            torch.manual_seed(0)
            control = lambda field: nn.Sequential(nn.Linear(3, 3), nn.Tanh())  # noqa: E731
            block = DynamicBlock(
                "explicit-midpoint", control, refined(STATES, factor), KNOTS, backward=backward
            ).double()
            y = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(2, 3).requires_grad_()
            block(y).square().sum().backward()
            gradients.append(torch.cat([y.grad.flatten(), *(p.grad.flatten() for p in block.parameters())]))
        errors.append(float((gradients[0] - gradients[1]).norm()))
    assert 0 < errors[1] < errors[0] / 8  # second order


def symplectic_euler(y, z, first, second, a, b):
    y = y + (b - a) * first(a, z)
    return y, z - (b - a) * second(b, y)


def verlet(y, z, first, second, a, b):
    half = y + (b - a) / 2 * first(a, z)
    z = z - (b - a) * second((a + b) / 2, half)
    return half + (b - a) / 2 * first(b, z), z


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize(
    ("scheme", "step"), [("symplectic-euler-p", symplectic_euler), ("stormer-verlet-velocity", verlet)]
)
def test_hamiltonian_blocks_by_hand(scheme, step, norm):
    torch.manual_seed(0)
    block = DynamicBlock(scheme, lambda field: layer_of("hamiltonian", 2, norm, field), STATES, KNOTS).double()

    def steps(leaves, x):
        forces = [lambda t, y, own=own: gradient_flow(between(own, t), y) for own in leaves]
        y, z = x.chunk(2, 1)
        for a, b in pairwise(STATES):
            y, z = step(y, z, *forces, a, b)
        return torch.cat((y, z), 1)

    same_steps(block, torch.randn(2, 4, 4, 4, dtype=torch.float64), steps)


def test_a_hamiltonian_field_is_a_gradient():
    layer = layer_of("hamiltonian", 2, "none").double()
    y = torch.randn(1, 2, 3, 3, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(layer, y).reshape(18, 18)
    torch.testing.assert_close(jacobian, jacobian.T)


def test_the_parabolic_layer_without_norm_never_expands():
    torch.manual_seed(0)
    layer, y = layer_of("parabolic", 2, "none").double(), torch.randn(1, 2, 4, 4, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(layer, y).reshape(32, 32)
    torch.testing.assert_close(jacobian, jacobian.T)
    assert torch.linalg.eigvalsh(jacobian).max() < 1e-12
