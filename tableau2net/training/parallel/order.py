"""Whether processes that wait for each other in each layer evaluate their layers equally often."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from tableau2net.errors import InputError
from tableau2net.nn.blocks import Made, Specification, Stepping, blocks_of


def check_order(model: nn.Module) -> None:
    """Raises InputError for a block whose data say how often its fields are evaluated: one whose implicit stages are
    searched for. Processes with other data would wait for ever."""
    for made in _all_made(model):
        name = made.scheme.name or type(made.scheme).__name__
        if made.options.searches(made.scheme):
            raise InputError(
                f"{name}: its implicit stages are searched for as long as the data of a process want it, and their "
                "BatchNorm is over all processes; use solver='fixed-point', gradient='unrolled', tolerance=0"
            )


def _all_made(model: nn.Module) -> Iterator[Made | Specification]:
    yield from (module.specification() for module in model.modules() if isinstance(module, Stepping))
    yield from (made for _, _, made in blocks_of(model))
