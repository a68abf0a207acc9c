"""FractalNet beside what its authors' code makes of it, in double precision: scores, losses, gradients.

Nothing of that code is here: ``FRACTALNET`` names a checkout of github.com/gustavla/fractalnet. Their script writes a
network for Caffe, call by call; what each call means is read out here in a few lines, with all chance turned off.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from tableau2net.nn.families.fractal import FractalNetwork
from tableau2net.recipes.presets import find_preset

CHECKOUT = Path(os.environ.get("FRACTALNET", ""))
pytestmark = pytest.mark.skipif(
    "FRACTALNET" not in os.environ, reason="FRACTALNET names no checkout of gustavla/fractalnet"
)


def calls(columns, filters):
    """Of the network with separate columns: the words of each call."""
    text = (CHECKOUT / "generation/fractalnet.py").read_text()
    settings = {"COLUMNS": columns, "REDUCTIONS": len(filters), "FILTERS": list(filters), "GLOBAL_DROP_PATH": True}
    for name, value in settings.items():
        text, found = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
        assert found == 1
    done = subprocess.run([sys.executable, "-"], input=text, capture_output=True, text=True, check=True)
    return [line.split()[1:] for line in done.stdout.splitlines() if line.startswith(":call")]


def normalised(y):
    centred = y - y.mean((0, 2, 3), keepdim=True)
    return centred / (centred.square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()


def read_out(words, blobs, weights, losses):
    """Evaluate a call."""
    match words:
        case "conv", name, _, size, pad, num, bottom, top:
            weight, bias = weights[name]
            assert weight.shape[0] == int(num)
            assert weight.shape[2:] == (int(size), int(size))
            y = functional.conv2d(blobs[bottom], weight, bias, padding=int(pad))
            blobs[top] = torch.relu(normalised(y))
        case "pool2", bottom, top:
            blobs[top] = functional.max_pool2d(blobs[bottom], 2)
        case "join2" | "join3" | "join4", *bottoms, top:
            blobs[top] = sum(blobs[bottom] for bottom in bottoms) / len(bottoms)
        case "inner", name, _, bottom, top:
            weight, bias = weights[name]
            blobs[top] = blobs[bottom].flatten(1) @ weight.T + bias
        case "loss", weight, bottom, label, top:
            losses[top] = float(weight) * functional.cross_entropy(blobs[bottom], blobs[label])
        case other:
            assert other == ["load-data", "data", "label"]


@pytest.mark.parametrize(("columns", "widths"), [(1, (4, 5)), (2, (3, 5, 4)), (3, (4, 6, 8, 8, 8)), (4, (4, 5))])
def test_scores_losses_and_gradients_are_those_of_the_authors(columns, widths):
    torch.manual_seed(columns)
    net = FractalNetwork(columns, widths=widths, drop=0, dropout=0).double()
    stages = {
        f"conv{c}_{i}": stage
        for c in range(columns)
        for i, stage in enumerate(stage for block in net.blocks for stage in block.column(c))
    }
    weights = {name: (stage.convolution.weight, stage.convolution.bias) for name, stage in stages.items()}
    weights["prediction0"] = net.head.linear.weight, net.head.linear.bias
    x = torch.randn(3, 3, *[2 ** len(widths)] * 2, dtype=torch.float64)
    y = torch.randint(10, (3,))
    blobs, losses = {"data": x, "label": y}, {}
    told = calls(columns, widths)
    for words in told:
        read_out(words, blobs, weights, losses)
    parameters = list(net.parameters())
    expected = torch.autograd.grad(sum(losses.values()), parameters)

    scores = (1.0, net(x)), *net.auxiliary_scores(x)
    own = [weight * functional.cross_entropy(found, y) for weight, found in scores]
    assert list(losses) == ["loss0", *(f"s_loss{c}" for c in range(columns))]
    for found, loss in zip(own, losses.values(), strict=True):
        torch.testing.assert_close(found, loss, rtol=1e-12, atol=1e-12)
    for found, wanted in zip(torch.autograd.grad(sum(own), parameters), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-11)
    assert {words[1] for words in told if words[0] == "conv"} == set(stages)


def test_layers_and_rates_are_those_of_the_authors():
    text = (CHECKOUT / "generation/globals.crox").read_text()
    convolution = text.partition(":begin conv")[2].partition(":end")[0]
    assert re.findall(r'type: "([A-Z]\w+)"', convolution) == ["Convolution", "Dropout", "BatchNorm", "ReLU"]
    assert re.findall(r'type: "([a-z]\w+)"', text) == ["xavier", "constant"] * 2
    (drop,) = re.findall(r":define DROP_PATH_RATIO\s+(\S+)", text)
    net = FractalNetwork(3, **find_preset("fractalnet-2017").options)
    assert {block.paths.drop for block in net.blocks} == {float(drop)}
    rates = {words[1]: float(words[2]) for words in calls(3, (64, 128, 256, 512, 512)) if words[0] == "conv"}
    for column in range(3):
        for i, stage in enumerate(stage for block in net.blocks for stage in block.column(column)):
            assert getattr(stage.dropout, "p", 0) == pytest.approx(rates[f"conv{column}_{i}"])
