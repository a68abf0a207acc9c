"""Steps uphill from a changed image, which projected gradient ascent and its relatives are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tableau2net.training.adversary.pixels import EpsilonBall

Objective = Callable[[Tensor], Tensor]  # of images: a number that the adversary wants large


def climbed(ball: EpsilonBall, eta: Tensor, objective: Objective, steps: int) -> Tensor:
    """η after so many steps η ← Π[η + σ sign(∇ objective(x + η))] (Madry et al. 2018). Weights get no gradient."""
    for _ in range(steps):
        x = ball.at(eta).requires_grad_()
        with torch.enable_grad():
            value = objective(x)
        (gradient,) = torch.autograd.grad(value, x)
        eta = ball.moved(eta, gradient)
    return eta


def margin(scores: Tensor, y: Tensor) -> Tensor:
    """How far the best wrong score is above the right one, the sum over the images."""
    right = scores.gather(1, y[:, None])
    wrong = scores.scatter(1, y[:, None], -torch.inf).amax(1, keepdim=True)
    return (wrong - right).sum()
