"""RevNet beside its authors' own code, in double precision: scores, gradients, and evaluation with given statistics.

Nothing of that code is here: ``REVNET`` names a checkout of github.com/renmengye/revnet-public, and
``TENSORFLOW_PYTHON`` an interpreter that has TensorFlow, which is none of our dependencies. Skipped without the two.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import tableau2net as t2n

CHECKOUT, PYTHON = os.environ.get("REVNET"), os.environ.get("TENSORFLOW_PYTHON", sys.executable)
SCRIPT = Path(__file__).with_name("revnet_in_tensorflow.py")
COUNTS = {38: 464_890, 110: 1_729_194, 164: 1_748_778}


def units(net):
    """Of each resolution the units (F, G), and the two projections in front of it, where it has such."""
    for transition, block in zip(net.transitions, net.blocks, strict=True):
        first = [(transition.f, transition.g)] if hasattr(transition, "f") else []
        yield [*first, *block.fields], getattr(getattr(transition, "project", None), "each", ())


def called_there(net):
    """Our layers by the names that theirs have."""
    found = {"init/init_conv": net.opening[0], "init/init_bn": net.opening[1]}
    for s, (pairs, projections) in enumerate(units(net), 1):
        found |= {f"unit_{s}_0/x{i}_bottleneck/project": each for i, each in enumerate(projections, 1)}
        for u, pair in enumerate(pairs):
            for name, branch in zip("fg", pair, strict=True):
                convolutions = [m for m in branch if isinstance(m, nn.Conv2d)]
                norms = [m for m in branch if isinstance(m, nn.BatchNorm2d)]
                for kind, layers in (("conv", convolutions), ("bn", norms)):
                    for k, layer in enumerate(layers, 1 + len(convolutions) - len(layers)):
                        found[f"unit_{s}_{u}/{name}/sub{k}/{kind}{k}"] = layer
    return found | {"unit_last/final_bn": net.head.bn, "logit": net.head.linear}


def tensors(net):
    """Our tensors by the names that theirs have."""
    own = {"weight": "w", "bias": "b"}
    normal = {"weight": "gamma", "bias": "beta", "running_mean": "ema_mean", "running_var": "ema_var"}
    for name, layer in called_there(net).items():
        for key, its in (normal if isinstance(layer, nn.BatchNorm2d) else own).items():
            if getattr(layer, key) is not None:
                yield f"{name}/{its}", getattr(layer, key)


def ours(array, turned):
    """A tensor of theirs in our form, (out, in, height, width), and turned where images are."""
    tensor = torch.from_numpy(np.ascontiguousarray(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T))
    return tensor.flip(2, 3) if turned and tensor.dim() == 4 else tensor


@pytest.mark.skipif(not CHECKOUT, reason="REVNET names no checkout of renmengye/revnet-public")
@pytest.mark.parametrize("depth", [d if d == 38 else pytest.param(d, marks=pytest.mark.slow) for d in COUNTS])
@pytest.mark.parametrize("training", [True, False])
def test_scores_and_gradients_are_those_of_the_authors(depth, training, tmp_path):
    """Where a 3×3 convolution takes every other pixel, theirs begins at the first and ours one before it: theirs is
    ours on images that are turned by 180°, kernels too. With bottlenecks it is a 1×1 convolution that does."""
    if subprocess.run([PYTHON, "-c", "import tensorflow"], capture_output=True, check=False).returncode:
        pytest.skip(f"{PYTHON} has no tensorflow; TENSORFLOW_PYTHON names another")
    batch, random = tmp_path / "batch.npz", np.random.default_rng(depth)
    x, y, turned = random.standard_normal((4, 32, 32, 3)), random.integers(10, size=4), depth != 164
    np.savez(batch, x=x, y=y, training=training)
    subprocess.run([PYTHON, SCRIPT, CHECKOUT, f"revnet-{depth}", batch], check=True, capture_output=True)
    there = dict(np.load(batch))
    values, gradients = (
        {key.removeprefix(kind): ours(value, turned) for key, value in there.items() if key.startswith(kind)}
        for kind in ("value ", "gradient ")
    )

    # in evaluation, with statistics that are none of its own, the states of 110 layers grow: they cannot be undone
    net = t2n.create_model(f"revnet{depth}", backward="reversible" if training else "store").double().train(training)
    own = dict(tensors(net))
    assert set(own) == set(values)
    assert sum(p.numel() for p in net.parameters()) == sum(g.numel() for g in gradients.values()) == COUNTS[depth]
    with torch.no_grad():
        for key, tensor in own.items():
            tensor.copy_(values[key])
    images = torch.from_numpy(x).permute(0, 3, 1, 2)
    found = net(images.flip(2, 3) if turned else images)
    nn.functional.cross_entropy(found, torch.from_numpy(y)).backward()
    torch.testing.assert_close(found, torch.from_numpy(there["scores"]), rtol=1e-10, atol=1e-10)
    for key, expected in gradients.items():
        assert (own[key].grad - expected).norm() < 1e-9 * expected.norm(), key
