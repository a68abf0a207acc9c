"""Momentum (Sander et al. 2021), small-step (Zhang et al. 2019) and In-ResNets (Yang et al. 2020) in noise.

python examples/momentum_and_damped.py [DATA]
"""

import sys

import torch
from short_training import SMALL, images, right, train
from torch import Tensor, nn

import tableau2net as t2n

NETWORKS = (
    ("resnet20", {}),
    ("momentum_resnet20", {"gamma": "9/10"}),
    ("small_step_resnet20", {"h": 0.1}),
    ("in_resnet20", {}),
    ("lambda_in_resnet20", {}),
    ("in_resnet20", {"damping": "1"}),
)


def last_state(net: nn.Module, x: Tensor) -> Tensor:
    """What the network's steps end in: its head begins with a normalisation of it."""
    seen = []
    handle = net.bn.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    net(x)
    handle.remove()
    return seen[0]


def main(data: str = "glyphs:1000:200", passes: int = 6, noise: float = 0.5) -> None:
    x, y, unseen, labels = images(data)
    torch.manual_seed(1)
    disturbance = noise * torch.randn_like(unseen)
    disturbed = unseen + disturbance
    for name, options in NETWORKS:
        torch.manual_seed(0)
        net = train(t2n.create_model(name, **options, **SMALL), x, y, passes)
        first = net.opening(disturbance).norm() / net.opening(unseen).norm()
        clean, noisy = (last_state(net, some) for some in (unseen, disturbed))
        last = (noisy - clean).norm() / clean.norm()
        said = ", ".join(f"{key} {value}" for key, value in options.items())
        print(
            f"{name} {said}: {right(net, unseen, labels):.0%} right, with noise "
            f"{right(net, disturbed, labels):.0%}; its steps multiply the noise by {last / first:.2f}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
