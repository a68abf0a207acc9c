"""Compiled blocks with something around each step, or around their call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from tableau2net.codegen import CompiledBlock, Options, compile
from tableau2net.codegen.compiled_block import Made
from tableau2net.scheme import Scheme

Method = Callable[..., Any]  # fields, numbers and states, as many as the scheme has: each has a signature of its own


@dataclass(frozen=True)
class Around:
    """Something around a block; as it stands, nothing. A frozen dataclass, so that a class is made once for each."""

    def check(self, scheme: Scheme, options: Options, block: type[CompiledBlock]) -> None:
        """InputError where this block's steps cannot be surrounded so."""

    def step(self, step: Method, block: type[CompiledBlock]) -> Method:
        """The step of a block, or its start-up step, with what is around it."""
        return step

    def forward(self, forward: Method) -> Method:
        """The call of a block, with what is around it."""
        return forward

    def members(self) -> Mapping[str, object]:
        """What else the class of the block has."""
        return {}


class InCall:
    """A block in one call: itself, with other fields."""

    def __init__(self, block: object, fields: Sequence[object]) -> None:
        self.block, self.fields = block, fields

    def __getattr__(self, name: str) -> object:
        return getattr(self.block, name)


@cache
def surrounded(scheme: Scheme, options: Options, *layers: Around) -> type[CompiledBlock]:
    """The block that `compile` makes, and around it the layers, from inside out. Raises what they raise."""
    block = compile(scheme, **vars(options))
    if not layers:
        return block
    methods, forward = {"step": block.step}, block.forward
    if hasattr(block, "start"):
        methods["start"] = block.start
    for layer in layers:
        layer.check(scheme, options, block)
        methods = {name: layer.step(step, block) for name, step in methods.items()}
        forward = layer.forward(forward)
    members: dict[str, object] = {name: staticmethod(step) for name, step in methods.items()}
    members |= {name: member for layer in layers for name, member in layer.members().items()}
    told = {"__doc__": block.__doc__, "__module__": block.__module__, "forward": forward}
    cls = type(block.__name__, (block,), {**members, **told})
    Made(partial(_again, layers), scheme, options).write_on(cls)
    return cls


def _again(layers: tuple[Around, ...], scheme: Scheme, options: Options) -> type[CompiledBlock]:
    return surrounded(scheme, options, *layers)
