"""What cannot be converted is said in a line, with what was seen."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision.models as models
from torch import Tensor, nn
from torchvision.models.resnet import ResNet

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.conversion import convert
from tests.nn.converted import SumsInForward, TwoSums, small


class _Modes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x + (torch.tanh(self.a(x)) if self.training else self.a(x))


class _Overwriting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (models.alexnet(weights=None), "no module of AlexNet returns branch"),
        (nn.Sequential(_Modes()), r"0 \(_Modes\): the calls of its forward depend on self.training"),
        (nn.Sequential(_Overwriting()), "overwrites the state in place"),
    ],
)
def test_where_no_run_is_found_what_was_seen_is_said(model: nn.Module, said: str) -> None:
    with pytest.raises(InputError, match=said):
        convert(model, "euler")


@pytest.mark.parametrize(
    ("scheme", "options", "said"),
    [
        ("revnet", {}, "a network to convert has one"),
        ("euler", {"after": "drop"}, "write 'keep' or 'move'"),
        ("leapfrog-2", {"backward": "reversible"}, "after='move'"),
        ("abm-2", {}, "after='move'"),
        ("euler", {"step_weights": "shared"}, "weights of their own"),
        ("euler", {"colour": "red"}, "unknown option"),
    ],
)
def test_options_that_do_not_fit(scheme: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        convert(small(), scheme, **options)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ResNet, r"is the class ResNet: make a network of it"),
        (lambda: "resnet50", "give an nn.Module"),
        (lambda: convert(small(), "euler"), "converted already, to euler"),
        (lambda: torch.compile(small(), backend="eager"), "convert model._orig_mod"),
        (lambda: nn.DataParallel(small()), "convert model.module, then wrap"),
        (lambda: torch.jit.script(nn.Linear(2, 2)), "scripted or traced"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_what_is_no_network_to_convert(make: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        convert(make(), "euler")


@pytest.mark.parametrize(
    ("model", "scheme", "h", "said"),
    [
        (None, 3, 1, "scheme is no scheme"),
        (None, "rk4", "0.5", "h='0.5'"),
        (None, "rk4", float("nan"), "h=nan"),
        (None, "rk4", 0, "write a finite number"),
        (nn.ModuleList([TwoSums()]), "rk4", 1, "has no forward"),
        (
            nn.Sequential(convert(SumsInForward(), "rk4")),
            "lm",
            1,
            "0.blocks.0 of Sequential is a block of a scheme already",
        ),
    ],
)
def test_arguments_that_are_none(model: Any, scheme: Any, h: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        convert(model or SumsInForward(), scheme, h=h)


class Halved(nn.Module):
    """A branch whose Jacobian is a multiple of the identity."""

    def __init__(self, slope):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        nn.init.dirac_(self.conv.weight)
        self.slope = slope

    def forward(self, y):
        return y + self.slope * torch.sin(self.conv(y))


def test_implicit_steps_that_do_not_converge_are_refused_at_once():
    """By fixed-point iteration, which converges where h times the slope is below 1."""
    options = {"solver": "fixed-point", "tolerance": 1e-6}
    wild = nn.Sequential(nn.Conv2d(3, 4, 1), Halved(5.0), Halved(5.0))
    before, state = wild.state_dict(), torch.get_rng_state()
    with pytest.raises(
        InputError, match=r"backward-euler: at h = 1 the first step of 1 does not converge .* try a smaller h"
    ):
        t2n.convert(wild, "backward-euler", **options)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, wild.state_dict()[name]) for name, v in before.items())
    net = t2n.convert(wild, "backward-euler", h=0.1, **options)
    assert net.conversion.runs
    assert len(net[1].fields) == 2
    assert net[1].training
    net(torch.randn(1, 3, 5, 5)).sum().backward()


@pytest.mark.slow
def test_a_resnet_50_says_within_seconds_that_backward_euler_does_not_converge():
    torch.manual_seed(0)
    with pytest.raises(InputError, match=r"backward-euler: at h = 1 the first step of layer1\.1 does not converge"):
        t2n.convert(models.resnet50(), "backward-euler")
