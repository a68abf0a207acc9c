"""What processes that share the steps of blocks do together, any number of them, and what one does by itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tableau2net.multigrid import Plan
from tableau2net.nn import create_model
from tableau2net.nn.depth_parallel import DepthParallel
from tableau2net.training.parallel import joined

SMALL: dict[str, Any] = {"widths": (4, 8, 16)}
CASES: dict[str, tuple[str, dict[str, Any], Plan]] = {
    "resnet": ("resnet56", SMALL, Plan(2)),
    "chance": ("resnet56", SMALL | {"scheme": "rk2", "survival": 0.6, "dropout": 0.2}, Plan(2, 2, "F", (1, 1))),
    "learnt": ("resnet56", SMALL | {"scheme": "rk2", "coefficients": "free", "sharing": "shared"}, Plan(2)),
    "levels": ("resnet104", SMALL | {"backward": "checkpoint"}, Plan(2, 3, "FCF", (1, 2))),
    "two states": ("revnet110", {"widths": (4, 8, 16)}, Plan(2)),
    "one field": ("neural_ode_rk4_16", {"width": 8}, Plan(4)),
}
BATCHES = (4, 3)


def trained(name: str, seed: int = 0) -> dict[str, Tensor]:
    """Losses, weights, buffers and gradients after some steps of SGD."""
    model, options, plan = CASES[name]
    torch.manual_seed(3)
    network = create_model(model, **options).to(memory_format=torch.channels_last)
    images, labels = torch.randn(sum(BATCHES), 3, 12, 12), torch.randint(10, (sum(BATCHES),))
    called = DepthParallel(network, plan)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    torch.manual_seed(seed)
    losses = []
    for x, y in zip(images.split(BATCHES), labels.split(BATCHES), strict=True):
        optimiser.zero_grad()
        loss = cross_entropy(called(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())
    gradients = {f"gradient.{key}": p.grad for key, p in network.named_parameters() if p.grad is not None}
    return {"losses": torch.stack(losses), **network.state_dict(), **gradients}


def main() -> None:
    """What it has found is left in the folder."""
    torch.set_num_threads(1)
    with joined("cpu") as ranks:
        found = {name: trained(name) for name in CASES}
    torch.save(found, Path(sys.argv[1]) / f"{ranks.rank}.pt")


if __name__ == "__main__":
    main()
