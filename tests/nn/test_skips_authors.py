"""Networks against their authors' own code, weights copied, in float64: outputs, and gradients of every weight.

A folder of each checkout is told by an environment variable, and without it the test skips: IN_RESNET
(github.com/minicheshire/InResNet), MOMENTUMNET (github.com/michaelsdr/momentumnet), IE_RESNET
(github.com/homles11/IE-ResNet), TORCHDIFFEQ (github.com/rtqichen/torchdiffeq).
"""

import os
import sys
import types
from pathlib import Path

import pytest
import torch

import tableau2net as t2n
from tableau2net.nn.families.ode import TimeField

X = torch.randn(4, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def theirs(checkout, file, *changes, end=None, **known):
    """The module that a file of a checkout is, some of its text changed, or up to a line."""
    if not os.environ.get(checkout):
        pytest.skip(f"{checkout} names no folder")
    text = (Path(os.environ[checkout]) / file).read_text().partition(end or "\0")[0]
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    module = types.ModuleType(checkout.lower())
    vars(module).update(known)
    exec(compile(text, file, "exec"), vars(module))
    return module


def moved(network):
    """All weights away from where learning starts, so that no part of a network is silent."""
    torch.manual_seed(2)
    network.double()
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return network


def equal(ours, other, pairs, x=X, rounded=1.0):
    """Outputs agree, and the gradients of a weight and its like. rounded: how many times more roughly than usual."""
    a, b = ours(x), other(x)
    torch.testing.assert_close(a, b, rtol=1e-11 * rounded, atol=1e-11 * rounded)
    for output in (a, b):
        (output * torch.arange(output.numel()).view_as(output).sin()).sum().backward()
    for p, q in pairs:
        assert (p.grad - q.grad).norm() <= 1e-9 * rounded * q.grad.norm()


def copied(ours, other):
    """Modules of the same parameters in the same order; the second's go into the first."""
    pairs = list(zip(ours.parameters(), other.parameters(), strict=True))
    with torch.no_grad():
        for p, q in pairs:
            p.copy_(q)
    return pairs


DAMPED = "x=b(x)+(1-functional.relu(1-self.ks[i])).expand_as(residual)*residual"
LAMBDA = (
    (DAMPED, "x=(1+functional.relu(self.ks[i]))*b(x)+(1-functional.relu(self.ks[i]))*residual"),
    ("uniform_(0.75, 0.8)", "uniform_(0.2, 0.25)"),
)


@pytest.mark.parametrize("depth", [20, pytest.param(164, marks=pytest.mark.slow)])
@pytest.mark.parametrize("own", ["in_resnet", "lambda_in_resnet"])
def test_in_resnet(own, depth):
    module = theirs("IN_RESNET", "InResNet.py", *(LAMBDA if own.startswith("lambda") else ()))
    other = moved(getattr(module, f"InResNet{depth}")())
    ours = t2n.create_model(f"{own}{depth}").double()
    pairs = copied(ours.opening, other.conv1) + copied(ours.bn, other.bn) + copied(ours.head, other.fc)
    for (field,), block in zip(ours.places(), other.blocks, strict=True):
        pairs += copied(field, block)
    narrow = [other.downsample1] if depth == 164 else []
    projecting = [t for t in ours.transitions if hasattr(t, "project")]
    for transition, down in zip(projecting, [*narrow, other.downsample21, other.downsample31], strict=True):
        pairs += copied(transition.project, down)
    n = (depth - 2) // (9 if depth == 164 else 6)
    for i, block in enumerate(ours.blocks):
        own_k = torch.cat([k.detach() for k in other.ks[i * n + 1 : (i + 1) * n]])
        block.d_raw.data.copy_(own_k if own.startswith("lambda") else 1 - own_k)
    equal(ours, other, pairs, X[:2] if depth == 164 else X, rounded=1000 if depth == 164 else 1)
    sign = 1 if own.startswith("lambda") else -1
    for i, block in enumerate(ours.blocks):
        for d, k in zip(block.d_raw.grad, other.ks[i * n + 1 : (i + 1) * n], strict=True):
            torch.testing.assert_close(d, sign * k.grad[0], rtol=1e-7, atol=1e-8)


def test_momentum_resnet():
    if not os.environ.get("MOMENTUMNET"):
        pytest.skip("MOMENTUMNET names no folder")
    sys.path.insert(0, os.environ["MOMENTUMNET"])
    try:
        from momentumnet import MomentumNet
    finally:
        sys.path.pop(0)
    net = moved(t2n.create_model("momentum_resnet32"))

    def by_their_blocks(x):
        y = net.opening(x)
        for transition, block in zip(net.transitions, net.blocks, strict=True):
            y = MomentumNet(list(block.fields), gamma=0.9)(transition(y).y)
        return net.end(y)

    mine = net(X)
    torch.testing.assert_close(mine, by_their_blocks(X), rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(f(X).square().sum(), list(net.parameters())) for f in (net, by_their_blocks)]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("iterations", [1, 3])
def test_ie_resnet(iterations):
    """Their last step has the other sign in front of the field, which is mended here."""
    mended = ("(1-theta)*t9+theta*self.conv9_d", "(1-theta)*t9-theta*self.conv9_d")
    other = moved(theirs("IE_RESNET", "models/sirResNet.py", mended).sir_resnet18(it=iterations))
    ours = t2n.create_model("ie_resnet18", iterations=iterations).double()
    head = [(ours.bn, other.final_bn), (ours.head, other.fc), (ours.opening, other.conv1)]
    fields = [getattr(other, f"conv{i}") for i in range(2, 10)]
    modules = [*head, *((field, conv) for (field,), conv in zip(ours.places(), fields, strict=True))]
    modules += [(t.project, getattr(other, f"d{i}")) for t, i in zip(ours.transitions, (4, 6, 8), strict=True)]
    pairs = [pair for mine, its in modules for pair in copied(mine, its)]
    assert len(pairs) == len(list(ours.parameters()))
    equal(ours, other, pairs)


def test_neural_ode():
    """The field; how it is integrated is torchdiffeq's."""
    code = theirs(
        "TORCHDIFFEQ", "examples/odenet_mnist.py", ("parser.parse_args()", "parser.parse_args([])"), end="class Flatten"
    )
    ours, other = TimeField(64).double(), moved(code.ODEfunc(64))
    norms = [(ours.norms[i], getattr(other, f"norm{i + 1}")) for i in range(3)]
    convolutions = [(ours.convs[i], getattr(other, f"conv{i + 1}")) for i in range(2)]
    pairs = [pair for mine, its in norms + convolutions for pair in copied(mine, its)]
    assert len(pairs) == len(list(ours.parameters()))
    y = torch.randn(4, 64, 7, 7, dtype=torch.float64)
    equal(lambda y: ours(0.3, y), lambda y: other(0.3, y), pairs, y)
