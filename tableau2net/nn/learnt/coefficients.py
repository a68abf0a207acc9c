"""The learnable coefficients of a network: which parameters they are, and what they have become."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.exact.text import exact_json
from tableau2net.nn.around.depths import Depths
from tableau2net.scheme import Scheme

Plain = float | list[float] | list[list[float]]


@runtime_checkable
class LearningBlock(Protocol):
    """A block that learns coefficients, of a class that was compiled here or stands in a file."""

    coefficients: tuple[str, ...]

    def learnt(self) -> dict[str, Tensor]: ...

    def hoisted(self) -> tuple[Tensor, ...]: ...


def named_coefficients(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters that scheme coefficients are made of, with their full names (``"blocks.0.k"``).

    Where a map keeps an order or stability they are not the coefficients themselves (``"blocks.0.k_raw"``)."""
    for name, module, block in _learning(model):
        trained: tuple[str, ...] = getattr(type(module), "raw", block.coefficients)  # a class of a file may not say
        for raw in trained:
            yield f"{name}.{raw}".lstrip("."), module.get_parameter(raw)


def learnt_coefficients(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The coefficients that are learnt, as the steps use them, with their full names."""
    with torch.no_grad():
        for name, _, block in _learning(model):
            yield from ((f"{name}.{key}".lstrip("."), value) for key, value in block.learnt().items())


def _learning(model: nn.Module) -> Iterator[tuple[str, nn.Module, LearningBlock]]:
    for name, module in model.named_modules():
        block: object = module
        if isinstance(block, LearningBlock):
            yield name, module, block


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Groups for an optimiser: the weights with `weight_decay`, the scheme's coefficients without.

    Decay would pull a coefficient towards 0, which for a scheme means nothing. Learnt depths whose learning rate is
    another one are a group of their own, whose "scale" says how many times the rate it is: `train` goes by it, for an
    optimiser of your own write the group's "lr"."""
    if isinstance(weight_decay, bool) or not isinstance(weight_decay, int | float) or not weight_decay >= 0:
        raise InputError(f"weight_decay={weight_decay!r}: write a number, at least 0")
    apart = {id(p): p for _, p in named_coefficients(model)}
    weights = [p for p in model.parameters() if id(p) not in apart]
    groups: list[dict[str, object]] = [{"params": weights, "weight_decay": weight_decay}]
    rates = {id(module.tau): module.rate for module in model.modules() if isinstance(module, Depths)}
    for rate in sorted({rates.get(key, 1.0) for key in apart}, key=lambda rate: rate != 1):
        own: dict[str, object] = {} if rate == 1 else {"scale": rate}
        groups.append(
            {"params": [p for key, p in apart.items() if rates.get(key, 1.0) == rate], "weight_decay": 0.0, **own}
        )
    return [group for group in groups if group["params"]]


def coefficient_values(model: nn.Module) -> dict[str, Plain]:
    """What is learnt, as floats by full name: a number, a list over steps, or for each step a list over channels.

    They are the coefficients that the steps use, after whatever map keeps their order or stability."""

    def plain(value: Tensor) -> Plain:
        found: Plain = value.double().flatten(1).tolist() if value.dim() > 1 else value.double().tolist()
        return found

    return {name: plain(value) for name, value in learnt_coefficients(model)}


def exact_coefficients(scheme: Scheme) -> dict[str, object]:
    """The nonzero coefficients of a scheme as exact JSON numbers, open parameters left open."""
    return {name: exact_json(value) for name, value in scheme.coefficients.items() if not value.is_zero}
