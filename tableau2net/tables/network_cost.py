"""What the network of a run costs, asked before anything is trained."""

from __future__ import annotations

import torch
from torch import nn

from tableau2net.errors import InputError
from tableau2net.nn.blocks import compiled_blocks
from tableau2net.nn.registry import depth_of
from tableau2net.recipes.task import CLASSIFY
from tableau2net.runs.run_spec import RunSpec
from tableau2net.tables.settings import DEEPEST
from tableau2net.training import network

CLASSES = {"cifar100": 100}  # of the sources whose name says it; of others, 10 until they are read
LARGEST = 10**9  # parameters


def build(asked: RunSpec) -> nn.Module:
    """The network of a run without its weights, which take no memory. Raises InputError where there is none such."""
    name = asked.network.model
    if name is not None and depth_of(name) > DEEPEST:
        raise InputError(f"{name[:60]}: the deepest network of a table has {DEEPEST} layers")
    with torch.device("meta"):
        said = {"num_classes": CLASSES.get(asked.data.source, 10)} if asked.task.kind is CLASSIFY else {}
        return network.build(asked.network.settled(), said)


def parameters_of(model: nn.Module) -> int:
    """How many it has. Raises InputError for more than a table's network may have."""
    count = sum(parameter.numel() for parameter in model.parameters())
    if count > LARGEST:
        raise InputError(f"has {count:,} parameters; the most is {LARGEST:,}")
    return count


def evaluations_of(model: nn.Module) -> int:
    """How often a forward pass evaluates fields. Raises InputError for a network without compiled blocks."""
    count = sum(made.calls for _, _, made in compiled_blocks(model))
    if not count:
        raise InputError("has no fields whose evaluations could be counted; match by parameters")
    return count
