"""Networks of dynamic blocks: what is around the blocks, statistics at each point of evaluation, grids refined."""

import copy

import pytest
import torch
from torch.nn import functional

from tableau2net.errors import InputError
from tableau2net.nn.dynamic import coarsened, refined
from tableau2net.nn.dynamic.dynamic_network import DynamicNetwork, compare_outputs
from tableau2net.nn.dynamic.layers import LAYERS, PixelNorm, layer_of
from tests.nn.dynamic_by_hand import KNOTS, STATES, by_hand, convolved, leaves_of, made, normal, parabolic


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
        ({"norm": "instance"}, "norm"),
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
