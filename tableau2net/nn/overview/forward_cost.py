"""What a forward pass of one image costs: operations, and evaluations of fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from tableau2net.nn.blocks import compiled_blocks
from tableau2net.nn.overview.compiled import own_copy, random_images
from tableau2net.nn.overview.probes import flops


@dataclass(frozen=True)
class ForwardCost:
    """`flops`: a multiplication with its addition as two. `evaluations` of fields; None where no block is compiled."""

    flops: int
    evaluations: int | None


def cost(network: nn.Module, input_size: Sequence[int] = (3, 32, 32)) -> ForwardCost:
    """Operations are counted in a forward pass in evaluation mode, on a copy."""
    resting = own_copy(network, training=False)
    calls = [made.calls for _, _, made in compiled_blocks(resting)]
    return ForwardCost(
        flops(resting, (random_images(network, tuple(input_size), 1),), {}), sum(calls) if calls else None
    )
