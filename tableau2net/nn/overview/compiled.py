"""Compiled blocks in a network, what they were compiled from, and what one call hands to them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from tableau2net.codegen import Options
from tableau2net.errors import InputError
from tableau2net.nn.blocks import made_of
from tableau2net.nn.dynamic.block import DynamicBlock
from tableau2net.nn.families.fractal import FractalBlock
from tableau2net.scheme import Scheme


@dataclass(frozen=True)
class Specification:
    """What a block was compiled from, and what its steps are.

    make: the function that makes the class from a scheme and options; None where the block is more than that.
    h: the length of a step, the longest.  steps, startup (the first of them).  evaluations: a step.  order: proved.
    coefficients: the names of the parameters that are the scheme's."""

    make: Callable[[Scheme, Options], type[nn.Module]] | None
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


def compiled_blocks(network: nn.Module) -> Iterator[tuple[str, Any, Specification]]:
    """The blocks with their names, from outside in."""
    for name, module in network.named_modules():
        if (found := _specification(module)) is not None and found.steps > 0:
            yield name, module, found


def _specification(module: nn.Module) -> Specification | None:
    if isinstance(module, DynamicBlock):
        cls = module.block[0]
        options = Options(**{**module.options, "time_dependent": True})
        steps, h = len(module.lengths), max(map(abs, module.lengths))
        return Specification(
            None, module.scheme, options, h, steps, min(steps, module.startup), cls.evaluations, cls.order
        )
    if isinstance(module, FractalBlock):
        made = made_of(module.rule)
        assert made is not None
        return Specification(None, made.scheme, made.options, 1.0, 1, 0, module.rule.evaluations, module.rule.order)
    made = made_of(module)
    if made is None:
        return None
    block: Any = module
    steps = len(block.fields) if hasattr(block, "fields") else block.steps
    startup = min(steps, getattr(block, "startup", 0))
    raw = tuple(getattr(block, "raw", block.coefficients))
    make = made.make if "made_of" in vars(type(module)) else None  # a subclass is more
    return Specification(
        make, made.scheme, made.options, float(block.h), steps, startup, block.evaluations, block.order, raw
    )


def with_backward(block: nn.Module, made: Specification, way: str) -> nn.Module | None:
    """A block with the same fields and coefficients and another backward pass; None where the scheme has none such."""
    if made.make is None:
        return block if way == made.options.backward else None
    coupling = made.options.coupling if way == made.options.backward else None
    try:
        cls = made.make(made.scheme, replace(made.options, backward=cast(Any, way), coupling=coupling))
    except (InputError, ImportError):
        return None
    other: Any = cls.__new__(cls)
    other.__dict__.update(vars(block))
    if way == "reversible" and other.growth() > made.options.growth_limit:
        return None
    return cast(nn.Module, other)


class Calls:
    """Records what modules are called with and return, in one call of a network."""

    def __init__(self, modules: list[nn.Module]) -> None:
        self.inputs: dict[nn.Module, tuple[Any, ...]] = {}
        self.outputs: dict[nn.Module, Any] = {}
        self.named: dict[nn.Module, dict[str, Any]] = {}
        self._handles = [m.register_forward_hook(self._record, with_kwargs=True) for m in modules]

    def _record(self, module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        if module not in self.inputs:  # the first of several calls
            self.inputs[module], self.named[module], self.outputs[module] = inputs, named, output

    def __enter__(self) -> Calls:
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()


def fields_of(block: nn.Module) -> list[nn.Module]:
    """The fields of a block, in the order of their steps."""
    if isinstance(block, DynamicBlock):
        return []  # functions of the time too, called with their weights
    steps = getattr(block, "fields", None)
    if steps is None:
        return [cast(nn.Module, block.field)]
    return [f for step in steps for f in (step if isinstance(step, nn.ModuleList) else [step])]


def random_images(network: nn.Module, input_size: tuple[int, ...], count: int) -> Tensor:
    """Images of a normal distribution, the same each time, where the network's weights are and of their kind."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, *input_size, generator=generator)
    first = next((p for p in network.parameters() if p.is_floating_point()), None)
    return images if first is None else images.to(first.device, first.dtype)


def own_copy(network: nn.Module, training: bool) -> nn.Module:
    """A copy whose statistics may move."""
    return copy.deepcopy(network).train(training)
