"""Steps that take place where the image asks for them (SkipNet, Wang et al. 2018), and a ResNet that answers behind
each step and learns where to stop (Chen et al. 2020): how many steps images take, and what that spares.

python examples/skipnet.py [DATA]
"""

import sys
import time

import torch
from short_training import SMALL, images, right, train
from torch import Tensor, nn

import tableau2net as t2n
from tableau2net.nn import steps_taken
from tableau2net.nn.around.gates import gates_of
from tableau2net.nn.overview.forward_cost import cost, expected_flops


def told(says: str, net: nn.Module, unseen: Tensor, labels: Tensor, taken: float) -> None:
    began = time.perf_counter()
    share_right = right(net, unseen, labels)
    took = time.perf_counter() - began
    whole, expected = cost(net, unseen.shape[1:]).flops, expected_flops(net, (unseen[:1],))
    spared = 1 - (expected or whole) / whole
    print(f"{says}: {share_right:.0%} right, {taken:.1f} steps, {spared:.0%} of FLOPs spared, {1000 * took:.0f} ms")


def main(data: str = "glyphs:1000:200", passes: int = 8, depth: int = 14) -> None:
    x, y, unseen, labels = images(data)
    torch.manual_seed(0)
    net = train(t2n.create_model(f"skipnet{depth}", **SMALL), x, y, passes)
    for price in (0.0, 0.1, 0.2):  # first what is right, then what is cheap, as its authors have it
        for gate in gates_of(net):
            gate.cost = price
        train(net, x, y, passes // 2 + 1)
        steps = 1 + steps_taken(net, unseen).double().sum(0).mean().item()
        told(f"skipnet{depth}, where a step costs {price}", net, unseen, labels, steps)

    torch.manual_seed(0)
    net = train(t2n.create_model(f"stopping_resnet{depth}", **SMALL), x, y, passes)
    told(f"stopping_resnet{depth}, to the end", net, unseen, labels, len(net.exits) + 1)
    optimiser = torch.optim.Adam(net.policy.parameters(), 1e-2)
    for some in [some for _ in range(passes) for some in torch.randperm(len(x)).split(100)]:
        optimiser.zero_grad()
        net.policy_loss(x[some], y[some], beta=0.3).backward()
        optimiser.step()
    with torch.no_grad():
        steps = 1 + net.ends(unseen).double().mean().item()
    told(f"stopping_resnet{depth}, to where it stops", net, unseen, labels, steps)


if __name__ == "__main__":
    main(*sys.argv[1:])
