"""Multi-level training: what a refined network is, exactly, and how far it is from the one it came from."""

import copy
import math
from itertools import pairwise

import pytest
import torch
from sympy import Rational
from torch import nn
from torch.nn import functional

import tableau2net as t2n
from tableau2net.nn.blocks import blocks_of
from tableau2net.nn.refinement import refine
from tests.fields import smooth


def count(model):
    return sum(p.numel() for p in model.parameters())


def images(dtype=torch.float64):
    torch.manual_seed(1)
    return torch.randn(2, 3, 16, 16, dtype=dtype)


@pytest.mark.parametrize("factor", [2, 3])
def test_steps_are_copied_with_their_statistics_and_nothing_is_shared(factor):
    net = t2n.create_model("resnet14", widths=(4, 8, 16))
    net(images(torch.float32))  # so that statistics differ from those of a new network
    before = copy.deepcopy(net.state_dict())
    fine = refine(net, factor)
    assert type(fine) is type(net)
    for old, new in zip(net.blocks, fine.blocks, strict=True):
        assert (len(new.fields), new.h) == (factor * len(old.fields), old.h / factor)
        for n, field in enumerate(new.fields):
            for name, value in field.state_dict().items():
                assert torch.equal(value, old.fields[n // factor].state_dict()[name]), name
    for name in ("opening", "transitions", "bn", "head"):
        for value, its in zip(*(getattr(m, name).state_dict().values() for m in (fine, net)), strict=True):
            assert torch.equal(value, its)
    places = [{v.data_ptr() for v in model.state_dict().values()} for model in (net, fine)]
    assert len(places[1]) == len(fine.state_dict())
    assert not places[0] & places[1]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_depth_is_known(n):
    net = t2n.create_model(f"resnet{6 * n + 2}")
    convolutions = [m for m in refine(net).modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert len(convolutions) + 1 == 12 * n - 2  # and the head
    unit = {w: 2 * 9 * w * w + 4 * w for w in (16, 32, 64)}
    assert count(refine(net)) - count(net) == n * unit[16] + (n - 1) * (unit[32] + unit[64])


def test_the_refined_network_by_hand():
    """Every field twice, each time with half of h, behind the same transitions; gradients too."""
    torch.manual_seed(0)
    net = t2n.create_model("resnet14", widths=(4, 8, 16)).double()
    fine, x = refine(net), images()
    y = net.opening(x)
    for i, block in enumerate(net.blocks):
        if i:
            t = net.transitions[i - 1]
            y = t.project(y) + t.field(y)
        for field in block.fields:
            for _ in range(2):
                y = y + 0.5 * field(y)
    expected, found = net.head(functional.relu(net.bn(y)).mean((2, 3))), fine(x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    expected.square().sum().backward()
    found.square().sum().backward()
    for old, new in zip(net.blocks, fine.blocks, strict=True):
        for n, field in enumerate(old.fields):  # what both copies get is what the one field used twice gets
            pairs = zip(new.fields[2 * n].parameters(), new.fields[2 * n + 1].parameters(), strict=True)
            for p, (a, b) in zip(field.parameters(), pairs, strict=True):
                torch.testing.assert_close(a.grad + b.grad, p.grad, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("scheme", "order", "options"),
    [
        ("euler", 1, {}),
        ("explicit-midpoint", 2, {}),
        ("rk4", 4, {}),
        ("backward-euler", 1, {"tolerance": 1e-13}),
        ("adams-bashforth-2", 1, {}),
        (t2n.load("momentum-resnet").with_values(gamma=Rational(1, 2)), 1, {}),
        ("rk4", 1, {"stage_weights": "independent"}),
    ],
)
def test_outputs_differ_by_the_order_in_h(scheme, order, options):
    """N steps of size 1/N of a field that varies with t, then each halved; the difference against N."""
    torch.manual_seed(0)
    block_of = t2n.compile(scheme, **options)
    low, high, y = smooth(3, 5), smooth(3, 5), torch.randn(4, 3, dtype=torch.float64)

    class Between(nn.Module):
        """The field at time t: slowly from one function to another."""

        def __init__(self, t):
            super().__init__()
            self.t, self.low, self.high = t, low, high

        def forward(self, y):
            return (1 - self.t) * self.low(y) + self.t * self.high(y)

    def difference(steps):
        times = [n / steps for n in range(steps)]
        fields = [Between(t) for t in times]
        if "stage_weights" in options:
            fields = [[low, *(high for _ in range(block_of.evaluations - 1))] for _ in times]
        block = block_of(fields, h=1 / steps)
        return float((refine(block)(y) - block(y)).detach().norm())

    found = [difference(n) for n in (8, 16, 32)]
    orders = [math.log2(a / b) for a, b in pairwise(found)]
    assert orders[-1] == pytest.approx(order, abs=0.2)


def test_a_copy_has_half_the_gradient():
    """Each copy's gradient against half the old one: the difference falls with h."""
    torch.manual_seed(0)
    field, y = smooth(3, 5), torch.randn(4, 3, dtype=torch.float64)

    def worst(steps):
        block = t2n.compile("euler")([copy.deepcopy(field) for _ in range(steps)], h=1 / steps)
        fine = refine(block)
        for b in (block, fine):
            b(y).square().sum().backward()
        p = next(block.fields[1].parameters())
        grads = [next(fine.fields[n].parameters()).grad for n in (2, 3)]
        return max(float((g - p.grad / 2).norm() / p.grad.norm()) for g in grads)

    assert worst(8) < 0.1
    assert worst(32) < worst(8) / 3


def test_exact_where_the_flow_is():
    """A constant slope: any consistent scheme is exact, whatever h."""

    class Constant(nn.Module):
        def forward(self, y):
            return torch.full_like(y, 0.25)

    y = torch.zeros(2, 3)
    for scheme in ("euler", "rk4", "adams-bashforth-2", "adamnet-3"):
        block = t2n.compile(scheme)([Constant() for _ in range(4)])
        torch.testing.assert_close(block(y), torch.ones(2, 3), rtol=1e-6, atol=0)
        torch.testing.assert_close(refine(block)(y), torch.ones(2, 3), rtol=1e-6, atol=0)


def test_coefficients_go_with_their_steps():
    def made(scheme, **options):
        return t2n.compile(scheme, coefficients="learnable", **options)

    fields = [smooth(3, 5) for _ in range(4)]
    block = made("lm")(fields)  # the first step is a start-up step
    old = block.k.tolist()
    assert refine(block).k.tolist() == [old[0]] * 3 + [old[1]] * 2 + [old[2]] * 2
    given = made("lm")(fields, given=1)
    assert refine(given).k.tolist() == [k for k in given.k.tolist() for _ in range(2)]
    assert refine(given, 3).k.tolist() == [k for k in given.k.tolist() for _ in range(3)]
    three = made("adamnet-3")(fields)  # two start-up steps
    (name,) = three.coefficients[:1]
    old = getattr(three, name).tolist()
    assert getattr(refine(three), name).tolist() == [old[0]] * 4 + [old[1]] * 2
    shared = made("lm", sharing="shared")(fields)
    assert torch.equal(refine(shared).k, shared.k)
    channel = made("lm", sharing="channel", keep_stable=True)(fields, channels=3, given=1)
    channel.k_raw.requires_grad_(False)
    assert refine(channel).k_raw.shape == (8, 3, 1, 1)
    assert torch.equal(refine(channel).learnt()["k"][::2], channel.learnt()["k"])
    assert not refine(channel).k_raw.requires_grad
    alone = made("lm")(fields[:1])
    assert alone.k.shape == (0,)
    assert -0.1 <= float(refine(alone).k.detach()) <= 0


@pytest.mark.parametrize(("name", "history"), [("lm_resnet20", "restart"), ("adamnet3_20", "carry")])
def test_networks_with_history_go_on_training(name, history):
    torch.manual_seed(0)
    net = t2n.create_model(name, widths=(4, 8, 16), history=history).double().eval()
    x = images()
    for _, block, _ in blocks_of(net):
        block.h = 1e-3
    scale = float((refine(net)(x) - net(x)).detach().norm())
    for _, block, _ in blocks_of(net):
        block.h = 1e-3 / 2
    assert float((refine(net)(x) - net(x)).detach().norm()) == pytest.approx(scale / 2, rel=0.05)  # O(h)
    fine = refine(refine(net)).train()
    fine(x).sum().backward()
    assert all(p.grad is not None for p in fine.parameters())
    assert torch.equal(copy.deepcopy(fine)(x), fine(x))
    again = refine(refine(t2n.create_model(name, widths=(4, 8, 16), history=history).double()))
    again.load_state_dict(fine.state_dict())
    for (_, block, _), (_, its, _) in zip(blocks_of(again), blocks_of(fine), strict=True):
        block.h = its.h  # set by hand above; it is no part of a state
    assert torch.equal(again.eval()(x), fine.eval()(x))


def test_steps_with_something_around_them():
    """Stochastic depth and ReLUs behind steps go on: the class is the same, and so is what is written on fields."""
    net = t2n.create_model("resnet14", widths=(4, 8, 16), survival=0.5)
    fine = refine(net)
    assert [type(b) for b in fine.blocks] == [type(b) for b in net.blocks]
    odds = [[(1 - f.survival) / f.survival for f in n.blocks[0].fields] for n in (net, fine)]
    assert odds[1] == pytest.approx([2 * o for o in odds[0] for _ in range(2)])
    fine(images(torch.float32)).sum().backward()


def test_one_theta_stays_one():
    field = smooth(3, 5)
    block = t2n.compile("rk4", step_weights="shared")(field, steps=3, h=0.1)
    fine = refine(block)
    assert (fine.steps, fine.h) == (6, 0.05)
    assert count(fine) == count(block)
    tied = t2n.compile("euler")([field, field])
    fine = refine(tied)
    assert fine.fields[0] is fine.fields[2]
    assert fine.fields[1] is fine.fields[3]
    assert fine.fields[0] is not field


def test_several_states_and_fields():
    torch.manual_seed(0)
    revnet = t2n.compile("revnet")([(smooth(3, 5), smooth(3, 5)) for _ in range(3)], h=1e-3)
    y = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    for found, expected in zip(refine(revnet)(*y), revnet(*y), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert len(list(blocks_of(nn.Sequential(revnet, nn.Sequential(revnet))))) == 1


def test_what_cannot_be_refined():
    with pytest.raises(t2n.InputError, match="at least 2"):
        refine(t2n.compile("euler")([smooth(3, 5)]), 1)

    class Own(nn.Module):
        def refine(self):
            return self

    with pytest.raises(t2n.InputError, match=r"network\.refine"):
        refine(Own())
    with pytest.raises(t2n.InputError, match="no compiled block"):
        refine(nn.Linear(2, 2))
    damped = t2n.Multistep(alpha=("-1/2", "1"), beta=("1", "0"), name="damped")
    with pytest.raises(t2n.InputError, match="damped: a step of size 0"):
        refine(t2n.compile(damped)([smooth(3, 5)]))
    back = t2n.compile("rk4", backward="reversible", coupling="1/2", step_weights="shared")(smooth(3, 5), steps=10)
    with pytest.raises(t2n.InputError, match="growth_limit"):
        refine(back)
