"""By what a network's layers normalise: the whole batch, or each image by itself."""

from __future__ import annotations

from typing import Literal, TypeVar, get_args

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tableau2net.errors import InputError

Norm = Literal["batch", "group", "layer"]
Network = TypeVar("Network", bound=nn.Module)

GROUP = 16  # channels, or the largest number below that divides them


def normalised(network: Network, norm: str) -> Network:
    """The network, with GroupNorm in the place of each BatchNorm unless `norm` is "batch": the same scales and shifts,
    no running statistics, and an image means the same whatever the batch is.

    norm: "group", 16 channels a group (Wu and He 2018); "layer", all channels in one, as IE-ResNet's authors have it.

    Raises InputError for another word, and for a kind of BatchNorm that is more than one; nothing has changed then.
    """
    check_norm(norm)
    if norm == "batch":
        return network
    found = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    for module in found:
        if type(module) not in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
            raise InputError(f"norm={norm!r}: {type(module).__name__} has no counterpart; write norm='batch'")
    others = {id(module): _grouped(module, norm) for module in found}
    for owner in list(network.modules()):
        for name, child in owner._modules.items():
            owner._modules[name] = others.get(id(child), child)
    return network


def check_norm(norm: object) -> None:
    """InputError unless it is a `Norm`."""
    if norm not in get_args(Norm):
        raise InputError(f"norm={norm!r}: write one of {', '.join(map(repr, get_args(Norm)))}")


def group_norm(norm: str, channels: int) -> nn.GroupNorm:
    """What stands in the place of a BatchNorm of so many channels."""
    size = channels if norm == "layer" else next(n for n in range(GROUP, 0, -1) if channels % n == 0)
    return nn.GroupNorm(channels // size, channels)


def _grouped(batch: _BatchNorm, norm: str) -> nn.GroupNorm:
    """The same with the parameters of one."""
    group = group_norm(norm, batch.num_features)
    group.eps, group.affine = batch.eps, batch.affine
    group.weight, group.bias = batch.weight, batch.bias
    return group.train(batch.training)
