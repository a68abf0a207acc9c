"""What the network of a run costs, asked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from tableau2net.errors import InputError
from tableau2net.nn.blocks import compiled_blocks
from tableau2net.nn.registry import create_model, depth_of
from tableau2net.tables.settings import DEEPEST, options_of
from tableau2net.training.network import SchemeNetwork

CLASSES = {"cifar100": 100}  # of the sources whose name says it; of others, 10 until they are read
LARGEST = 10**9  # parameters


def build(arguments: Mapping[str, Any], classes: int | None = None) -> nn.Module:
    """The network of a run without its weights, which take no memory. Raises InputError where there is none such."""
    classes = classes or CLASSES.get(str(arguments.get("data")), 10)
    options, scheme = options_of(arguments), arguments.get("scheme")
    name = arguments.get("model_name")
    if name is not None and depth_of(name) > DEEPEST:
        raise InputError(f"{name[:60]}: the deepest network of a table has {DEEPEST} layers")
    with torch.device("meta"):
        if name is not None:
            return create_model(name, scheme=scheme, num_classes=classes, **options)
        return SchemeNetwork("adamnet-2" if scheme is None else scheme, arguments["depth"], options).build(classes, 0)


def parameters_of(network: nn.Module) -> int:
    """How many it has. Raises InputError for more than a table's network may have."""
    count = sum(parameter.numel() for parameter in network.parameters())
    if count > LARGEST:
        raise InputError(f"has {count:,} parameters; the most is {LARGEST:,}")
    return count


def evaluations_of(network: nn.Module) -> int:
    """How often a forward pass evaluates fields. Raises InputError for a network without compiled blocks."""
    count = sum(made.calls for _, _, made in compiled_blocks(network))
    if not count:
        raise InputError("has no fields whose evaluations could be counted; match by parameters")
    return count
