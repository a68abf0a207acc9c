"""A field is fitted to a trajectory, its gradient by each way back.

python examples/gradients_of_integrate.py
"""

from typing import Any

import torch
from torch import Tensor, nn

import tableau2net as t2n

WAYS: dict[str, dict[str, Any]] = {
    "store": {},
    "checkpoint": {},
    "reversible": {"coupling": "999/1000"},
    "adjoint": {},
}


def prey_and_predators(t: float, y: Tensor) -> Tensor:
    return torch.stack((y[0] * (1.5 - y[1]), y[1] * (y[0] - 3)))


def main(passes: int = 30, width: int = 64) -> None:
    y0 = torch.tensor([2.0, 1.0], dtype=torch.float64)
    times = [0.2, 0.4, 0.6, 0.8, 1.0]
    seen = t2n.integrate("dormand-prince-54", prey_and_predators, y0, 0, 1, rtol=1e-8, at=times)
    for backward, how in WAYS.items():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 2)).double()
        optimiser = torch.optim.Adam(net.parameters(), 1e-2)
        for n in range(passes):
            options = {"rtol": 1e-5, "at": times, "backward": backward, **how}
            found = t2n.integrate("dormand-prince-54", lambda t, y, net=net: net(y), y0, 0, 1, **options)
            loss = (found - seen).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if n == 0:
                size = sum(float(p.grad.square().sum()) for p in net.parameters() if p.grad is not None) ** 0.5
                print(f"{backward}: the first gradient is {size:.8f}", end=", ")
        print(f"the loss after {passes} passes {loss.item():.5f}")


if __name__ == "__main__":
    main()
