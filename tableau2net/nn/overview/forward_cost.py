"""What a forward pass of one image costs: operations, and evaluations of fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from tableau2net.nn.around.gates import forced, gates_of
from tableau2net.nn.blocks import compiled_blocks
from tableau2net.nn.overview.compiled import own_copy, random_images
from tableau2net.nn.overview.probes import flops


@dataclass(frozen=True)
class ForwardCost:
    """`flops`: a multiplication with its addition as two. `evaluations` of fields; None where no block is compiled."""

    flops: int
    evaluations: int | None


def cost(network: nn.Module, input_size: Sequence[int] = (3, 32, 32)) -> ForwardCost:
    """Operations are counted in a forward pass in evaluation mode, on a copy, all steps taken."""
    resting = own_copy(network, training=False)
    calls = [made.calls for _, _, made in compiled_blocks(resting)]
    with forced(gates_of(resting), True):
        whole = flops(resting, (random_images(network, tuple(input_size), 1),), {})
    return ForwardCost(whole, sum(calls) if calls else None)


def expected_flops(resting: nn.Module, inputs: tuple[Tensor, ...]) -> int | None:
    """Operations of one image where each gate opens as often as in the training that has been; None without gates.

    A gate's step costs what the network costs less where that gate alone is closed."""
    gates = gates_of(resting)
    if not gates:
        return None
    with forced(gates, True):
        whole = flops(resting, inputs, {})
        spared = 0.0
        for gate in gates:
            if share := 1 - float(gate.share):
                with forced([gate], False):
                    spared += share * (whole - flops(resting, inputs, {}))
    return round(whole - spared)
