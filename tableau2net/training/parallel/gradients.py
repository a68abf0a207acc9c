"""One gradient for all processes."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from tableau2net.training.parallel.ranks import Ranks


@torch.no_grad()
def total_gradients(parameters: Iterable[nn.Parameter], ranks: Ranks) -> None:
    """After backward: each gradient becomes its sum over all processes, by one all-reduce of all of them end to end.

    The loss of a process is the *sum* over its share of the batch, divided by the size of the whole batch: the sum of
    gradients is then that of the mean over the batch, however uneven the shares. A parameter that a process did not
    use, which has no gradient there, has gradient zero afterwards if it was used nowhere. Waits for nothing, and can
    be captured in a CUDA graph. Alone, it does nothing.
    """
    if ranks.count == 1:
        return
    wanted = [parameter for parameter in parameters if parameter.requires_grad]
    kinds = dict.fromkeys((parameter.device, parameter.dtype) for parameter in wanted)
    for kind in kinds:
        _sum_over_processes([p for p in wanted if (p.device, p.dtype) == kind], ranks)


def _sum_over_processes(parameters: list[nn.Parameter], ranks: Ranks) -> None:
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients: list[Tensor] = [parameter.grad for parameter in parameters if parameter.grad is not None]
    total = ranks.total(torch.cat([gradient.reshape(-1) for gradient in gradients]))
    parts = torch.split(total, [gradient.numel() for gradient in gradients])
    torch._foreach_copy_(gradients, [part.view(g.shape) for part, g in zip(parts, gradients, strict=True)])
