"""The mean-field ResNet: a ResNet whose residual blocks are particles that move in depth."""

from __future__ import annotations

from typing import Unpack

from tableau2net.nn.entry import register_model
from tableau2net.nn.families.residual import DEPTH, ResNetOptions, depths_of, resnet_of
from tableau2net.nn.skeleton.residual_network import ResidualNetwork


@register_model(
    f"meanfield_resnet{DEPTH}",
    published=depths_of("meanfield_resnet"),
    scheme="euler",
    about="mean-field ResNet, whose blocks learn their depth, Lu, Ma, Lu, Lu and Ying 2020",
)
def meanfield_resnet(depth: int, **options: Unpack[ResNetOptions]) -> ResidualNetwork:
    """A ResNet, or with scheme= the network of any one-step scheme, whose fields stand at learnt depths.

    depth_rate: what the learning rate of the depths is multiplied by, 1; see `Depths`.  options: those of `resnet`. It
    begins as the ResNet, to the bit. The first step of a resolution, which changes the width, does not move.
    """
    options.setdefault("depth_rate", 1.0)
    return resnet_of("meanfield_resnet", depth, **options)
