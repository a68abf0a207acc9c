"""Densities of the plane whose logarithm is known, so that likelihoods have something to be compared with.

Eight Gaussians, moons and checkerboard are those of FFJORD's authors (rtqichen/ffjord, lib/toy_data.py).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Known(NamedTuple):
    """A density of the plane: samples of it, and its logarithm."""

    sample: Callable[[int], Tensor]
    log_prob: Callable[[Tensor], Tensor]


def mixture(centres: Tensor, width: float) -> Callable[[Tensor], Tensor]:
    """The log density of normals of one width around points."""

    def log_prob(x: Tensor) -> Tensor:
        away = -(torch.cdist(x.double(), centres) / width).square() / 2
        return away.logsumexp(1) - math.log(len(centres) * 2 * math.pi * width**2)

    return log_prob


def eight_gaussians() -> Known:
    angle, width = torch.arange(8).double() * math.pi / 4, 0.5 / 1.414
    centres = 4 / 1.414 * torch.stack((angle.cos(), angle.sin()), 1)
    drawn = lambda n: (centres[torch.randint(8, (n,))] + width * torch.randn(n, 2)).float()  # noqa: E731
    return Known(drawn, mixture(centres, width))


def moons() -> Known:
    """Two half circles with noise; the mixture over the angle is an integral, here of 200 nodes a moon."""

    def curve(angle: Tensor, side: Tensor) -> Tensor:
        upper = torch.stack((angle.cos(), angle.sin()), 1)
        lower = torch.stack((1 - angle.cos(), 0.5 - angle.sin()), 1)
        return 2 * torch.where(side[:, None] == 0, upper, lower) + torch.tensor([-1.0, -0.2])

    nodes = (torch.arange(200).double() + 0.5) * math.pi / 200
    centres = torch.cat([curve(nodes, torch.full((200,), side)) for side in (0, 1)])
    drawn = lambda n: curve(math.pi * torch.rand(n), torch.randint(2, (n,))) + 0.2 * torch.randn(n, 2)  # noqa: E731
    return Known(drawn, mixture(centres, 0.2))


def checkerboard() -> Known:
    """Even on eight squares of area 4: log 32 is its entropy."""

    def drawn(n: int) -> Tensor:
        across = 4 * torch.rand(n) - 2
        up = torch.rand(n) - 2 * torch.randint(2, (n,)) + across.floor() % 2
        return 2 * torch.stack((across, up), 1)

    def log_prob(x: Tensor) -> Tensor:
        i, j = (x.double() / 2).floor().unbind(1)
        inside = (x.abs() < 4).all(1) & ((i + j) % 2 == 0)
        return torch.where(inside, -math.log(32), -math.inf).double()

    return Known(drawn, log_prob)


DENSITIES = {"eight gaussians": eight_gaussians, "moons": moons, "checkerboard": checkerboard}
