"""Multi-level training: a trained network becomes one of more and smaller steps, and goes on training.

Chang, Meng, Haber, Tung, Begert 2018, "Multi-level residual networks from dynamical systems view", ICLR.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import nn

from tableau2net.errors import InputError
from tableau2net.nn.around.depths import Depths
from tableau2net.nn.around.gates import gates_of
from tableau2net.nn.around.stochastic import refine_survival
from tableau2net.nn.blocks import CompiledBlock, blocks_of, growth_told, steps_in
from tableau2net.nn.dynamic.block import DynamicBlock
from tableau2net.runtime.evaluations import repeat_turns
from tableau2net.runtime.rounding import check_growth

Network = TypeVar("Network", bound=nn.Module)


@runtime_checkable
class Refines(Protocol):
    """A network with two grids, which it makes finer by a method of its own."""

    def refine(self, states: int, controls: int) -> nn.Module: ...


@runtime_checkable
class Dividing(Protocol):
    """Steps that are no compiled block's: each becomes `factor` steps of a smaller length, fields by `repeated`."""

    def divide(self, factor: int, repeated: Callable[[nn.ModuleList, int], nn.ModuleList]) -> None: ...


def refine(network: Network, factor: int = 2) -> Network:
    """A new network whose blocks take `factor` steps of size h/factor where the given one's take one of size h.

    network: any network made of compiled blocks, or one block, whatever the scheme. It stays as it is; nothing is
        shared with it.

    Each step's fields are copied to all steps that take its place, with their BatchNorm statistics and whatever else
    they keep; so are the coefficients that a step has learnt. How probable a step is (stochastic depth) becomes what
    has the same noise at the new length. Where a multistep scheme's start-up is now over sooner, the steps that had no
    coefficients get those of the first step that had, or where none had, draw them as a new network does. A field that
    serves all steps stays one. A step of learnt length becomes steps of equal length. Openings, transitions and heads
    are copied as they are: a transition is no step of a block.

    With n steps a resolution, a `ResidualNetwork` of depth 6n + 2 has 3n − 2 steps in its blocks and 2 transitions: it
    becomes one of depth 2(2(3n − 2) + 2) + 2 = 12n − 2. The same structure, to load a saved state into, is
    ``refine(create_model(name))``.

    Outputs differ by O(h) for forward Euler and multistep schemes, by O(h^p) for a Runge–Kutta scheme of order p whose
    stages share a field: to begin with, θ is constant over each old step. With history="carry", a scheme that remembers
    an older y (LM-ResNet) has that of a transition at the old distance; from this comes a difference of k^n beside.

    The optimiser: make a new one. Momentum and second moments belong to parameters that are gone, and to other
    gradients: a copy's gradient is 1/factor of the old one (to O(h)). Chang et al. restart the learning rate at each
    level, which empties the state too. For the same speed along the flow as before, gradient descent wants `factor`
    times the learning rate; Adam's steps do not depend on the scale of a gradient.

    Raises InputError where there is no block, the network has a `refine` of its own (DynamicBlocks), factor is less
    than 2, steps have gates or exits, a scheme has no limit as h → 0 (a damped ResNet, a fractal), or a block with
    backward="reversible" would let rounding errors grow beyond its limit. Adaptive steps are refined by a smaller rtol.
    """
    if isinstance(factor, bool) or not isinstance(factor, int) or factor < 2:
        raise InputError(f"factor = {factor}: the steps that take the place of one are at least 2")
    if not isinstance(network, nn.Module):
        raise InputError(f"network is no network ({type(network).__name__}): give an nn.Module")
    if isinstance(network, Refines):
        raise InputError(f"{type(network).__name__} refines itself, by grids of its own: write network.refine(…)")
    if gates_of(network):
        raise InputError(
            f"{type(network).__name__} has a gate or an exit at each step, and a step's parts would have none"
        )
    refined = copy.deepcopy(network)
    found = [block for _, block, _ in blocks_of(refined)]
    noisy = [module for module in refined.modules() if isinstance(module, Dividing)]
    if not found and not noisy:
        raise InputError(f"{type(network).__name__} has no compiled block, so there are no steps to refine")
    for block in found:
        _refine_block(block, factor)
    for module in noisy:
        module.divide(factor, _repeated)
    return refined


def steps_of(network: nn.Module) -> int:
    """How many steps the blocks of a network take together; a transition is none of them."""
    lengths = (module.lengths for module in network.modules() if isinstance(module, DynamicBlock))
    return sum(map(len, lengths)) + sum(steps_in(block) for _, block, _ in blocks_of(network))


def _refine_block(block: CompiledBlock, factor: int) -> None:
    """More steps in the place of each, in the block itself."""
    options = block.made_of.options
    if block.order < 0 and not block.coefficients:  # learnt ones may have become anything
        raise InputError(
            f"{block.scheme}: a step of size 0 changes the state, so smaller ones make quite another network"
        )
    if options.step_weights == "shared":
        block.steps *= factor
        for field in block.field.children() if len(block.field_names) > 1 else [block.field]:
            repeat_turns(field, factor)
    else:
        block.fields = _repeated(block.fields, factor)
        refine_survival(block.fields, factor)
    block.h = block.h / factor
    if isinstance(depths := getattr(block, "depths", None), Depths):
        depths.refine(factor)
    if block.coefficients and options.sharing != "shared":
        _repeat_coefficients(block, factor)
    if options.backward == "reversible" and hasattr(block, "growth"):
        with growth_told():
            check_growth(block.growth(), steps_in(block) - block.startup, options.growth_limit)


def _repeated(fields: nn.ModuleList, factor: int) -> nn.ModuleList:
    """Each entry followed by its copies; entries that are one module in two places are so among the copies too."""
    rows = [fields, *(copy.deepcopy(fields) for _ in range(factor - 1))]
    return nn.ModuleList(entry for entries in zip(*rows, strict=True) for entry in entries)


def _repeat_coefficients(block: CompiledBlock, factor: int) -> None:
    """A learnt coefficient for each of the new steps behind the start-up: that of the old step it is a part of."""
    index = [max(n // factor - block.startup, 0) for n in range(block.startup, steps_in(block))]
    nothing = False
    for name in block.raw:
        old = block.get_parameter(name)
        nothing = len(old) == 0  # every step was of the start-up
        values = (
            old.new_empty(len(index), *old.shape[1:]) if nothing else old.detach()[torch.tensor(index).to(old.device)]
        )
        block.register_parameter(name, nn.Parameter(values, requires_grad=old.requires_grad))
    if nothing:
        block.reset_coefficients()
