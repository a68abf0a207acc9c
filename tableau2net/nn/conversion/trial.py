"""A step of a converted block on a small random state: what does not converge there would take minutes to say so."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tableau2net.codegen import CompiledBlock
from tableau2net.errors import InputError
from tableau2net.nn.conversion.checks import copied
from tableau2net.runtime.stage_solve import ConvergenceError
from tableau2net.step.lower import lower


def try_step(block: CompiledBlock, where: str) -> None:
    """Raises InputError where the first step of a block with implicit stages is not solved on a random state of one
    image of 8 × 8 pixels, in evaluation mode. A state of what shape the fields take is seen by their first layer;
    where that says nothing, nothing is tried."""
    made = block.made_of
    searched = made.options.tolerance > 0 and made.options.solver != "resolvent"
    if not searched or lower(made.scheme).explicit:
        return
    state = _state_for(block)
    if state is None:
        return
    random = torch.get_rng_state()
    try:
        with torch.no_grad():
            _first_step(block)(state)
    except ConvergenceError as error:
        raise InputError(
            f"{block.scheme}: at h = {block.h:g} the first step of {where or 'the network'} does not converge on a "
            f"small random state; {error}"
        ) from None
    except Exception:  # a state of another kind, or more arguments: a call will say
        return
    finally:
        torch.set_rng_state(random)


def _first_step(block: CompiledBlock) -> CompiledBlock:
    """A block of the start-up steps and one more, in evaluation mode; it shares no module with the given one."""
    trial = copy.copy(block)
    steps = copied(block.fields[: block.startup + 1])
    trial.__dict__["_modules"] = {**block._modules, "fields": steps}
    return trial.eval()


def _state_for(block: CompiledBlock) -> Tensor | None:
    for module in block.fields.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            shape = (1, module.in_channels, *[8] * len(module.kernel_size))
        elif isinstance(module, nn.Linear):
            shape = (1, 8, module.in_features)
        else:
            continue
        weight = next(module.parameters())
        generator = torch.Generator().manual_seed(0)
        return torch.randn(shape, generator=generator).to(weight.device, weight.dtype)
    return None
