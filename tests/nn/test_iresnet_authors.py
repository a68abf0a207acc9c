"""A block of an i-ResNet beside its authors' own, in float64: value, norms, log-determinant, inverse.

Nothing of that code is here: ``IRESNET`` names a checkout of github.com/jhjacobsen/invertible-resnet. Skipped without.
"""

import os
import sys

import numpy as np
import pytest
import torch
from torch import nn

import tableau2net as t2n

CHECKOUT = os.environ.get("IRESNET")
pytestmark = pytest.mark.skipif(not CHECKOUT, reason="IRESNET names no checkout of invertible-resnet")
C, SIZE, TERMS, STABLE = 4, (6, 5), 6, 1e-5  # they divide a 3×3 weight by max(1, σ/c) + 1e-5


@pytest.fixture
def theirs(monkeypatch):
    """Their block, where an old torch and numpy still had what it imports."""
    monkeypatch.syspath_prepend(CHECKOUT)
    monkeypatch.setattr(sys.modules["torch.autograd.gradcheck"], "zero_gradients", None, raising=False)
    monkeypatch.setattr(np, "float", float, raising=False)
    from models.conv_iResNet import conv_iresnet_block  # type: ignore[import-not-found]

    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    block = conv_iresnet_block((C, *SIZE), 7, 1, TERMS, coeff=0.9, actnorm=False, n_power_iter=5, nonlin="elu")
    with torch.no_grad():
        for name, p in block.named_parameters():
            p.mul_(4 if "weight" in name else 1)
    block.train()
    for _ in range(40):
        block(torch.randn(1, C, *SIZE), ignore_logdet=True)
    yield block.eval()
    torch.set_default_dtype(torch.float32)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(CHECKOUT):
            del sys.modules[name]


def test_its_block_is_a_step_of_euler(theirs, monkeypatch):
    y = torch.randn(3, C, *SIZE)
    theirs(y, ignore_logdet=True)  # which writes the weights that count
    field = nn.Sequential(
        *(
            nn.ELU(),
            nn.Conv2d(C, 7, 3, padding=1),
            nn.ELU(),
            nn.Conv2d(7, 7, 1),
            nn.ELU(),
            nn.Conv2d(7, C, 3, padding=1),
        )
    )
    with torch.no_grad():
        for own, layer in zip(field, theirs.bottleneck_block, strict=True):
            if isinstance(own, nn.Conv2d):
                own.weight.copy_(layer.weight)
                own.bias.copy_(layer.bias)
    block = t2n.compile("euler")([field])

    signs = torch.randint(0, 2, y.shape, generator=torch.Generator().manual_seed(5)) * 2.0 - 1
    monkeypatch.setattr(torch, "randn", lambda shape: signs.view(tuple(shape)))
    at = y.clone().requires_grad_()
    value, trace = theirs(at)
    own = t2n.log_det(block, y, terms=TERMS, seed=5, lipschitz=0.95)
    assert torch.allclose(own.states, value, rtol=0, atol=1e-14)
    assert torch.allclose(own.log_det, trace, rtol=0, atol=1e-13)
    assert own.log_det.abs().min() > 1e-3

    with torch.no_grad():
        back = theirs.inverse(value, maxIter=400)
    for solver in ("fixed-point", "newton-krylov"):
        found = t2n.inverse(block, solver=solver, iterations=400)(value.detach())
        assert torch.allclose(found, back, rtol=0, atol=1e-12)
        assert torch.allclose(found, y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("number", [1, 5])
def test_power_iteration_is_theirs(theirs, number):
    layer = theirs.bottleneck_block[number]
    own = nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1)
    with torch.no_grad():
        own.weight.copy_(layer.weight_orig)
    bound = t2n.nn.lipschitz_(own, 0.9, SIZE).parametrizations.weight[0]
    bound.u.copy_(layer.weight_u.view_as(bound.u))
    bound.v.copy_(layer.weight_v.view_as(bound.v))
    for training in (False, True):
        own.train(training)
        theirs.train(training)
        weight = own.weight
        theirs(torch.randn(1, C, *SIZE), ignore_logdet=True)
        sigma = float(layer.weight_sigma)
        assert sigma > 0.95
        assert float(bound.norm(layer.weight_orig).detach()) == pytest.approx(sigma, rel=1e-13)
        assert torch.allclose(weight * (sigma / 0.9) / (sigma / 0.9 + STABLE), layer.weight, rtol=1e-12, atol=0)
