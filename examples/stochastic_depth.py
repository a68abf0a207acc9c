"""Stochastic depth on any scheme: y⁺ = y + (η/p) f in training, η ~ Bernoulli(p), p falling linearly with the step.

python examples/stochastic_depth.py
"""

import torch
from torch import nn

import tableau2net as t2n


def main(draws: int = 2000, survival: float = 0.5) -> None:
    for scheme in ("euler", "lm", "adamnet-2", "rk4"):
        torch.manual_seed(0)
        net = t2n.create_model("resnet20", scheme=scheme, widths=(4, 8, 16), survival=survival)
        places = [fields[0].survival for fields in net.places()]
        if scheme == "euler":
            print("the probability of each step, transitions counted:", *(f"{p:.2f}" for p in places))

        block, y = net.blocks[0], torch.randn(1, 4, 8, 8)
        for field in block.fields[:-1]:
            field.survival = 1.0  # a single step by chance, to be looked at
        block.fields[-1].survival = survival
        with torch.no_grad():
            whole = block.eval()(y)
            block.train()
            for module in block.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()  # the same statistics each time
            found = torch.stack([block(y) for _ in range(draws)])
        apart = [(each - whole).square().mean().sqrt().item() for each in (found, found.mean(0))]
        print(
            f"{scheme}: {sum(places):.2f} of {len(places)} steps on average; a draw is {apart[0]:.2f} away from "
            f"evaluation, the mean of {draws} draws {apart[1]:.2f}"
        )


if __name__ == "__main__":
    main()
