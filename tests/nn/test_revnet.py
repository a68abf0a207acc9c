"""RevNet against a few lines, written from its paper's formulas."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tableau2net.nn.families.hamiltonian import hamiltonian, leapfrog, midpoint
from tableau2net.nn.families.revnet import revnet
from tests.nn.by_hand import NETWORKS, SMALL, agree, double, images

# --- RevNet


@pytest.mark.parametrize("name", ["revnet", "revnet-bottleneck"])
def test_revnet_branches_by_hand(name):
    """BN–ReLU before each convolution, but the very first of F."""
    net = double(NETWORKS[name]())
    very_first = net.blocks[0].fields[0][0] if name == "revnet" else net.transitions[0].f
    for branch, skipped in ((net.blocks[1].fields[0][0], 0), (net.transitions[1].f, 0), (very_first, 1)):
        convolutions = [m for m in branch if isinstance(m, nn.Conv2d)]
        norms = [m for m in branch if isinstance(m, nn.BatchNorm2d)]
        assert len(convolutions) == len(norms) + skipped == (3 if name == "revnet-bottleneck" else 2)

        def by_hand(_, y, given=convolutions, norms=norms, skipped=skipped):
            norms = [None] * skipped + norms
            for conv, norm in zip(given, norms, strict=True):
                if norm:
                    centred = y - y.mean((0, 2, 3), keepdim=True)
                    y = centred / (centred.square().mean((0, 2, 3), keepdim=True) + 1e-3).sqrt()
                    y = torch.relu(y * norm.weight[:, None, None] + norm.bias[:, None, None])
                y = functional.conv2d(y, conv.weight, conv.bias, conv.stride, conv.kernel_size[0] // 2)
            return y

        y = torch.randn(3, convolutions[0].in_channels, 8, 8, dtype=torch.float64)
        found = []
        for forward in (branch, lambda y: by_hand(None, y)):
            value = forward(y.requires_grad_())
            found.append((value, *torch.autograd.grad(value.square().sum(), [y, *branch.parameters()])))
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def revnet_by_hand(net, x):
    y1, y2 = net.opening(x).chunk(2, 1)
    for first, block in zip(net.transitions, net.blocks, strict=True):
        if hasattr(first, "f"):
            slope = first.f(y2)
            y1, y2 = first.project(y1, y2)
            y1 = y1 + slope
            y2 = y2 + first.g(y1)
        for f, g in block.fields:
            y1 = y1 + f(y2)
            y2 = y2 + g(y1)
    return net.head(torch.cat([y1, y2], 1))


@pytest.mark.parametrize("backward", ["reversible", "store"])
@pytest.mark.parametrize("name", ["revnet", "revnet-bottleneck"])
def test_revnet_by_hand(name, backward):
    agree(double(NETWORKS[name](backward=backward)), revnet_by_hand, images())


def test_revnet_shortcuts_average_and_pad():
    net = double(revnet(26, widths=(4, *SMALL)))
    y1, y2 = torch.randn(2, 1, 2, 4, 4, dtype=torch.float64)
    for y, projected in zip((y1, y2), net.transitions[1].project(y1, y2), strict=True):
        mean = (y[..., ::2, ::2] + y[..., 1::2, ::2] + y[..., ::2, 1::2] + y[..., 1::2, 1::2]) / 4
        torch.testing.assert_close(projected, torch.cat([mean, torch.zeros(1, 1, 2, 2)], 1).double())


def test_revnet_block_is_inverted_by_hand():
    block = double(revnet(38, widths=(4, *SMALL))).blocks[0].eval()
    start = torch.randn(2, 3, 2, 8, 8, dtype=torch.float64)
    y1, y2 = (y.detach() for y in block(*start))
    with torch.no_grad():
        for f, g in reversed(block.fields):
            y2 = y2 - g(y1)
            y1 = y1 - f(y2)
    torch.testing.assert_close(torch.stack([y1, y2]), start, rtol=1e-12, atol=1e-12)


def saved_bytes(model):
    """What the backward pass keeps beside the weights."""
    own = {p.untyped_storage().data_ptr() for p in [*model.parameters(), *model.buffers()]}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = model(images(16, torch.float32))
    y.sum().backward()
    return sum(kept.values())


@pytest.mark.parametrize("network", [revnet, hamiltonian, midpoint, leapfrog])
def test_saved_bytes_do_not_depend_on_depth(network):
    widths = (4, *SMALL) if network is revnet else SMALL
    shallow, deep, stored = (
        saved_bytes(network(depth, widths=widths, **options))
        for depth, options in ((26, {}), (98, {}), (98, {"backward": "store"}))
    )
    assert shallow == deep < stored / 5


def test_training_does_not_diverge():
    """Without BN–ReLU before the mean the loss is beyond 30 in its fifth step."""
    torch.manual_seed(0)
    net, x, y = revnet(110, backward="store"), torch.randn(16, 3, 16, 16), torch.arange(16) % 10
    optimiser = torch.optim.SGD(net.parameters(), 0.1, 0.9)
    for _ in range(5):
        loss = functional.cross_entropy(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert loss < 3
