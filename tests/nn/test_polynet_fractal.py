"""PolyNet and FractalNet against a few lines each, written from their papers' formulas."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import tableau2net as t2n
from tableau2net.nn.families.fractal import DropPath, FractalNetwork, fractal
from tests.nn.by_hand import NETWORKS, agree, crossed, double, images

# --- PolyNet

STEPS = {
    "poly2": lambda f, y: y + (k := f(y)) + f(k),
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


def fractal_by_hand(columns, fields, y, only=None):
    """Column c has stages of length 2^(C−1−c) on a line of 2^(C−1); where stages end, their mean goes on."""
    waiting = {
        c: [f for f, own in zip(fields, fractal(columns).columns, strict=True) if own == c] for c in range(columns)
    }
    length = 2 ** (columns - 1)
    ending = {0: [y]}
    for t in range(length):
        if t in ending:
            here = sum(ending[t]) / len(ending[t])
            for c in range(columns) if only is None else [only]:
                if t % 2 ** (columns - 1 - c) == 0:
                    ending.setdefault(t + 2 ** (columns - 1 - c), []).append(waiting[c].pop(0)(here))
    return sum(ending[length]) / len(ending[length])


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
@pytest.mark.parametrize("training", [True, False])
def test_fractal_by_hand(columns, training):
    def by_hand(net, x):
        for block in net.blocks:
            x = fractal_by_hand(columns, block.fields, x)
        return net.head(x)

    agree(double(FractalNetwork(columns, widths=(4, 5), drop=0, global_share=0)).train(training), by_hand, images())


@pytest.mark.parametrize("training", [True, False])
def test_pooling_before_the_last_join(training):
    """Every column is pooled by itself, and the mean of a block comes last."""
    columns = 3

    def by_hand(net, x):
        for block in net.blocks:
            own = dict.fromkeys(range(columns))
            for c in own:
                own[c] = [f for f, at in zip(block.fields, fractal(columns).columns, strict=True) if at == c]
            assert [len(f) for chain in own.values() for f in chain] == [4, 3, 4, 3, 3, 3, 4]  # the last of each pools
            deep = [f[:3] for f in own[2]]
            half = (own[1][0](x) + deep[1](deep[0](x))) / 2
            ends = own[0][0][:3](x), own[1][1][:3](half), deep[3](deep[2](half))
            x = sum(functional.max_pool2d(y, 2) for y in ends) / columns
        return net.head(x)

    net = double(FractalNetwork(columns, widths=(4, 5), drop=0, global_share=0)).train(training)
    agree(net, by_hand, images())
    first = fractal(columns).columns.index(0)
    chain = nn.Sequential(*(block.fields[first] for block in net.blocks), net.head)
    torch.testing.assert_close(net.column(0)(images()), chain(images()))


@pytest.mark.parametrize("column", [0, 1, 2])
def test_global_drop_path_is_one_column(column):
    block = double(FractalNetwork(3, widths=(4,))).blocks[0]
    found = block(images(), torch.tensor(column))
    torch.testing.assert_close(found, fractal_by_hand(3, block.fields, images(), only=column))


def test_local_drop_path_keeps_a_mean_of_what_is_left():
    torch.manual_seed(0)
    paths, joins = DropPath(3, 0.15), fractal(3).joins
    factors = torch.stack([paths(torch.tensor(-1)) for _ in range(4000)])
    for join in joins:
        own = factors[:, list(join)]
        kept = (own > 0).sum(1)
        assert kept.min() >= 1
        torch.testing.assert_close(own.sum(1), torch.full((4000,), float(len(join))))
        torch.testing.assert_close(own.amax(1), len(join) / kept)
        # all but the case where none would be left: 1 − p, and that case's share of one input
        expected = 0.85 + 0.15 ** len(join) / len(join)
        assert abs((own > 0).float().mean() - expected) < 0.015


def test_half_the_batches_go_through_one_column():
    torch.manual_seed(0)
    net = FractalNetwork(3, widths=(2,))
    drawn = torch.stack([net.draw(torch.device("cpu")) for _ in range(4000)])
    assert abs((drawn == -1).float().mean() - 0.5) < 0.03
    assert all(abs((drawn == c).float().mean() - 1 / 6) < 0.03 for c in range(3))
    assert net.eval().draw(torch.device("cpu")) == -1
