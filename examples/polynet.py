"""PolyNet (Zhang, Li, Loy, Lin 2017): (I − hF)⁻¹ ≈ I + hF + (hF)², backward Euler by two terms of its series.

python examples/polynet.py
"""

import torch
from torch import nn

import tableau2net as t2n

STEPS = {"poly2": "y + F(y) + F(F(y))", "mpoly2": "y + F(y) + G(F(y))", "2way": "y + F(y) + G(y)"}


def main(depth: int = 20) -> None:
    for kind, step in STEPS.items():
        net = t2n.create_model(f"polynet_{kind}_{depth}")
        count = sum(p.numel() for p in net.parameters())
        print(f"polynet_{kind}_{depth}: {step}, {count:,} parameters, {net.blocks[0].evaluations} evaluations a step")

    torch.manual_seed(0)
    fields = {
        "linear": nn.Linear(8, 8, bias=False),
        "tanh, F(0) = 0": nn.Sequential(nn.Linear(8, 8, bias=False), nn.Tanh()),
        "tanh, F(0) ≠ 0": nn.Sequential(nn.Linear(8, 8), nn.Tanh()),
    }
    y = torch.randn(1, 8, dtype=torch.float64)
    solved = t2n.compile("backward-euler", tolerance=1e-13)
    print("\nA step is so far from one of backward Euler that is solved for, at h = 1/8, 1/16, 1/32:")
    for scheme in ("polynet-2", "euler"):
        block = t2n.compile(scheme)
        for name, field in fields.items():
            field = field.double()
            apart = [(block([field], h)(y) - solved([field], h)(y)).norm().item() for h in (1 / 8, 1 / 16, 1 / 32)]
            falls = f"halving h divides it by {apart[1] / apart[2]:.1f}"
            print(f"{scheme:9}, F {name}:", *(f"{a:.1e}" for a in apart), f"({falls})")


if __name__ == "__main__":
    main()
