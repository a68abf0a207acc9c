"""ANODE: the gradient of an ODE block from steps taken again is exact; that of the adjoint equation is not.

python examples/anode.py
"""

import torch
from torch import Tensor, nn

import tableau2net as t2n


def gradient(backward: str, steps: int, x: Tensor) -> Tensor:
    """Of Σ y(1)² by the weights of a field, the same each time, that ReLU bends as in Gholami et al. 2019."""
    torch.manual_seed(0)
    field = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)).double()
    block = t2n.compile("euler", step_weights="shared", backward=backward)(field, steps=steps, h=4 / steps)
    block(x).square().sum().backward()
    return torch.cat([p.grad.flatten() for p in field.parameters()])


def main(steps: tuple[int, ...] = (2, 8, 32, 128)) -> None:
    x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for n in steps:
        exact = gradient("store", n, x)
        ways = {way: gradient(way, n, x) for way in ("checkpoint", "adjoint")}
        told = [f"{way} {float((g - exact).norm() / exact.norm()):.0e} away" for way, g in ways.items()]
        print(f"{n} steps of Euler: {', '.join(told)} from the gradient of the steps")
    net = t2n.create_model("anode_euler_2", widths=(8, 8, 16, 16))
    print(f"anode_euler_2, narrow: {sum(p.numel() for p in net.parameters()):,} parameters")
    print(t2n.summary(net))


if __name__ == "__main__":
    main()
