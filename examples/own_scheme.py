"""A scheme of one's own: checked, then a network with a learnable coefficient a step.

python examples/own_scheme.py
"""

from pathlib import Path

import torch

import tableau2net as t2n

scheme = t2n.load(Path(__file__).with_name("own_scheme.toml"))
verdict = t2n.check(scheme)
print(f"{scheme.name}: order {verdict.order.order} for every b; every claim true: {verdict.ok}")
print(f"order 2 needs {verdict.order.failing[0].value} = 0")

net = t2n.create_model("resnet20", scheme=scheme)
print("scores:", tuple(net(torch.randn(2, 3, 32, 32)).shape))
print("b where learning starts:", [round(b, 3) for b in net.blocks[0].b.tolist()])
