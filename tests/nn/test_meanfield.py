"""Mean-field ResNets: learnt depths against costates, quotients, exponentials, and the ResNet that they begin as."""

import copy
import io
import itertools
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD

import tableau2net as t2n
from tableau2net.codegen import Options
from tableau2net.nn import coefficient_values, parameter_groups
from tableau2net.nn.around.depths import Depths, OnDepths, sort_depths
from tableau2net.nn.around.surrounded import surrounded
from tableau2net.recipes.recipe import Recipe
from tableau2net.scheme import load
from tableau2net.training.level import Level

ONE_STEP = ("euler", "heun-euler-21", "rk4", "ssprk-33")


class Field(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, y):
        return torch.tanh(self.linear(y))


class Linear(nn.Module):
    def __init__(self, matrix):
        super().__init__()
        self.matrix = matrix

    def forward(self, y):
        return y @ self.matrix.T


def block_of(fields, tau=None, scheme="euler", h=1.0, **options):
    block = surrounded(load(scheme), Options(**options), OnDepths())(fields, h)
    block.add_module("depths", Depths(len(block.fields)))
    block.double()
    if tau is not None:
        moved(block, tau)
    return block


def moved(block, tau):
    with torch.no_grad():
        block.depths.tau.copy_(torch.as_tensor(tau, dtype=torch.float64))
    block.depths.sort()
    return block


def fields(count, seed=0):
    torch.manual_seed(seed)
    return [Field() for _ in range(count)]


def state(seed=1):
    return torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# The step lengths' gradient


@pytest.mark.parametrize("tau", [[1.0, 2.0, 3.0, 4.0], [3.5, 0.25, 2.0, 1.75], [-0.5, 4.75, 2.0, 9.0]])
def test_the_gradient_of_a_depth_is_a_difference_of_costates_times_fields(tau):
    """∂loss/∂τ_(l) = h (λ_lᵀ f_(l)(y_{l−1}) − λ_{l+1}ᵀ f_(l+1)(y_l)); with the other sign where it is reflected."""
    h, block = 0.3, block_of(fields(4), tau, h=0.3)
    y = state()
    end = block(y)
    end.square().sum().backward()
    states, costates = block.trajectory(y), block.costates(y, 2 * end.detach())
    order = block.depths.order
    with torch.no_grad():
        forces = [(costates[n + 1] * block.fields[i](states[n])).sum() for n, i in enumerate(order)]
    for n, i in enumerate(order):
        expected = h * (forces[n] - (forces[n + 1] if n < 3 else 0))
        sign = -1 if tau[i] < 0 or 4 < tau[i] < 8 else 1
        torch.testing.assert_close(block.depths.tau.grad[i], sign * expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_depths_that_are_lost_have_no_order(lost):
    block = block_of(fields(3), h=0.3)
    block.depths.tau.data[1] = lost
    with pytest.raises(t2n.InputError, match="depths: 1 of 3 are not finite"):
        sort_depths(block)
    assert sorted(block.depths.order) == [0, 1, 2]


@pytest.mark.parametrize("options", [{}, {"backward": "checkpoint"}, {"stage_weights": "independent"}])
@pytest.mark.parametrize("scheme", ONE_STEP)
def test_the_gradient_of_a_depth_is_its_difference_quotient(scheme, options):
    count = surrounded(load(scheme), Options(**options), OnDepths()).evaluations
    own = options.get("stage_weights") == "independent" and count > 1
    given = [fields(count, i) for i in range(3)] if own else fields(3)
    block = block_of(given, [2.5, 0.7, 1.6], scheme, **options)
    y = state()
    block(y).square().sum().backward()
    grad, eps = block.depths.tau.grad.clone(), 1e-6
    for i in range(3):
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                block.depths.tau[i] += sign * eps
                ends.append(block(y).square().sum())
                block.depths.tau[i] -= sign * eps
        torch.testing.assert_close(grad[i], (ends[0] - ends[1]) / (2 * eps), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("scheme", ["backward-euler", "gauss-2"])
def test_implicit_steps_have_depths_too(scheme):
    block = block_of(fields(3), [2.0, 0.4, 1.1], scheme, h=0.5, tolerance=1e-12)
    y = state()
    block(y).square().sum().backward()
    grad = block.depths.tau.grad.clone()
    with torch.no_grad():
        block.depths.tau[1] += 1e-5
        up = block(y).square().sum()
        block.depths.tau[1] -= 2e-5
        torch.testing.assert_close(grad[1], (up - block(y).square().sum()) / 2e-5, rtol=1e-5, atol=1e-8)


# The order


@settings(max_examples=10)
@given(st.permutations(range(5)), st.sampled_from(ONE_STEP), st.integers(0, 9))
def test_relabelling_the_particles_changes_nothing(order, scheme, seed):
    own, y = fields(5, seed), state()
    tau = 5 * torch.rand(5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    first = block_of(own, tau, scheme)
    second = block_of([own[i] for i in order], tau[list(order)], scheme)
    assert torch.equal(first(y), second(y))
    grads = [torch.autograd.grad(b(y).sum(), [b.depths.tau, *own[0].parameters()]) for b in (first, second)]
    assert torch.equal(grads[0][0][list(order)], grads[1][0])
    assert all(torch.equal(a, b) for a, b in zip(grads[0][1:], grads[1][1:], strict=True))


def test_ties_go_by_index_and_the_others_of_a_tie_take_no_step():
    own, y = fields(3), state()
    block = block_of(own, [2.0, 1.0, 1.0])
    assert block.depths.order == (1, 2, 0)
    assert block.depths.lengths().tolist() == [1, 0, 1]
    middle = y + own[1](y)
    torch.testing.assert_close(block(y), middle + own[0](middle), rtol=1e-15, atol=1e-15)


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=8))
def test_depths_stay_within_and_those_that_are_there_are_as_they_are(tau):
    depths = Depths(len(tau)).double()
    with torch.no_grad():
        depths.tau.copy_(torch.tensor(tau, dtype=torch.float64))
    within, count = depths.within().tolist(), len(tau)
    for t, found in zip(tau, within, strict=True):
        assert 0 <= found <= count
        angles = [math.cos(math.pi * each / count) for each in (t, found)]  # even, and of period 2 N
        assert found == t if 0 <= t <= count else math.isclose(*angles, abs_tol=1e-9)
    assert all(length >= 0 for length in depths.lengths().tolist())
    depths.sort()
    assert [within[i] for i in depths.order] == sorted(within)


def test_until_they_are_sorted_fields_exchange_their_depths():
    own, y = fields(3), state()
    block = block_of(own)
    with torch.no_grad():
        block.depths.tau.copy_(torch.tensor([2.5, 1.5, 3.0]))  # 0 has passed 1
    u, lengths = y, [1.5, 1.0, 0.5]
    for field, length in zip(own, lengths, strict=True):
        u = u + length * field(u)
    torch.testing.assert_close(block(y), u, rtol=1e-14, atol=1e-14)
    assert sort_depths(block)
    assert not sort_depths(block)
    u = y
    for i, length in zip((1, 0, 2), lengths, strict=True):
        u = u + length * own[i](u)
    torch.testing.assert_close(block(y), u, rtol=1e-14, atol=1e-14)


# Linear fields: products of exponentials, commutators


def generator():
    return torch.Generator().manual_seed(3)


def test_of_commuting_linear_fields_the_order_is_irrelevant():
    """Euler is Π (1 + h A_i), in any order; rk4 is exp(h Σ A_i) up to its error, which falls with h⁵."""
    base = torch.randn(3, 3, dtype=torch.float64, generator=generator())
    matrices = [base, base @ base / 4, torch.eye(3, dtype=torch.float64) - base / 2]
    y, orders = state(), list(itertools.permutations((1.0, 2.0, 3.0)))

    def ends(kind, scheme, h):
        return torch.stack([block_of(list(map(Linear, kind)), tau, scheme, h)(y) for tau in orders]).detach()

    def spread(found):
        return float((found - found[0]).abs().max())

    assert spread(ends(matrices, "euler", 0.1)) < 1e-14
    assert spread(ends([matrices[0], matrices[1].T, matrices[2]], "euler", 0.1)) > 1e-4  # these do not commute
    errors = [float((ends(matrices, "rk4", h) - y @ torch.matrix_exp(h * sum(matrices)).T).abs().max())
              for h in (0.1, 0.05)]  # fmt: skip
    assert 4.7 < math.log2(errors[0] / errors[1]) < 5.3


def test_two_neighbours_that_change_places_differ_by_their_bracket():
    """λᵀX changes by m² λᵀ[f, g] + O(m³), [f, g] = g′f − f′g, m the mass of each."""
    f, g = fields(2, 5)
    for field in (f, g):
        field.double()
    y, adjoint = state(), state(9)
    _, gf = torch.autograd.functional.jvp(g, y, f(y))
    _, fg = torch.autograd.functional.jvp(f, y, g(y))
    bracket = float((adjoint * (gf - fg)).sum())
    remainders = []
    for m in (0.1, 0.05, 0.025):
        first, second = (block_of([f, g], tau)(y) for tau in ([m, 2 * m], [2 * m, m]))
        remainders.append(float((adjoint * (first - second)).sum().detach()) - m**2 * bracket)
    slopes = [math.log2(a / b) for a, b in itertools.pairwise(map(abs, remainders))]
    assert all(2.7 < slope < 3.3 for slope in slopes)


# Networks


def pair(name="resnet8", **options):
    """A network and the same one with depths, which have not moved."""
    common = {"num_classes": 3, "widths": (4, 6, 8), **options}
    nets = []
    for rate in ({}, {"depth_rate": common.pop("depth_rate", 1.0)}):
        torch.manual_seed(0)
        nets.append(t2n.create_model(name, **common, **rate))
    return nets


def images(size=8):
    return torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet20", {}),
        ("resnet20", {"depth_rate": 0}),
        ("resnet14", {"scheme": "rk4", "h": 0.5}),
        ("resnet14", {"scheme": "rk4", "stage_weights": "independent"}),
        ("resnet14", {"scheme": "heun-euler-21", "backward": "checkpoint", "survival": 0.5}),
        ("resnet20", {"preactivation": False}),
        ("resnet29", {"bottleneck": True}),
        ("wide_resnet16_1", {}),
    ],
)
def test_even_depths_are_the_network_without_them_to_the_bit(name, options):
    plain, placed = pair(name, **options)
    for training in (True, False):
        found = []
        for net in (plain, placed):
            torch.manual_seed(4)
            out = net.train(training)(images())
            weights = {k: p for k, p in net.named_parameters() if "depths" not in k}
            found.append([out, *torch.autograd.grad(out.square().sum(), list(weights.values()), allow_unused=True)])
        for a, b in zip(*found, strict=True):
            assert (a is None and b is None) or torch.equal(a, b)
    assert len(list(placed.parameters())) - len(list(plain.parameters())) == 3


def shuffled(net, seed=0):
    torch.manual_seed(seed)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, Depths):
                module.tau.copy_(module.tau[torch.randperm(len(module.tau))] - 0.3)
    assert sort_depths(net)
    return net.eval()


def test_what_is_stored_and_copied_is_the_network():
    net, x = shuffled(pair("resnet26")[1]), images()
    expected = net(x)
    stored = io.BytesIO()
    torch.save(net.state_dict(), stored)
    stored.seek(0)
    fresh = pair("resnet26")[1]
    fresh.load_state_dict(torch.load(stored, weights_only=True))
    for other in (fresh.eval(), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(other(x), expected)
    first, rest = net.split(3)
    assert torch.equal(rest(first(x)), expected)
    assert {id(p) for p in (*first.parameters(), *rest.parameters())} == {id(p) for p in net.parameters()}
    wrong = net.state_dict() | {"blocks.0.depths._extra_state": torch.tensor([0, 0, 1, 2])}
    with pytest.raises(t2n.InputError, match="the stored order of 4 fields"):
        fresh.load_state_dict(wrong)


@pytest.mark.slow
def test_a_network_is_one_graph_and_exported():
    net, x = shuffled(pair("resnet20")[1]), images()
    expected = net(x)
    assert torch.equal(torch.compile(net, fullgraph=True, backend="eager")(x), expected)
    assert torch.equal(torch.export.export(net, (x,)).module()(x), expected)


def test_a_compiled_block_follows_the_order():
    block, y = block_of(fields(3)), state()
    compiled = torch.compile(block, fullgraph=True, backend="eager")
    for tau in ([1.0, 2.0, 3.0], [2.5, 0.5, 1.0], [1.0, 2.0, 3.0]):
        moved(block, tau)
        torch.testing.assert_close(compiled(y), block(y), rtol=1e-15, atol=1e-15)


def test_a_finer_network_has_each_step_in_equal_parts_and_their_order():
    net = shuffled(pair("resnet26", scheme="rk4", h=0.25)[1]).double()
    fine = t2n.refine(net, 2)
    for old, new in zip(net.blocks, fine.blocks, strict=True):
        lengths = old.h * old.depths.lengths()
        torch.testing.assert_close(new.h * new.depths.lengths(), (lengths / 2).repeat_interleave(2))
        assert new.depths.order == tuple(2 * i + j for i in old.depths.order for j in (0, 1))
    before, after = net(images().double()), fine(images().double())
    torch.testing.assert_close(before, after, rtol=0, atol=2e-2)
    assert not sort_depths(fine)


def test_their_learning_rate_is_their_own_and_they_do_not_decay():
    net = pair(depth_rate=0.25)[1]
    groups = parameter_groups(net, 1e-2)
    assert [(g["weight_decay"], g.get("scale"), len(g["params"])) for g in groups[1:]] == [(0.0, 0.25, 3)]
    net = pair("resnet20", depth_rate=0.25)[1]
    level = Level.of(net, Recipe(lr=0.5), torch.device("cpu"))
    level.set_rate(torch.tensor(0.2))
    net(images()).square().sum().backward()
    before = net.blocks[0].depths.tau.detach().clone()
    level.optimiser.step()
    depths = net.blocks[0].depths
    torch.testing.assert_close(depths.tau.detach(), before - 0.2 * 0.25 * depths.tau.grad, rtol=1e-6, atol=1e-8)
    plain = parameter_groups(pair()[1], 1e-2)
    assert ["scale" in group for group in plain] == [False, False]
    SGD(plain, lr=0.1).step()
    assert not any("depths" in name for name in coefficient_values(pair(depth_rate=0)[1]))
    assert coefficient_values(pair("resnet20")[1])["blocks.0.depths.t"] == pytest.approx([1 / 3, 2 / 3, 1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scheme": "lm"}, "depth_rate: lm remembers y_prev"),
        ({"scheme": "adams-bashforth-2"}, "one-step scheme; rk4 say"),
        ({"backward": "reversible", "scheme": "leapfrog-2"}, "depth_rate: leapfrog-2 remembers"),
        ({"backward": "adjoint"}, "gives depths no gradient; write 'store' or 'checkpoint'"),
        ({"depth_rate": -1.0}, "depth_rate=-1.0: write a finite number, at least 0"),
        ({"depth_rate": math.nan}, "depth_rate"),
        ({"depth_rate": "fast"}, "depth_rate"),
        ({"depth_rate": True}, "depth_rate"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(options, said):
    with pytest.raises(t2n.InputError, match=said) as caught:
        t2n.create_model("meanfield_resnet20", **options)
    assert "\n" not in str(caught.value)


def test_steps_of_learnt_length_are_not_taken_at_once():
    with pytest.raises(t2n.InputError, match="steps of learnt length and order; for layer-parallel steps leave"):
        block_of(fields(4)).parallel()
