"""The compiled blocks of a network, and what each was compiled from."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from tableau2net.codegen.build import Made

__all__ = ["Made", "blocks_of", "made_of"]


def made_of(module: nn.Module) -> Made | None:
    """What a compiled block, or one of a subclass of its class, was made from; None for another module."""
    found = getattr(type(module), "made_of", None)
    return found if isinstance(found, Made) else None


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
