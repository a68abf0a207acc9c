"""An i-ResNet as a density of the plane (Behrmann et al. 2019): exact likelihood, mass 1, samples by its inverse.

python examples/iresnet.py iresnet.png
"""

import math
import sys

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import tableau2net as t2n


def moons(count: int) -> Tensor:
    """Two half circles that interlock, with noise."""
    angle, side = math.pi * torch.rand(count), torch.arange(count) % 2 * 2 - 1
    curve = torch.stack((side * (0.5 - angle.cos()), side * (0.25 - angle.sin())), 1)
    return 1.5 * (curve + 0.1 * torch.randn(count, 2))


def field(width: int, c: float = 0.9) -> nn.Module:
    layers = [nn.Linear(2, width), nn.ELU(), nn.Linear(width, width), nn.ELU(), nn.Linear(width, 2)]
    return t2n.nn.lipschitz_(nn.Sequential(*layers), c)


def log_density(block: nn.Module, x: Tensor) -> Tensor:
    """log p(x) = log N(z) + log |det ∂z/∂x|, by the change of variables."""
    z, log_det, _ = t2n.log_det(block, x)
    return log_det - z.square().sum(1) / 2 - math.log(2 * math.pi)


def picture(target: str, grid: Tensor, density: Tensor, data: Tensor, samples: Tensor) -> None:
    figure = Figure((10.5, 3.1), layout="constrained")
    for axes, title in zip(figure.subplots(1, 3), ("data", "density", "samples, by the inverse"), strict=True):
        if title == "density":
            axes.contourf(*grid.T.view(2, *density.shape), density, levels=24, cmap="Blues")
        else:
            axes.scatter(*(data if title == "data" else samples).T, s=2, color="#2166ac", linewidths=0)
        axes.set(xlim=(-3.5, 3.5), ylim=(-2.6, 2.6), aspect="equal", xticks=[], yticks=[], title=title)
    figure.savefig(target, dpi=110)


def main(target: str = "", scheme: str = "euler", steps: int = 12, width: int = 32, updates: int = 1000) -> None:
    torch.manual_seed(0)
    block = t2n.compile(scheme)([field(width) for _ in range(steps)])
    optimiser = torch.optim.Adam(block.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, updates)
    for _ in range(updates):
        optimiser.zero_grad()
        log_density(block, moons(256)).mean().neg().backward()
        optimiser.step()
        rate.step()

    block.double().eval().requires_grad_(False)
    side = torch.linspace(-5, 5, 161, dtype=torch.float64)
    grid, x = torch.cartesian_prod(side, side), moons(2000).double()
    density = log_density(block, grid).exp().view(161, 161)
    print(f"log-likelihood {log_density(block, x).mean():.3f}, mass {density.sum() * (side[1] - side[0]) ** 2:.4f}")
    found = t2n.inverse(block).checked(torch.randn(2000, 2, dtype=torch.float64))
    print(f"samples: block(x) is z to {found.residual.max():.0e}, x is right to {found.bound.max():.0e}")
    for terms in (2, 5, 10):
        series = t2n.log_det(block, x, terms=terms, probes=10)
        apart = (series.log_det - t2n.log_det(block, x).log_det).mean().abs()
        print(f"{terms} terms of the series: {apart:.4f} from log|det| in the mean, {series.error:.4f} cut off at most")
    if target:
        picture(target, grid, density, x, found.states)


if __name__ == "__main__":
    main(*sys.argv[1:2])
