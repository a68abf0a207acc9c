"""FractalNet (Larsson et al. 2017): joins that drop paths, columns trained beside, and the predictions of each alone.

python examples/fractalnet.py [DATA]
"""

import sys
import time

import torch
from short_training import images, right, train

import tableau2net as t2n


def main(data: str = "glyphs:1000:200", passes: int = 10, columns: int = 3, width: int = 16) -> None:
    x, y, unseen, labels = images(data)
    widths = (width, 2 * width)
    depth = len(widths) * 2 ** (columns - 1)
    for drop, says in ((0.0, "all paths"), (0.15, "paths dropped")):
        torch.manual_seed(0)
        net = train(t2n.create_model(f"fractalnet{depth}", widths=widths, drop=drop), x, y, passes)
        print(f"fractalnet{depth}, {says}: {right(net, unseen, labels):.0%} right")
        for number in range(columns):
            alone = net.column(number)
            began = time.perf_counter()
            share_right = right(alone, unseen, labels)
            took = time.perf_counter() - began
            layers = len(widths) * 2**number
            print(f"    column {number} alone, {layers} convolutions, {1000 * took:.0f} ms: {share_right:.0%} right")


if __name__ == "__main__":
    main(*sys.argv[1:])
