"""What is known of a network before it is trained: cost, memory, what it sees, and what is going to go wrong.

python examples/summary.py
"""

import torch

import tableau2net as t2n


def main() -> None:
    torch.manual_seed(0)
    print("Fourth-order Runge–Kutta, a field for each stage:")
    print(t2n.summary(t2n.create_model("resnet20", scheme="rk4", stage_weights="independent")))

    print("\nThe leapfrog rule, which is for fields that rotate, on fields that do not:")
    for warning in t2n.summary(t2n.create_model("resnet20", scheme="leapfrog-2")).warnings:
        print(warning)
    print("and in midpoint26, made for it, whose fields are antisymmetric:")
    for warning in t2n.summary(t2n.create_model("midpoint26")).warnings:
        print(warning)

    print("\nThe same weights with smaller steps:")
    for h in (1.0, 0.5, 0.1):
        torch.manual_seed(0)
        found = t2n.summary(t2n.create_model("resnet20", h=h))
        steep = max(block.h * block.lipschitz for block in found.blocks)
        print(f"h = {h}: h·L up to {steep:.2f}, warnings: {len(found.warnings)}")


if __name__ == "__main__":
    main()
