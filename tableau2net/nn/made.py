"""The compiled blocks of a network, and what each was compiled from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from torch import nn

from tableau2net.codegen import Options
from tableau2net.scheme import Scheme


class Made(NamedTuple):
    """What a block was compiled from; ``make(scheme, options)`` makes an empty one."""

    make: Callable[[Scheme, Options], nn.Module]
    scheme: Scheme
    options: Options


def made_of(module: nn.Module) -> Made | None:
    """What a compiled block was made from, as it tells pickle; None for another module."""
    if not hasattr(type(module), "field_names") or not hasattr(type(module), "evaluations"):
        return None
    told: Any = module.__reduce__()
    if not isinstance(told, tuple) or len(told) < 2 or len(told[1]) != 2 or not isinstance(told[1][0], Scheme):
        return None
    return Made(told[0], *told[1])


def blocks_of(network: nn.Module) -> Iterator[tuple[str, nn.Module, Made]]:
    """The compiled blocks of a network with their names, each once, in the order of `modules`; not those inside a
    block's fields."""
    waiting, seen = [("", network)], set()
    while waiting:
        name, module = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        if (made := made_of(module)) is not None:
            yield name, module, made
        else:
            waiting += reversed([(f"{name}.{child}".lstrip("."), each) for child, each in module.named_children()])
