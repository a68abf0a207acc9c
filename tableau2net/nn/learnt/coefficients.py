"""The learnable coefficients of a network: which parameters they are, and what they have become."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.exact.text import exact_json
from tableau2net.scheme import Scheme


def named_coefficients(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters that scheme coefficients are made of, with their full names (``"blocks.0.k"``).

    Where a map keeps an order or stability they are not the coefficients themselves (``"blocks.0.k_raw"``)."""
    for name, module in _learning(model):
        for raw in getattr(type(module), "raw", module.coefficients):
            yield f"{name}.{raw}".lstrip("."), getattr(module, raw)


def learnt_coefficients(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The coefficients that are learnt, as the steps use them, with their full names."""
    with torch.no_grad():
        for name, module in _learning(model):
            yield from ((f"{name}.{key}".lstrip("."), value) for key, value in _learnt(module).items())


def _learning(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """The blocks that learn coefficients, which compiled classes have methods for, with their names."""
    yield from ((name, m) for name, m in model.named_modules() if hasattr(type(m), "hoisted"))


def _learnt(block: Any) -> dict[str, Tensor]:
    values: dict[str, Tensor] = block.learnt()
    return values


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups for an optimiser: the weights with `weight_decay`, the scheme's coefficients without.

    Decay would pull a coefficient towards 0, which for a scheme means nothing."""
    if isinstance(weight_decay, bool) or not isinstance(weight_decay, int | float) or not weight_decay >= 0:
        raise InputError(f"weight_decay={weight_decay!r}: write a number, at least 0")
    apart = {id(p) for _, p in named_coefficients(model)}
    groups = [
        {"params": [p for p in model.parameters() if id(p) not in apart], "weight_decay": weight_decay},
        {"params": [p for p in model.parameters() if id(p) in apart], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def coefficient_values(model: nn.Module) -> dict[str, Any]:
    """What is learnt, as floats by full name: a number, a list over steps, or for each step a list over channels.

    They are the coefficients that the steps use, after whatever map keeps their order or stability."""

    def plain(value: Tensor) -> Any:
        return value.double().flatten(1).tolist() if value.dim() > 1 else value.double().tolist()

    return {name: plain(value) for name, value in learnt_coefficients(model)}


def exact_coefficients(scheme: Scheme) -> dict[str, Any]:
    """The nonzero coefficients of a scheme as exact JSON numbers, open parameters left open."""
    return {name: exact_json(value) for name, value in scheme.coefficients.items() if not value.is_zero}
