"""Momentum (Sander et al. 2021), small-step (Zhang et al. 2019) and damped ResNets (Yang et al. 2020) in noise.

python examples/momentum_and_damped.py [DATA]
"""

import sys

import torch
from short_training import SMALL, images, right, train

import tableau2net as t2n

NETWORKS = (
    ("resnet20", {}),
    ("momentum_resnet20", {"gamma": "9/10"}),
    ("small_step_resnet20", {"h": 0.1}),
    ("damped_resnet20", {"damping": "1/10"}),
    ("damped_resnet20", {"damping": "1/2"}),
    ("damped_resnet20", {"damping": "1"}),
)


def main(data: str = "glyphs:1000:200", passes: int = 6, noise: float = 0.5) -> None:
    x, y, unseen, labels = images(data)
    torch.manual_seed(1)
    disturbance = noise * torch.randn_like(unseen)
    disturbed = unseen + disturbance
    for name, options in NETWORKS:
        torch.manual_seed(0)
        net = train(t2n.create_model(name, **options, **SMALL), x, y, passes)
        with torch.no_grad():
            clean, noisy = (net.blocks[0](net.opening(some)) for some in (unseen, disturbed))
            first, last = (
                net.opening(disturbance).norm() / net.opening(unseen).norm(),
                (noisy - clean).norm() / clean.norm(),
            )
        said = ", ".join(f"{key} {value}" for key, value in options.items())
        print(
            f"{name} {said}: {right(net, unseen, labels):.0%} right, with noise "
            f"{right(net, disturbed, labels):.0%}; the first block multiplies the noise by {last / first:.2f}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
