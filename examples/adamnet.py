"""AdamNet (Yan 2019): Adams–Bashforth networks of any number of steps, fixed or learnt, and predictor–corrector.

python examples/adamnet.py [DATA]
"""

import sys

import torch
from short_training import SMALL, images, right, train

import tableau2net as t2n
from tableau2net.nn import coefficient_values

NETWORKS = (  # its name without the depth, and its coefficients
    ("adamnet2", "fixed"),
    ("adamnet3", "fixed"),
    ("adamnet4", "fixed"),
    ("adamnet2pc", "fixed"),
    ("adamnet2", "learnable"),
    ("adamnet3", "learnable"),
)


def main(data: str = "glyphs:1000:200", passes: int = 8, depth: int = 26) -> None:
    x, y, unseen, labels = images(data)
    for name, coefficients in NETWORKS:
        torch.manual_seed(0)
        net = train(t2n.create_model(f"{name}_{depth}", coefficients=coefficients, **SMALL), x, y, passes)
        block = net.blocks[0]
        print(
            f"{name} {coefficients}: {block.scheme} of order {block.order}, evaluations a step {block.evaluations}, "
            f"start-up steps {block.lookback}, {right(net, unseen, labels):.0%} right"
        )
        for where, values in coefficient_values(net).items():
            print(f"    {where}, step by step: {', '.join(f'{v:.3f}' for v in values)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
