"""A vision transformer is an additive scheme: y' = attention(y) + mlp(y), each field with a table of its own.

Three pairs of tables are three transformers: both fields at y (GPT-J, PaLM), one after the other (ViT), and order 2.
python examples/vit_additive.py
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

import tableau2net as t2n
from tableau2net.data.glyphs import draw_glyphs

EULER = t2n.RungeKutta(A=[[]], b=["1"])
FIRST = t2n.RungeKutta(A=[[], ["1"]], b=["1", "0"])  # evaluated at y; the second stage starts from what it gave
SECOND = t2n.RungeKutta(A=[[], ["0"]], b=["0", "1"])  # evaluated there
HEUN = t2n.RungeKutta(A=[[], ["1"]], b=["1/2", "1/2"])
TRANSFORMERS = {"parallel": (EULER, EULER), "one-after-the-other": (FIRST, SECOND), "second-order": (HEUN, HEUN)}


class Attention(nn.Module):
    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.norm, self.attend = nn.LayerNorm(width), nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, y: Tensor) -> Tensor:
        y = self.norm(y)
        return self.attend(y, y, y, need_weights=False)[0]


def mlp(width: int) -> nn.Module:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))


class ViT(nn.Module):
    def __init__(self, scheme: t2n.Scheme, width: int = 32, layers: int = 3, patch: int = 8) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.place = nn.Parameter(torch.zeros((32 // patch) ** 2, width))
        self.block = t2n.compile(scheme)([(Attention(width), mlp(width)) for _ in range(layers)])
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(self.patches(x).flatten(2).mT + self.place).mean(1))


def main(count: int = 160, passes: int = 20) -> None:
    images, labels = draw_glyphs(count, split="train")
    x, target = torch.tensor(images).permute(0, 3, 1, 2) / 255 - 0.5, torch.tensor(labels)
    for name, parts in TRANSFORMERS.items():
        torch.manual_seed(0)
        scheme = t2n.AdditiveRungeKutta(parts, name=name)
        net = ViT(scheme)
        optimiser = torch.optim.AdamW(net.parameters(), 2e-3)
        for _ in range(passes):
            loss = functional.cross_entropy(net(x), target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        print(f"{name}: order {t2n.order(scheme)}, {net.block.evaluations} evaluations a layer, loss {loss.item():.2f}")


if __name__ == "__main__":
    main()
