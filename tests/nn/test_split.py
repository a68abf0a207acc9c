"""A network in two is the network: to the bit, with its modes, its noise, its statistics, its parameters."""

import copy

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn import split
from tableau2net.nn.blocks import compiled_blocks

TWO, THREE = {"widths": (4, 6)}, {"widths": (4, 8, 16)}
NETWORKS = {
    "lm_resnet20": {**THREE, "survival": 0.5},
    "resnet20": {**THREE, "scheme": "rk4", "survival": 0.5, "drop": "sample"},
    "post_resnet14": THREE,
    "adamnet3_20": THREE,
    "revnet26": {"widths": (4, 4, 6)},
    "hamiltonian14": TWO,
    "neural_ode_rk4_2": {"width": 8, "backward": "checkpoint"},
    "anode_euler_2": TWO,
}


def made(name, **options):
    torch.manual_seed(0)
    return t2n.create_model(name, num_classes=3, **options)


def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, 8, 8, generator=generator)


def steps(network):
    return sum(told.steps for _, _, told in compiled_blocks(network))


def pieces(network, x, seed=0):
    """For each k what the two parts give, on copies, with what they left behind."""
    for k in range(steps(network) + 1):
        own = copy.deepcopy(network)
        first, rest = own.split(k)
        torch.manual_seed(seed)
        yield own, first, rest, rest(first(x))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_two_parts_are_the_network_in_training_and_in_evaluation(name):
    network, x = made(name, **NETWORKS[name]), images()
    for training in (True, False):
        network.train(training)
        whole = copy.deepcopy(network)
        torch.manual_seed(0)
        expected = whole(x)
        for own, first, rest, found in pieces(network, x):
            assert torch.equal(found, expected)
            left = own.state_dict()
            assert all(torch.equal(value, left[key]) for key, value in whole.state_dict().items())
            both = {id(p) for part in (first, rest) for p in part.parameters()}
            assert both == {id(p) for p in own.parameters()}


@pytest.mark.parametrize("name", ["lm_resnet20", "revnet26", "neural_ode_rk4_2"])
def test_gradients_through_both_are_those_of_the_network(name):
    network, x = made(name, **NETWORKS[name]).double(), images().double()
    expected = copy.deepcopy(network)
    torch.manual_seed(0)
    expected(x).square().sum().backward()
    for own, _, _, found in pieces(network, x):
        found.square().sum().backward()
        for p, q in zip(own.parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad, rtol=1e-9, atol=1e-12)


def test_a_part_has_the_modules_that_it_goes_through_and_no_others():
    network = made("resnet14", **THREE)
    first, rest = network.split(1)
    before = {id(p) for p in (*network.opening.parameters(), *network.blocks[0].fields[0].parameters())}
    assert {id(p) for p in first.parameters()} == before
    assert {id(p) for p in rest.parameters()} == {id(p) for p in network.parameters()} - before
    rest.eval()
    assert network.opening.training
    assert not network.head.training


def test_between_the_parts_is_what_the_next_step_is_given():
    network, x = made("adamnet3_20", **THREE).eval(), images()
    assert isinstance(network.split(0)[0](x), torch.Tensor)  # of a multistep scheme too: nothing is known yet
    given = network.split(2)[0](x)
    assert [each.shape for each in given] == [(2, 4, 8, 8)] * 3  # y and two slopes
    with pytest.raises(InputError, match="go on from y, f_prev, f_prev2, and 1 tensors were given"):
        network.split(2)[1](given[0])


@pytest.mark.parametrize("name", ["dynamic_rk1_double", "fractalnet5"])
def test_a_network_that_is_no_row_of_blocks_is_refused_in_a_line(name):
    with pytest.raises(
        InputError, match=r"^\w+ cannot be split: it is no opening, row of compiled blocks and end; .*$"
    ):
        split(made(name), 1)
    with pytest.raises(InputError, match="Linear cannot be split"):
        split(nn.Linear(2, 2), 0)


@pytest.mark.parametrize("k", [-1, 1.0, True, "1", None])
def test_what_counts_no_steps_is_refused(k):
    with pytest.raises(InputError, match="steps in front of the cut, a whole number, at least 0"):
        made("resnet14", **THREE).split(k)


def test_behind_the_last_step_the_error_says_how_many_there_are():
    network = made("resnet14", **THREE)
    network.split(4)
    with pytest.raises(InputError, match="k = 5: the network takes 4 steps in its blocks; write from 0 to 4"):
        network.split(5)
    with pytest.raises(InputError, match=r"k = 1: the network takes 0 steps in its blocks; write 0$"):
        made("revnet20", **THREE).split(1)


def test_in_front_of_adaptive_steps_there_is_a_cut_and_inside_there_is_none():
    network, x = made("neural_ode_adaptive", width=8), images()
    x = nn.functional.interpolate(x, size=(16, 16))
    first, rest = network.split(0)
    assert torch.equal(rest(first(x)), network(x))
    with pytest.raises(InputError, match="AdaptiveBlock takes as many steps as it needs, so none is the k-th"):
        network.split(1)


@pytest.mark.slow
def test_parts_are_compiled_in_graphs_that_hold_their_steps():
    network, x = made("lm_resnet20", **THREE).eval(), images()
    torch._dynamo.reset()
    counted = CompileCounterWithBackend("eager")
    first, rest = (torch.compile(part, backend=counted) for part in network.split(1))
    assert torch.equal(rest(first(x)), network(x))
    assert counted.frame_count <= 4
    assert counted.op_count > 90
