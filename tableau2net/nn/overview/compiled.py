"""Blocks of a network with another backward pass, and what one call of the network hands to them."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from tableau2net.codegen.compile_options import Backward
from tableau2net.errors import InputError
from tableau2net.nn.blocks import Specification

Network = TypeVar("Network", bound=nn.Module)


def with_backward(block: nn.Module, made: Specification, way: Backward) -> nn.Module | None:
    """A block with the same fields and coefficients and another backward pass; None where the scheme has none such."""
    if made.make is None:
        return block if way == made.options.backward else None
    coupling = made.options.coupling if way == made.options.backward else None
    try:
        cls = made.make(made.scheme, replace(made.options, backward=way, coupling=coupling))
    except (InputError, ImportError):
        return None
    other = cls.__new__(cls)
    other.__dict__.update(vars(block))
    if way == "reversible" and other.growth() > made.options.growth_limit:
        return None
    return other


class Calls:
    """Records what modules are called with and return, in one call of a network."""

    def __init__(self, modules: list[nn.Module]) -> None:
        self.inputs: dict[nn.Module, tuple[object, ...]] = {}
        self.outputs: dict[nn.Module, object] = {}
        self.named: dict[nn.Module, dict[str, object]] = {}
        self._handles = [m.register_forward_hook(self._record, with_kwargs=True) for m in modules]

    def _record(self, module: nn.Module, inputs: tuple[object, ...], named: dict[str, object], output: object) -> None:
        if module not in self.inputs:  # the first of several calls
            self.inputs[module], self.named[module], self.outputs[module] = inputs, named, output

    def __enter__(self) -> Calls:
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()


def random_images(network: nn.Module, input_size: tuple[int, ...], count: int) -> Tensor:
    """Images of a normal distribution, the same each time, where the network's weights are and of their kind."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, *input_size, generator=generator)
    first = next((p for p in network.parameters() if p.is_floating_point()), None)
    return images if first is None else images.to(first.device, first.dtype)


def own_copy(network: Network, training: bool) -> Network:
    """A copy whose statistics may move."""
    return copy.deepcopy(network).train(training)
