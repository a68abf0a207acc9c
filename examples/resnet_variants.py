"""Residual networks by name: what is in each, and how many numbers it learns.

python examples/resnet_variants.py
"""

import torch

import tableau2net as t2n
from tableau2net.errors import InputError

PUBLISHED = {  # name: options, and its parameters as published, or as counted in its authors' code
    "resnet20": ({"shortcut": "pad"}, 269_722),
    "post_resnet20": ({}, 269_722),
    "resnet110": ({"shortcut": "pad"}, 1_727_962),
    "resnet164": ({"shortcut": "conv"}, 1_703_258),
    "resnext29_8x64d": ({}, 34_426_698),
    "resnext29_16x64d": ({}, 68_155_210),
    "wide_resnet28_10": ({"dropout": 0.3}, 36_479_194),
}


def main() -> None:
    for name, (options, published) in PUBLISHED.items():
        with torch.device("meta"):  # counted without being filled with numbers
            net = t2n.create_model(name, **options)
        count = sum(p.numel() for p in net.parameters())
        said = ", ".join(f"{key}={value!r}" for key, value in options.items())
        print(f"{name + (f' ({said})' if said else ''):30} {count:>10,} parameters, published {published:,}")

    print("\nA ReLU after the addition and a step of Heun's method: where does it go?")
    for relu in ("step", "increment", "argument"):
        torch.manual_seed(0)
        net = t2n.create_model("post_resnet20", scheme="improved-euler", relu=relu).eval()
        lowest = net.blocks[0](torch.rand(2, 16, 8, 8)).min().item()
        print(f"relu={relu!r}: the smallest entry of a state after a block is {lowest:.2f}")
    try:
        t2n.create_model("resnet21")
    except InputError as error:
        print(f"\n{error}")


if __name__ == "__main__":
    main()
