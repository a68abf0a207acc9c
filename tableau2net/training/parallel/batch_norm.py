"""Batch normalisation by the statistics of the whole batch, of which each process has a share.

torch's SyncBatchNorm does the same, on GPUs alone, and outside a CUDA graph waits for the device in each layer.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import batch_norm
from torch.nn.modules.batchnorm import _BatchNorm

from tableau2net.errors import InputError
from tableau2net.training.parallel.order import check_order

Model = TypeVar("Model", bound=nn.Module)


class _Synchronised(_BatchNorm):
    """In training, with others in a process group: normalises by their statistics and its own. Else as ever.

    Shares may be uneven, and empty. Running statistics become the same everywhere, to the bit. A batch of a single
    value a channel, which torch refuses where it sees it, is normalised to the bias.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or _alone():
            return super().forward(input)
        self._check_input_dim(input)  # type: ignore[no-untyped-call]
        y, mean, variance, count = _Normalise.apply(input, self.weight, self.bias, self.eps)
        if self.track_running_stats:
            self._track(mean, variance * (count / (count - 1).clamp(min=1)))
        found: Tensor = y
        return found

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        if self.num_batches_tracked is None or self.running_mean is None or self.running_var is None:
            return
        self.num_batches_tracked.add_(1)
        part = 1 / self.num_batches_tracked.to(mean.dtype) if self.momentum is None else self.momentum
        for running, seen in ((self.running_mean, mean), (self.running_var, variance)):
            running.copy_(torch.lerp(running.to(seen.dtype), seen, part))


class SynchronisedBatchNorm1d(_Synchronised, nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` over all processes."""


class SynchronisedBatchNorm2d(_Synchronised, nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` over all processes."""


class SynchronisedBatchNorm3d(_Synchronised, nn.BatchNorm3d):
    """`torch.nn.BatchNorm3d` over all processes."""


_OVER_ALL: dict[type[nn.Module], type[_Synchronised]] = {
    nn.BatchNorm1d: SynchronisedBatchNorm1d,
    nn.BatchNorm2d: SynchronisedBatchNorm2d,
    nn.BatchNorm3d: SynchronisedBatchNorm3d,
}


def synchronised(model: Model) -> Model:
    """The model, each BatchNorm in it now one over all processes; within `joined` alone, else it stays what it is.

    They change in place, by their class: parameters, buffers, their names and whoever else refers to a layer (a
    compiled block, an optimiser) stay. To be asked again of a network that was made anew from it, by refinement say.

    All processes must evaluate their layers in the same order: a field that one of them left out would be waited for.
    Raises InputError for a network with BatchNorm that does not promise that (see `check_order`), and for a kind of
    BatchNorm that is not known; nothing has changed then.
    """
    if _alone():
        return model
    found = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if found:
        check_order(model)
    left = [module for module in found if not isinstance(module, (_Synchronised, nn.SyncBatchNorm))]
    for module in left:
        if type(module) not in _OVER_ALL:
            raise InputError(
                f"{type(module).__name__}: cannot be trained by several processes; use BatchNorm2d, or torchrun "
                "--nproc-per-node 1"
            )
    for module in left:
        module.__class__ = _OVER_ALL[type(module)]
    return model


def _alone() -> bool:
    available = distributed.is_available() and distributed.is_initialized()
    return not available or distributed.get_world_size() == 1


class _Normalise(torch.autograd.Function):
    """y, and mean, variance and count of the whole batch. Its gradient needs Σ ∂y and Σ ∂y x̂ of the whole batch; the
    gradients of weight and bias are those of the share, for the sum over processes is taken later, with all others."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mean, variance, count = _combined(_moments(x))
        ctx.save_for_backward(x, weight, mean, (variance + eps).rsqrt(), count)
        ctx.mark_non_differentiable(mean, variance, count)
        return batch_norm(x, mean, variance, weight, bias, False, 0.0, eps), mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, inverse, count = ctx.saved_tensors
        over, shape = _dimensions(x)
        slope = cotangents[0].to(mean.dtype)
        normal = (x.to(mean.dtype) - mean.view(shape)) * inverse.view(shape)
        own = torch.stack([slope.sum(over), (slope * normal).sum(over)])
        along = own.clone()
        distributed.all_reduce(along)
        of_bias, of_weight = (part.view(shape) for part in along / count)
        scale = (inverse if weight is None else inverse * weight).view(shape)
        of_x = (slope - of_bias - normal * of_weight) * scale
        needed = ctx.needs_input_grad
        return (
            of_x.to(x.dtype) if needed[0] else None,
            own[1].to(weight.dtype) if needed[1] else None,
            own[0].to(weight.dtype) if needed[2] else None,
            None,
        )


def _moments(x: Tensor) -> Tensor:
    """Of the share of this process: count, means and sums of squared deviations of the channels, (1 + 2C,), in float32
    at least. Of an empty share zeros."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    size = x.numel() // x.shape[1]
    count = wide.new_full((1,), size)
    if size == 0:
        return torch.cat([count, wide.new_zeros(2 * x.shape[1])])
    variance, mean = torch.var_mean(wide, _dimensions(x)[0], correction=0)
    return torch.cat([count, mean, variance * size])


def _combined(moments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance and count of all shares together (Chan, Golub, LeVeque 1979: no difference of large squares).

    Each process adds its row to zeros: a sum over processes gathers them, whichever backend, without rounding."""
    rows = moments.new_zeros(distributed.get_world_size(), len(moments))
    rows[distributed.get_rank()] = moments
    distributed.all_reduce(rows)
    channels = (len(moments) - 1) // 2
    counts, means, deviations = torch.split(rows, [1, channels, channels], 1)
    count = counts.sum()
    mean = (counts * means).sum(0) / count
    deviation = (deviations + counts * (means - mean).square()).sum(0)
    return mean, deviation / count, count


def _dimensions(x: Tensor) -> tuple[list[int], list[int]]:
    """The dimensions that statistics are over, and the shape of what has a number a channel beside x."""
    return [d for d in range(x.dim()) if d != 1], [-1 if d == 1 else 1 for d in range(x.dim())]
