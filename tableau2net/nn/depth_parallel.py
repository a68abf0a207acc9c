"""A network whose blocks take their steps many at once, by multigrid in time; what stands between them it computes as
ever, in every process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import Tensor, nn

from tableau2net.codegen import CompiledBlock
from tableau2net.codegen.layer_parallel import LayerParallel, check_parallel
from tableau2net.errors import InputError
from tableau2net.multigrid import Plan
from tableau2net.nn.blocks import Stepping, blocks_of, steps_in


class DepthParallel:
    """A network's call with each of its blocks by multigrid in time, shared by the processes of torch.distributed where
    that has been started. The network is not changed: it is called with others in the place of its blocks' calls.

    Raises InputError as `check_depth` does."""

    def __init__(self, network: nn.Module, plan: Plan) -> None:
        check_depth(network, plan)
        self.network = network
        self.blocks = [(block, LayerParallel(block, plan)) for _, block in _blocks(network)]

    def __call__(self, x: Tensor) -> Tensor:
        with contextlib.ExitStack() as calls:
            for block, parallel in self.blocks:
                block.forward = parallel.forward
                calls.callback(delattr, block, "forward")
            found: Tensor = self.network(x)
        return found


def check_depth(network: nn.Module, plan: Plan, processes: int = 1) -> None:
    """Raises InputError, one line that names the block, where a network's blocks cannot take their steps by this plan
    in so many processes: none is compiled, or one is no one-step scheme, too short, or has fewer intervals than that.
    """
    for name, module in network.named_modules():
        if isinstance(module, Stepping):
            raise InputError(f"{name or 'the network'}: a {type(module).__name__} is no block of layer-parallel steps")
    blocks = list(_blocks(network))
    if not blocks:
        raise InputError(f"{type(network).__name__} has no compiled block, and so no layer-parallel steps")
    for name, block in blocks:
        try:
            check_parallel(block, plan, processes)
        except InputError as error:
            raise InputError(f"{name or 'the network'}: {error}") from None


def _blocks(network: nn.Module) -> Iterator[tuple[str, CompiledBlock]]:
    """Those that take a step at all."""
    yield from ((name, block) for name, block, _ in blocks_of(network) if steps_in(block))
