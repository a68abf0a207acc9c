"""PolyNet and FractalNet against a few lines each, written from their papers' formulas."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

import tableau2net as t2n
from tableau2net.nn.families.fractal import DropPath, FractalNetwork, fractal
from tests.nn.by_hand import NETWORKS, agree, crossed, double, images

# --- PolyNet


def second(f, y):
    """F once more: with the same weights, and running statistics of this evaluation."""
    for i in (1, 2):
        bn = getattr(f, f"bn{i}")
        own = bn.evaluations[0][1]
        own.num_batches_tracked.add_(int(bn.training))
        seen = (own.running_mean, own.running_var, bn.weight, bn.bias, bn.training, bn.momentum, bn.eps)
        y = getattr(f, f"conv{i}")(functional.relu(functional.batch_norm(y, *seen)))
    return y


STEPS = {
    "poly2": lambda f, y: y + (k := f(y)) + second(f, k),
    "mpoly2": lambda f, y: y + (k := f[0](y)) + f[1](k),
    "2way": lambda f, y: y + f[0](y) + f[1](y),
}


@pytest.mark.parametrize("kind", STEPS)
def test_polynet_by_hand(kind):
    def by_hand(net, x):
        y = net.opening(x)
        for i, block in enumerate(net.blocks):
            y = crossed(net, i, y)
            for f in block.fields:
                y = STEPS[kind](f, y)
        return net.head(y)

    agree(double(NETWORKS[kind]()), by_hand, images())


def test_two_way_is_a_first_order_method():
    assert t2n.order(t2n.load("polynet-2-way")) == 1


# --- FractalNet


def fractal_by_hand(columns, fields, y):
    """Column c has stages of length 2^(C−1−c) on a line of 2^(C−1); where stages end, their mean goes on."""
    waiting = {
        c: [f for f, own in zip(fields, fractal(columns).columns, strict=True) if own == c] for c in range(columns)
    }
    length = 2 ** (columns - 1)
    ending = {0: [y]}
    for t in range(length):
        if t in ending:
            here = sum(ending[t]) / len(ending[t])
            for c in range(columns):
                if t % 2 ** (columns - 1 - c) == 0:
                    ending.setdefault(t + 2 ** (columns - 1 - c), []).append(waiting[c].pop(0)(here))
    return sum(ending[length]) / len(ending[length])


def undropped(columns, widths=(4, 5)):
    return double(FractalNetwork(columns, widths=widths, drop=0))


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
@pytest.mark.parametrize("training", [True, False])
def test_fractal_by_hand(columns, training):
    def by_hand(net, x):
        for block in net.blocks:
            x = fractal_by_hand(columns, block.fields, x)
        return net.head(x)

    agree(undropped(columns).train(training), by_hand, images())


@pytest.mark.parametrize("training", [True, False])
def test_pooling_before_the_last_join(training):
    """Every column is pooled by itself, and the mean of a block comes last."""

    def stage(field, y):
        return torch.relu(field.norm(functional.conv2d(y, field.convolution.weight, field.convolution.bias, padding=1)))

    def by_hand(net, x):
        for block in net.blocks:
            own = [block.column(c) for c in range(3)]
            deep = [lambda y, f=f: stage(f, y) for f in own[2]]
            half = (stage(own[1][0], x) + deep[1](deep[0](x))) / 2
            ends = stage(own[0][0], x), stage(own[1][1], half), deep[3](deep[2](half))
            x = sum(functional.max_pool2d(y, 2) for y in ends) / 3
        return net.head(x)

    agree(undropped(3).train(training), by_hand, images())


def column_by_hand(net, number, x):
    """Convolutions in a row, each normalised by the column's own statistics, and the maximum at the end of a block."""
    for block in net.blocks:
        for field in block.column(number):
            y = functional.conv2d(x, field.convolution.weight, field.convolution.bias, padding=1)
            x = torch.relu(field.alone(y))
        x = functional.max_pool2d(x, 2)
    return net.head(x)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("training", [True, False])
def test_a_column_by_itself(number, training):
    net = undropped(3).train(training)
    for again in range(2):  # statistics move

        def scored(net, x):
            weight, scores = net.auxiliary_scores(x)[number]
            assert weight == 1 / 3
            return scores

        def by_hand(net, x):
            for other in {0, 1, 2} - {number}:
                column_by_hand(net, other, x)
            return column_by_hand(net, number, x)

        found, own = copy.deepcopy(net), images() + again
        torch.testing.assert_close(scored(found, own), by_hand(net, own))
        torch.testing.assert_close(dict(found.named_buffers()), dict(net.named_buffers()))
    torch.testing.assert_close(net.eval().column(number)(images()), column_by_hand(net, number, images()))
    assert len([m for m in net.column(number).modules() if isinstance(m, nn.Conv2d)]) == 2 * 2**number


@given(
    columns=st.integers(1, 4),
    drop=st.sampled_from([0.0, 0.15, 0.9, 1.0]),
    dropout=st.sampled_from([0.0, 0.4]),
    batches=st.integers(1, 3),
)
@settings(max_examples=15, deadline=None)
def test_statistics_are_those_of_what_a_stage_is_given(columns, drop, dropout, batches):
    """Whatever is dropped: no stage is evaluated on zeros, each counts each batch once, joined and alone, and what
    columns by themselves see does not reach the statistics of the joined network."""
    torch.manual_seed(columns)
    net = FractalNetwork(columns, widths=(3, 4), drop=drop, dropout=dropout)
    joined, given = copy.deepcopy(net), []
    for block in net.blocks:
        for field in block.fields:
            field.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    for batch in range(batches):
        x = images(dtype=torch.float32) + batch
        for one in (net, joined):
            torch.manual_seed(batch)
            one(x)
        net.auxiliary_scores(x)
    assert len(given) == 4 * (2**columns - 1) * batches
    assert all(y.any() for y in given)
    for (name, own), other in zip(net.named_buffers(), joined.buffers(), strict=True):
        if name.endswith("num_batches_tracked"):
            assert own == batches
        if ".norm." in name:
            assert torch.equal(own, other)
        if ".alone.running_mean" in name:
            assert not other.any()
            assert own.any()


def test_local_drop_path_keeps_a_mean_of_what_is_left():
    torch.manual_seed(0)
    paths, joins = DropPath(3, 0.15), fractal(3).joins
    factors = torch.stack([paths() for _ in range(4000)])
    for join in joins:
        own = factors[:, list(join)]
        kept = (own > 0).sum(1)
        assert kept.min() >= 1
        torch.testing.assert_close(own.sum(1), torch.full((4000,), float(len(join))))
        torch.testing.assert_close(own.amax(1), len(join) / kept)
        # all but the case where none would be left: 1 − p, and that case's share of one input
        expected = 0.85 + 0.15 ** len(join) / len(join)
        assert abs((own > 0).float().mean() - expected) < 0.015


def test_dropout_rises_along_the_blocks():
    net = FractalNetwork(2, widths=(2,) * 5, dropout=0.4)
    rates = [{getattr(field.dropout, "p", 0) for field in block.fields} for block in net.blocks]
    assert [round(rate, 10) for (rate,) in rates] == [0, 0.1, 0.2, 0.3, 0.4]


def test_images_that_halve_to_nothing_are_told_in_a_line():
    net = FractalNetwork(1, widths=(2,) * 3).eval()
    assert net(torch.zeros(1, 3, 8, 9)).shape == (1, 10)
    with pytest.raises(t2n.InputError, match=r"images of \(9, 7\): 3 blocks halve them, so \(8, 8\) is least"):
        net(torch.zeros(1, 3, 9, 7))
