"""How far a found equation is right: its states beside those of trajectories that it was not fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tableau2net.discovery.curriculum import block_of, trajectory
from tableau2net.scheme import Scheme


@dataclass(frozen=True)
class Rollout:
    """errors: (trajectories, steps + 1), mean squares of the error over the variance of the true state, infinite where
    it is no number.  states: the predicted ones of the first trajectory, (steps + 1, states, *space)."""

    errors: Tensor
    states: Tensor

    def at(self, step: int) -> float:
        """The mean over the trajectories at a step."""
        return float(self.errors[:, step].mean())


def roll_out(scheme: Scheme, field: nn.Module, test: Tensor, dt: float) -> Rollout:
    """The states from the first of each test trajectory, (trajectories, times, states, *space)."""
    with torch.no_grad():
        found = torch.stack(trajectory(block_of(scheme, field, test.shape[1] - 1, dt), test[:, 0]), 1)
    over = tuple(range(2, test.ndim))
    variance = (test - test.mean(over, keepdim=True)).square().mean(over)
    errors = (found - test).square().mean(over) / variance.clamp(min=1e-300)
    return Rollout(torch.nan_to_num(errors, nan=torch.inf, posinf=torch.inf), found[0])
