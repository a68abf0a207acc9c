"""LM-ResNet (Lu et al. 2018), y⁺ = (1 − k) y + k y_prev + f(y): the k that each step learns, and what a step then is.

python examples/lm_resnet.py [DATA], such as cifar10.npz; without, digits that are drawn on the spot
"""

import sys

import torch
from short_training import SMALL, images, right, train

import tableau2net as t2n
from tableau2net.analysis import effective_step
from tableau2net.nn.learnt import learnt_schemes


def main(data: str = "glyphs:1000:200", passes: int = 10, name: str = "lm_resnet20") -> None:
    lm = t2n.load("lm")
    print(f"lm has order 1 for u' = f where {t2n.check(lm).order.failing[0].value} = 0, else order {t2n.order(lm)}:")
    print(f"it solves u' = f/(1 + k), with steps as long as h times {effective_step(lm)}")

    torch.manual_seed(0)
    x, y, unseen, labels = images(data)
    net = train(t2n.create_model(name, **SMALL), x, y, passes)
    print(f"{name}, {passes} passes over {len(x)} images: {right(net, unseen, labels):.0%} of the unseen are right")

    lengths = []
    for learnt in learnt_schemes(net):
        lengths.append(float(effective_step(learnt.scheme)))
        stable = "zero-stable" if t2n.zero_stable(learnt.scheme) else "not zero-stable"
        k = float(learnt.values["k"])
        print(f"{learnt.block}, step {learnt.step}: k = {k:+.3f}, a step of length {lengths[-1]:.3f}, {stable}")
    print(f"the {len(lengths)} steps together go through a time of {sum(lengths):.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
