"""Small data and a small network with everything a resumed run could get wrong: momentum, BN, dropout."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tableau2net.training import ImageData, load_data


@pytest.fixture(scope="session")
def data() -> ImageData:
    """330 digits to train on, 30 held out, 60 to test on."""
    return load_data("glyphs:360:60", validation=30)


@pytest.fixture
def network() -> Callable[[], nn.Module]:
    """Makes the same untrained network each time."""

    def make() -> nn.Module:
        torch.manual_seed(5)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2),
            nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 10),
        )  # fmt: skip

    return make
