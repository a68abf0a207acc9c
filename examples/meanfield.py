"""A mean-field ResNet (Lu, Ma, Lu, Lu, Ying 2020): the blocks of a trained network have moved in depth.

python examples/meanfield.py [DATA]
"""

import sys

import torch
from short_training import SMALL, images, right, train
from torch.nn import functional

import tableau2net as t2n
from tableau2net.nn import coefficient_values, sort_depths


def forces(block, y, cotangent):
    """λᵀf of each step of Euler's: what the loss has from a little more of its field."""
    with torch.no_grad():
        states, costates = block.trajectory(y), block.costates(y, cotangent)
        return [(p * block.fields[i](y)).sum() for i, y, p in zip(block.turn, states, costates[1:], strict=False)]


def main(data: str = "glyphs:1000:200", passes: int = 6, depth: int = 26) -> None:
    x, y, unseen, labels = images(data)
    for family in ("resnet", "meanfield_resnet"):
        torch.manual_seed(0)
        net = train(t2n.create_model(f"{family}{depth}", **SMALL), x, y, passes)
        print(f"{family}{depth}: {right(net, unseen, labels):.0%} right")
    for name, depths in coefficient_values(net).items():
        print(f"{name}: {' '.join(f'{t:.3f}' for t in depths)}")
    print("fields have passed each other" if sort_depths(net) else "no field has passed another")

    block = net.blocks[0].double()
    state = net.opening(x[:8]).detach().double()
    end = block(state)
    loss = functional.mse_loss(end, torch.zeros_like(end))
    (gradient,) = torch.autograd.grad(loss, block.depths.tau)
    force = forces(block, state, 2 * end.detach() / end.numel())
    for place, i in enumerate(block.turn[:-1]):
        by_hand = force[place] - force[place + 1]
        print(f"depth {i}: gradient {gradient[i]:.6f}, λᵀ(f − the next f) {by_hand:.6f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
