"""A network: a ResNet for 32×32 images whose steps are SSPRK(3,3), each with one field for its three stages."""

from __future__ import annotations

from typing import Unpack

from torch import nn

import tableau2net as t2n
from tableau2net.codegen import CompileOptions
from tableau2net.nn import PreActivation
from tableau2net.nn.skeleton.stack import like_resnet

WIDTHS = (16, 32, 64)


@t2n.register_model(
    r"ssp_resnet(?P<depth>\d{1,4})",
    published=("ssp_resnet20", "ssp_resnet32"),
    scheme="ssprk33-shu-osher",
    about="a ResNet whose steps are SSPRK(3,3) in Shu-Osher form; an example of another package's network",
)
def ssp_resnet(depth: int, *, num_classes: int = 10, h: float = 1.0, **options: Unpack[CompileOptions]) -> nn.Module:
    """depth: 6n + 2, as for a ResNet, whose fields and transitions it has. options: of the compilation."""
    block = t2n.compile("ssprk33-shu-osher", **options)
    return like_resnet("ssp_resnet", depth, block, field, widths=WIDTHS, num_classes=num_classes, h=h)


def field(channels: int) -> nn.Module:
    """The residual branch of a pre-activation ResNet."""
    return PreActivation(channels, channels)
