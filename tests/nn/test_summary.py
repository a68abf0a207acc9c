"""`summary`: counts and measures of a network, against counts by hand and closed forms."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.conversion import convert
from tableau2net.nn.overview import summary

KIB = 1024


def _net(scheme: str = "euler", **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return t2n.create_model("resnet20", scheme=scheme, **options)


def test_the_counts_of_a_residual_network() -> None:
    """A field of the first block: two 3×3 convolutions of 16 channels, two BatchNorms, on 32×32."""
    net = _net()
    before = copy.deepcopy(net.state_dict())
    found = summary(net)
    first = found.blocks[0]
    field = 2 * 9 * 16 * 16 + 2 * 2 * 16
    assert (first.where, first.scheme, first.order, first.nominal) == ("blocks.0", "euler", 1, False)
    assert (first.steps, first.h, first.evaluations, first.startup) == (3, 1.0, 3, 0)
    assert first.parameters == 3 * field
    assert first.flops == 3 * 2 * (2 * 9 * 16 * 16) * 32 * 32
    assert found.parameters == sum(p.numel() for p in net.parameters())
    state = 16 * 32 * 32 * 4
    # a step keeps the state, the two activations and what lies between the convolutions; statistics are a few numbers
    assert first.saved_bytes["store"] == pytest.approx(3 * 4 * state, rel=0.01)
    assert first.saved_bytes["checkpoint"] == pytest.approx(3 * state, rel=0.01)
    assert set(first.saved_bytes) == {"store", "checkpoint"}
    assert first.receptive_field == (15, 15)  # the opening and six convolutions of 3×3
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_reversible_block_keeps_its_last_states() -> None:
    second = summary(_net("leapfrog-2", backward="reversible")).blocks[1]
    assert second.saved_bytes["reversible"] == pytest.approx(2 * 32 * 16 * 16 * 4, rel=0.01)
    assert second.backward == "reversible"
    assert any("no damped mode is stable" in text for text in second.warnings)


def test_stages_with_weights_of_their_own_have_a_nominal_order() -> None:
    first = summary(_net("rk4", stage_weights="independent")).blocks[0]
    assert (first.order, first.nominal, first.independent_order, first.evaluations) == (4, True, 1, 12)
    assert not summary(_net("rk4")).blocks[0].nominal


class _Linear(nn.Module):
    """y ↦ A y with A of known singular values."""

    def __init__(self, largest: float) -> None:
        super().__init__()
        left, right = (torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0] for _ in range(2))
        self.A = nn.Parameter(left @ torch.diag(torch.tensor([largest, 0.3, 0.2, 0.1, 0.0, 0.0]).double()) @ right)

    def forward(self, y: Tensor) -> Tensor:
        return y @ self.A.T


@pytest.mark.parametrize(
    ("scheme", "largest", "warned"),
    [
        ("euler", 1.9, False),
        ("euler", 2.1, True),
        ("rk4", 2.7, False),
        ("rk4", 2.9, True),
        ("backward-euler", 9.0, False),
    ],
)
def test_the_largest_singular_value_meets_the_stability_interval(scheme: str, largest: float, warned: bool) -> None:
    torch.manual_seed(0)
    block = t2n.compile(scheme)([_Linear(0.5), _Linear(largest)])
    found = summary(block, (6,)).blocks[0]
    assert found.lipschitz == pytest.approx(largest, rel=1e-6)
    assert any("real stability interval" in text for text in found.warnings) == warned
    assert found.real_interval == pytest.approx({"euler": 2, "rk4": 2.785293563, "backward-euler": math.inf}[scheme])


def test_a_coefficient_that_nothing_moves() -> None:
    net = _net("lm")
    assert not any("gradient" in text for text in summary(net).warnings)
    net.blocks[1].k.requires_grad_(False)
    with torch.no_grad():
        for field in net.blocks[0].fields:  # the branches are 0, so y − y_prev is
            field.conv2.weight.zero_()
    warned = [text for text in summary(net).warnings if "gradient" in text]
    assert [text.partition(":")[0] for text in warned] == ["blocks.0", "blocks.1"]


def test_a_head_of_zeros_is_no_reason_to_warn() -> None:
    net = _net("lm")
    nn.init.zeros_(net.head.weight)
    assert not any("gradient" in text for text in summary(net).warnings)


def test_a_converted_network() -> None:
    torch.manual_seed(0)
    net = convert(ResNet(BasicBlock, [3, 1, 1, 1]), "leapfrog-2")
    found = summary(net, (3, 32, 32))
    assert [block.where for block in found.blocks] == ["layer1.0"]
    assert set(found.blocks[0].saved_bytes) == {"store", "checkpoint"}  # a ReLU cannot be undone
    assert found.blocks[0].startup == 1


def test_it_is_printed_and_is_plain_data() -> None:
    found = summary(_net("lm"))
    text = str(found)
    for said in ("blocks.2", "lm", "start-up", "checkpoint", "15×15", "warning: blocks.0: h·L"):
        assert said in text
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["blocks"][0]["receptive_field"] == [15, 15]
    block = t2n.compile("backward-euler")([_Linear(1.0)])
    assert (
        json.loads(json.dumps(summary(block, (6,)).to_dict(), allow_nan=False))["blocks"][0]["real_interval"] == "inf"
    )


def test_errors() -> None:
    with pytest.raises(InputError, match="no compiled block"):
        summary(nn.Linear(3, 3), (3,))
    with pytest.raises(InputError, match="does not take such images"):
        summary(_net(), (5, 32, 32))
