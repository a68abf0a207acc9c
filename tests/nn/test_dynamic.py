"""Dynamic blocks: θ(t) against numpy and scipy, steps against loops written out in float64, grids moved, statistics."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline
from torch import nn
from torch.nn import functional

from tableau2net.errors import InputError
from tableau2net.nn.dynamic import Controls, coarsened, refined
from tableau2net.nn.dynamic.block import DynamicBlock
from tableau2net.nn.dynamic.dynamic_network import DynamicNetwork, compare_outputs
from tableau2net.nn.dynamic.layers import LAYERS, PixelNorm, layer_of

STATES = (0.0, 0.2, 0.3, 0.7)
KNOTS = (0.0, 0.25, 0.4, 0.7)


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


def normal(theta, number, z, eps=1e-5):
    """BatchNorm where there is a scaling, the norm of each pixel where there is only a shift, or nothing."""
    if f"norm{number}.weight" in theta:
        mean, var = z.mean((0, 2, 3)), z.var((0, 2, 3), unbiased=False)
        z = (z - mean[:, None, None]) / (var[:, None, None] + eps).sqrt()
        z = z * theta[f"norm{number}.weight"][:, None, None]
    elif f"norm{number}.bias" in theta:
        z = z / (z * z).sum(1, keepdim=True).add(1e-4).sqrt()
    return z + theta[f"norm{number}.bias"][:, None, None] if f"norm{number}.bias" in theta else z


def convolved(theta, number, y):
    kernel = theta[f"conv{number}.weight"]
    return functional.conv2d(y, kernel, theta[f"conv{number}.bias"], padding=kernel.shape[2] // 2)


def gradient_flow(theta, y):
    """Kᵀσ(N(Ky + b))."""
    z = torch.relu(normal(theta, "", convolved(theta, "", y)))
    return functional.conv_transpose2d(z, theta["conv.weight"], padding=1)


def parabolic(theta, y):
    return -gradient_flow(theta, y) - theta["bias"][:, None, None]


def chain(*numbers):
    """σ(N(K·)) for each number in turn."""

    def layer(theta, y):
        for number in numbers:
            y = torch.relu(normal(theta, number, convolved(theta, number, y)))
        return y

    return layer


def preact(theta, y):
    return normal(theta, 2, convolved(theta, 2, chain(1)(theta, torch.relu(y))))


FORMULAS = {"parabolic": parabolic, "double": chain(1, 2), "preact": preact, "bottleneck": chain(1, 2, 3)}


def between(leaves, t):
    """θ(t), linear between the knots."""
    j = max(0, min(len(KNOTS) - 2, sum(t >= k for k in KNOTS) - 1))
    w = (t - KNOTS[j]) / (KNOTS[j + 1] - KNOTS[j])
    return {name: (1 - w) * v[j] + w * v[j + 1] for name, v in leaves.items()}


def by_hand(integrator, leaves, y, layer):
    """The steps written out."""

    def f(t, y):
        return layer(between(leaves, t), y)

    past = None
    for a, b in pairwise(STATES):
        h = b - a
        if integrator == "euler":
            y = y + h * f(a, y)
        elif integrator == "rk4":
            k1 = f(a, y)
            k2 = f(a + h / 2, y + h / 2 * k1)
            k3 = f(a + h / 2, y + h / 2 * k2)
            k4 = f(b, y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        elif integrator == "adams-bashforth-2":
            now = f(a, y)
            y, past = (y + h * now if past is None else y + h * (1.5 * now - 0.5 * past)), now
        elif integrator == "momentum-resnet":  # y_prev as if the step before had been of this length
            now, older = h * f(a, y), past
            past = (y, h)
            y = y + now if older is None else y + 0.9 * h / older[1] * (y - older[0]) + 0.1 * now
        elif integrator == "abm-1":  # predicted by Euler, corrected by the trapezoidal rule, evaluated again
            past = f(a, y) if past is None else past
            predicted = f(b, y + h * past)
            y = y + h * (past + predicted) / 2
            past = f(b, y)
        elif integrator == "bdf-2":
            new, older = (y + h * f(a, y) if past is None else y), past
            for _ in range(60 if past else 0):
                new = 4 / 3 * y - (y - h / older[1] * (y - older[0])) / 3 + 2 / 3 * h * f(b, new)
            y, past = new, (y, h)
        elif integrator == "implicit-midpoint":
            k = torch.zeros_like(y)
            for _ in range(60):
                k = f(a + h / 2, y + h / 2 * k)
            y = y + h * k
    return y


def made(scheme, norm, layer="parabolic", **options):
    torch.manual_seed(1)
    width = 8 if layer == "bottleneck" else 3
    block = DynamicBlock(scheme, lambda field: layer_of(layer, width, norm, field), STATES, KNOTS, **options)
    block = block.double()
    with torch.no_grad():
        for p in block.parameters():
            p.normal_(std=0.1 if options.get("tolerance") else 0.3)
    return block, torch.randn(2, width, 4, 4, dtype=torch.float64)


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


def leaves_of(control):
    """θ at the knots, by name."""
    return {
        name: torch.stack([layer.get_parameter(name).detach() for layer in control.layers]).requires_grad_()
        for name in control.at(0.0)
    }


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


def test_the_network_around_the_blocks_by_hand():
    net, x = trained()
    net.train()
    found, y = net(x), x

    def connected(connector, y):
        theta = {f"conv.{n}": p for n, p in connector.conv.named_parameters()}
        theta |= {f"norm.{n}": p for n, p in connector.norm.named_parameters()}
        return torch.relu(normal(theta, "", convolved(theta, "", y), eps=1e-4))

    y = connected(net.opening, x)
    y = connected(net.connectors[0], net.blocks[0](y))
    y = (y[..., ::2, ::2] + y[..., 1::2, ::2] + y[..., ::2, 1::2] + y[..., 1::2, 1::2]) / 4
    y = connected(net.connectors[1], net.blocks[1](y)).mean((2, 3))
    expected = y @ net.head.weight.T + net.head.bias
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    weights = list(net.parameters())
    gradients = [torch.autograd.grad(out.square().sum(), weights, allow_unused=True) for out in (found, expected)]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-9)


def test_the_parabolic_layer_without_norm_never_expands():
    torch.manual_seed(0)
    layer, y = layer_of("parabolic", 2, "none").double(), torch.randn(1, 2, 4, 4, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(layer, y).reshape(32, 32)
    torch.testing.assert_close(jacobian, jacobian.T)
    assert torch.linalg.eigvalsh(jacobian).max() < 1e-12


@pytest.mark.parametrize(("scheme", "per_step"), [("rk4", (4, 4, 4)), ("adams-bashforth-2", (1, 1, 1))])
def test_statistics_are_kept_for_each_evaluation_point(scheme, per_step):
    block, y = made(scheme, "batch")
    block.train()
    seen = []

    def spy(theta, y):
        z = functional.conv2d(y, theta["conv.weight"], theta["conv.bias"], padding=1)
        seen.append((z.mean((0, 2, 3)), z.var((0, 2, 3))))
        return parabolic(theta, y)

    by_hand(scheme, leaves_of(block.controls[0]), y, spy)
    block(y)
    kept = block.state_dict()
    names = [f"fields.{n}.0.points.{i}.norm" for n, count in enumerate(per_step) for i in range(count)]
    assert len(seen) == len(names)
    for name, (mean, var) in zip(names, seen, strict=True):
        torch.testing.assert_close(kept[f"{name}.running_mean"], 0.1 * mean)
        torch.testing.assert_close(kept[f"{name}.running_var"], 0.9 + 0.1 * var)
        assert kept[f"{name}.num_batches_tracked"] == 1
    assert not any("running" in name for name in kept if name.startswith("controls"))
    other, _ = made(scheme, "batch")
    other.load_state_dict(kept)
    assert torch.equal(block.eval()(y), other.eval()(y))
    assert torch.equal(copy.deepcopy(block)(y), block(y))


def test_an_evaluation_before_the_first_step_and_two_at_one_time_have_points_of_their_own():
    block, _ = made("abm-1", "batch")
    assert [len(each[0].points) for each in block.step_fields()] == [3, 2, 2]
    assert block.step_fields()[0][0].times == (0.0, 0.2, 0.2)


@pytest.mark.parametrize("backward", ["store", "checkpoint"])
def test_a_batch_is_counted_once(backward):
    for scheme in ("rk4", "adams-bashforth-2", "abm-1", "implicit-midpoint"):
        block, y = made(scheme, "batch", backward=backward)
        block(y).sum().backward()
        counts = [v for name, v in block.state_dict().items() if name.endswith("num_batches_tracked")]
        assert counts
        assert all(v == 1 for v in counts)


def trained(interpolation="linear", scheme="rk4", norm="batch", **options):
    """A small network whose weights and statistics are none that it began with."""
    torch.manual_seed(0)
    net = DynamicNetwork(
        scheme, widths=(4, 6, 6), states=STATES, controls=KNOTS, interpolation=interpolation, norm=norm, **options
    ).double()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.2 * torch.randn_like(p))
    x = torch.randn(5, 3, 8, 8, dtype=torch.float64)
    net(x)
    return net.eval(), x


@pytest.mark.parametrize("interpolation", ["constant", "linear", "cubic"])
@pytest.mark.parametrize("scheme", ["rk4", "adams-bashforth-2"])
def test_refined_controls_are_the_same_function_and_coarsened_again_the_same_network(interpolation, scheme):
    net, x = trained(interpolation, scheme)
    finer = net.refine(controls=3)
    assert finer.blocks[0].controls[0].knots == refined(KNOTS, 3)
    assert compare_outputs(net, finer, x).largest < 1e-12
    again = finer.coarsen(controls=3)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=1e-14)


def test_refined_states_are_the_same_flow_and_keep_statistics():
    net, x = trained()
    halves = [net.refine(states=factor) for factor in (1, 2, 4)]
    assert compare_outputs(net, halves[0], x).largest == 0
    assert len(halves[1].blocks[0].fields) == 6
    assert compare_outputs(halves[1], halves[2], x).largest > 0
    before, after = net.blocks[0].fields, halves[1].blocks[0].fields
    assert torch.equal(before[1][0].points[0].norm.running_var, after[2][0].points[0].norm.running_var)  # t = 0.2
    middle = after[0][0].points[0].norm.running_mean  # at t = 0, the second of these at 0.1
    assert torch.equal(middle, before[0][0].points[0].norm.running_mean)
    mean = (before[0][0].points[1].norm.running_mean, before[1][0].points[1].norm.running_mean)  # at 0.1 and 0.25
    torch.testing.assert_close(after[1][0].points[1].norm.running_mean, mean[0] + (mean[1] - mean[0]) / 3)
    assert torch.equal(halves[1](x), net.regrid(states=refined(STATES))(x))
    assert halves[1].coarsen(states=2).blocks[0].states == STATES
    assert coarsened((0.0, 1.0, 2.0, 3.0), 2) == (0.0, 2.0, 3.0)
    assert net.refine(controls=2).train().training


def test_refining_leaves_the_network_as_it_was():
    net, x = trained()
    before, weights = net(x), {name: p.clone() for name, p in net.named_parameters()}
    finer = net.refine(2, 2)
    with torch.no_grad():
        for p in finer.parameters():
            p.zero_()
    assert torch.equal(net(x), before)
    assert all(torch.equal(p, weights[name]) for name, p in net.named_parameters())


def test_smoothness_by_hand():
    net, _ = trained()
    expected = 0.0
    for block in net.blocks:
        layers = [torch.cat([p.flatten() for p in layer.parameters()]) for layer in block.controls[0].layers]
        expected += sum((KNOTS[k + 1] - KNOTS[k]) * (layers[k + 1] - layers[k]).abs().sum() for k in range(3))
    torch.testing.assert_close(net.smoothness(), expected)
    net.smoothness().backward()
    assert net.refine(controls=2).smoothness().item() == pytest.approx(expected.item() / 2)


def test_clipping():
    net, _ = trained()
    with torch.no_grad():
        for p in net.parameters():
            p.fill_(9.0)
    net.clip_(0.5, 1.5)
    for name, p in net.named_parameters():
        free = name.endswith("bias") and "conv" not in name.split(".")[-2]
        bound = 9.0 if free else 1.5 if "norm" in name or "head" in name else 0.5
        assert float(p.detach().max()) == bound, name


@pytest.mark.parametrize("kind", sorted(LAYERS))
def test_layers_have_the_width_they_get(kind):
    for norm in ("tv", "batch", "none"):
        layer = layer_of(kind, 4, norm)
        assert layer(torch.randn(2, 4, 5, 5)).shape == (2, 4, 5, 5)
    y = torch.randn(2, 3, 4, 4)
    unit = PixelNorm(3, eps=0.0)(y).square().sum(1)
    torch.testing.assert_close(unit, torch.ones_like(unit))


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"states": (0, 1, 1)}, "states"),
        ({"states": (0,)}, "states"),
        ({"states": (0, float("nan"))}, "states"),
        ({"states": 3}, "states"),
        ({"controls": (1, 0)}, "controls"),
        ({"controls": [(0, 1), (0, 1)]}, "controls"),
        ({"interpolation": "quintic"}, "interpolation"),
        ({"norm": "layer"}, "norm"),
        ({"layer": "triple"}, "layer"),
        ({"layer": "hamiltonian"}, "hamiltonian"),
        ({"scheme": "symplectic-euler-p", "widths": (3, 4)}, "widths"),
        ({"scheme": "stormer-4", "states": (0, 1, 3)}, "states"),
        ({"scheme": "momentum-resnet", "states": (0, 1, 3), "backward": "reversible"}, "states"),
        ({"scheme": "glee-23"}, "glee-23"),
        ({"coefficients": "free"}, "coefficients"),
        ({"widths": (4,)}, "widths"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(options, names):
    with pytest.raises(InputError, match=names) as caught:
        DynamicNetwork(**{"scheme": "rk4", "layer": "parabolic", **options})
    assert "\n" not in str(caught.value)
