"""The blocks of a network: modules that take steps of a scheme, and what each of them is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import nn

from tableau2net.codegen import CompiledBlock, Options
from tableau2net.codegen.compiled_block import Made, steps_in
from tableau2net.errors import InputError
from tableau2net.scheme import Scheme

__all__ = ["CompiledBlock", "Made", "Specification", "Stepping", "blocks_of", "compiled_blocks", "fields_of", "made_of"]
__all__ += ["growth_told", "specification_of", "steps_in"]


@dataclass(frozen=True)
class Specification:
    """What a block was compiled from, and what its steps are.

    make: the function that makes the class from a scheme and options; None where the block is more than that.
    h: the length of a step, the longest.  steps, startup (the first of them).  evaluations: a step.  order: proved.
    coefficients: the names of the parameters that are the scheme's."""

    make: Callable[[Scheme, Options], type[CompiledBlock]] | None
    scheme: Scheme
    options: Options
    h: float
    steps: int
    startup: int
    evaluations: int
    order: int
    coefficients: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        """Evaluations of fields in all steps."""
        first = self.options.start_scheme.stages if self.startup else 0
        return self.startup * first + (self.steps - self.startup) * self.evaluations


@runtime_checkable
class Stepping(Protocol):
    """A module that takes steps of a scheme and is no compiled block itself: it says what its steps are."""

    def specification(self) -> Specification:
        """Of its steps."""

    def step_modules(self) -> list[nn.Module]:
        """Its fields in the order of their steps, as far as they are functions of the state."""


def made_of(module: nn.Module) -> Made | None:
    """What a compiled block, or one of a subclass of its class, was made from; None for another module."""
    return module.made_of if isinstance(module, CompiledBlock) else None


def blocks_of(network: nn.Module) -> Iterator[tuple[str, CompiledBlock, Made]]:
    """The compiled blocks of a network with their names, each once, in the order of `modules`; not those inside a
    block's fields."""
    waiting, seen = [("", network)], set()
    while waiting:
        name, module = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        if isinstance(module, CompiledBlock):
            yield name, module, module.made_of
        else:
            waiting += reversed([(f"{name}.{child}".lstrip("."), each) for child, each in module.named_children()])


def compiled_blocks(network: nn.Module) -> Iterator[tuple[str, nn.Module, Specification]]:
    """The blocks that take a step at all, `Stepping` ones and those inside others too, from outside in."""
    for name, module in network.named_modules():
        if (found := specification_of(module)) is not None and found.steps > 0:
            yield name, module, found


def specification_of(module: nn.Module) -> Specification | None:
    """What the steps of a block are; None for another module."""
    if isinstance(module, Stepping):
        return module.specification()
    if not isinstance(module, CompiledBlock):
        return None
    made, steps = module.made_of, steps_in(module)
    return Specification(
        make=made.make if "made_of" in vars(type(module)) else None,  # a subclass is more
        scheme=made.scheme,
        options=made.options,
        h=float(module.h),
        steps=steps,
        startup=min(steps, module.startup),
        evaluations=module.evaluations,
        order=module.order,
        coefficients=tuple(module.raw),
    )


def fields_of(block: nn.Module) -> list[nn.Module]:
    """The fields of a block in the order of their steps; none of a module that is no block."""
    if isinstance(block, Stepping):
        return block.step_modules()
    if not isinstance(block, CompiledBlock):
        return []
    if block.made_of.options.step_weights == "shared":
        return [block.field]
    return [f for step in block.fields for f in (step if isinstance(step, nn.ModuleList) else [step])]


@contextmanager
def growth_told() -> Iterator[None]:
    """InputError where a block refuses what it is made of: rounding errors would grow too much on the way back."""
    try:
        yield
    except ValueError as error:
        raise InputError(str(error)) from None
