"""An average of a network's weights over the steps of its training, which is measured and kept in its place."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn


class Average:
    """w̄ ← w̄ + weight·(w − w̄) after each step, for weights and running statistics; counts are copied.

    `network` is the averaged one; it shares nothing with the one that is trained.
    """

    def __init__(self, trained: nn.Module) -> None:
        self.network = deepcopy(trained).requires_grad_(False)
        pairs = list(zip(self.network.state_dict().values(), trained.state_dict().values(), strict=True))
        self.pairs = [(own, other) for own, other in pairs if own.is_floating_point()]
        self.counts = [(own, other) for own, other in pairs if not own.is_floating_point()]

    @torch.no_grad()
    def update(self, weight: Tensor) -> None:
        """Go so much of the way, a tensor (), towards the network as it is now. Nothing waits for the device."""
        own, other = (list(tensors) for tensors in zip(*self.pairs, strict=True))
        way = torch._foreach_sub(other, own)
        torch._foreach_mul_(way, weight)
        torch._foreach_add_(own, way)
        for mine, its in self.counts:
            mine.copy_(its)


def weights_at(decay: float, step: int, steps: int) -> list[float]:
    """The weights of so many steps, from number `step` of a level on.

    1 − min(decay, (1 + n)/(10 + n)) at step n: where there is little to average yet, what is new counts for more."""
    return [1 - min(decay, (1 + n) / (10 + n)) for n in range(step, step + steps)]
