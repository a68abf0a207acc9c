"""Networks with noise, a few updates each on random images; and strong errors of steps that share Brownian paths."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

import tableau2net as t2n
from tableau2net.integration import BrownianPath


def trained(name: str, count: int, **options: object) -> float:
    """The loss after so many updates on the same batch."""
    torch.manual_seed(0)
    net = t2n.create_model(name, widths=(8, 16, 32), **options)
    images, labels = torch.randn(32, 3, 16, 16), torch.randint(10, (32,))
    optimiser = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)
    for _ in range(count):
        optimiser.zero_grad()
        functional.cross_entropy(net(images), labels).backward()
        optimiser.step()
    with torch.no_grad():
        return functional.cross_entropy(net.eval()(images), labels).item()


def strong_error(scheme: str, steps: int, path: BrownianPath, y0: torch.Tensor) -> float:
    """Root mean square at t = 1 of dX = X/2 dW, whose solution is exp(W/2 − t/8)."""
    x = t2n.sdeint(scheme, lambda t, y: 0 * y, lambda t, y: y / 2, y0, 0.0, 1.0, steps=steps, path=path)
    exact = torch.exp(path.w.sum(0) / math.sqrt(path.fine) / 2 - 1 / 8)
    return (x - exact).square().mean().sqrt().item()


def main(updates: int = 10, paths: int = 2000) -> None:
    y0 = torch.ones(paths, dtype=torch.float64)
    path = BrownianPath(64, y0, key=1)
    for scheme in ("euler-maruyama", "platen-milstein", "sriw1"):
        errors = [strong_error(scheme, n, path, y0) for n in (8, 16, 32)]
        slope = math.log2(errors[0] / errors[-1]) / 2
        print(f"{scheme:16} {'  '.join(f'{e:.2e}' for e in errors)}  slope {slope:.2f}")
    for name, options in (
        ("sde_resnet14", {"scheme": "sriw1"}),
        ("noise_resnet14", {"scheme": "sra1", "sigma": 0.2}),
        ("shake_shake14", {}),
    ):
        print(f"{name:16} loss {trained(name, updates, **options):.3f}")


if __name__ == "__main__":
    main()
