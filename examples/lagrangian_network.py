"""A Lagrangian network of the double pendulum: what it learns of accelerations, and what becomes of the energy.

python examples/lagrangian_network.py
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from torch import Tensor, nn

import tableau2net as t2n

G = 9.8


def lagrangian(q: Tensor, v: Tensor) -> Tensor:
    """Two unit masses on two rods of length 1."""
    kinetic = v[..., 0] ** 2 + v[..., 1] ** 2 / 2 + v[..., 0] * v[..., 1] * (q[..., 0] - q[..., 1]).cos()
    return kinetic + 2 * G * q[..., 0].cos() + G * q[..., 1].cos()


def features(q: Tensor, v: Tensor) -> Tensor:
    """Angles by their sines and cosines, and velocities: (…, 6)."""
    return torch.cat((q.sin(), q.cos(), v), -1)


class Learnt(nn.Module):
    """L(q, v) = |v|²/2 + a network: its mass matrix is regular before it has learnt anything."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, width), nn.Softplus(), nn.Linear(width, width), nn.Softplus())
        self.last = nn.Linear(width, 1)

    def forward(self, q: Tensor, v: Tensor) -> Tensor:
        return v.square().sum(-1) / 2 + self.last(self.net(features(q, v))).squeeze(-1)


class Plain(nn.Module):
    """q'' by a network of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(6, width), nn.Softplus(), nn.Linear(width, width), nn.Softplus(), nn.Linear(width, 2)
        )

    def forward(self, *at: Any) -> Tensor:
        q, v = at[-1].chunk(2, -1)
        return torch.cat((v, self.net(features(q, v))), -1)


def main(seeds: int = 3, states: int = 512, width: int = 48, updates: int = 800, time: float = 5.0) -> None:
    """Learns from accelerations at random states, and follows 8 motions."""
    true = t2n.LagrangianField(lagrangian)
    print(f"seed  field       parameters  error of q''  |ΔH| after {time:g}, mean of 8 motions")
    for seed in range(seeds):
        torch.manual_seed(seed)
        y = (torch.rand(states + 256, 4) - 0.5) * torch.tensor([4.0, 4.0, 6.0, 6.0])
        with torch.no_grad():
            slope = true(y)
            size = slope[:states, 2:].std()
        for name, field in (("plain", Plain(width)), ("Lagrangian", t2n.LagrangianField(Learnt(width)))):
            optimiser = torch.optim.Adam(field.parameters(), 5e-3)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, updates)
            for _ in range(updates):
                some = torch.randint(states, (128,))
                optimiser.zero_grad()
                ((field(y[some]) - slope[some])[:, 2:] / size).abs().mean().backward()
                optimiser.step()
                schedule.step()
            with torch.no_grad():
                error = ((field(y[states:]) - slope[states:])[:, 2:] / size).square().mean().sqrt()
                start = y[states : states + 8] * 0.5
                end = t2n.integrate("rk4", field, start, 0, time, steps=round(40 * time))
                drift = (true.energy(end) - true.energy(start)).abs().mean()
            count = sum(p.numel() for p in field.parameters())
            print(f"{seed:4}  {name:10}  {count:10}  {float(error):12.3f}  {float(drift):.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=800)
    arguments = parser.parse_args()
    main(arguments.seeds, updates=arguments.updates)
