"""Runge–Kutta networks (Zhu, Chang, Fu 2018) of any tableau: stages that share weights, have their own, or θ(t).

python examples/rk_networks.py
"""

import math

import torch
from torch import nn

import tableau2net as t2n
from tableau2net.analysis.order.independent import independent_order
from tableau2net.nn import DynamicBlock, PreActivation

TABLEAUX = ("euler", "explicit-midpoint", "improved-euler", "kutta-3", "rk4", "dormand-prince-54", "radau-iia-2")


def sampled(scheme: t2n.Scheme, points: int) -> float:
    """log₂ of how much a dynamic block comes nearer to its flow when its steps, not its θ(t), are halved."""
    end = []
    for n in (points, 2 * points, 4 * points):
        torch.manual_seed(1)
        grid = [i / n for i in range(n + 1)]
        block = DynamicBlock(scheme, lambda _: nn.Sequential(nn.Tanh(), nn.Linear(4, 4)), grid, (0, 1))
        end.append(block.double().requires_grad_(False)(torch.linspace(-2, 2, 4, dtype=torch.float64)[None]))
    return math.log2((end[1] - end[0]).norm() / (end[2] - end[1]).norm())


def main(depth: int = 20) -> None:
    print("tableau             order  stages  parameters: shared, own    order with own weights, with θ(t)")
    for name in TABLEAUX:
        scheme = t2n.load(name)
        counts = []
        for weights in ("shared", "independent" if scheme.stages > 1 else "shared"):
            with torch.device("meta"):
                net = t2n.create_model(f"resnet{depth}", scheme=scheme, stage_weights=weights)
            counts.append(sum(p.numel() for p in net.parameters()))
        own, smooth = independent_order(scheme), sampled(scheme, 8)
        print(
            f"{name:20} {t2n.order(scheme):4} {net.blocks[0].evaluations:7} {counts[0]:15,} {counts[1]:10,}"
            f" {own:10} {smooth:22.2f}"
        )

    block = t2n.compile("rk4")([PreActivation(8, 8) for _ in range(3)], h=0.5)  # a block of your own
    print("\na block by itself:", tuple(block(torch.randn(2, 8, 16, 16)).shape))


if __name__ == "__main__":
    main()
