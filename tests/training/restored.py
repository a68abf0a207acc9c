"""Small networks and images for tasks without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tableau2net.codegen import compile
from tableau2net.nn import register_model
from tableau2net.training import Recipe

RECIPE = Recipe(epochs=2, batch_size=4, lr=0.01, optimiser="adamw", schedule="one-cycle", ema=0.5)


class Smoother(nn.Module):
    """x + c(tanh(c(x))); with `takes_sigma`, what is added is in proportion to the deviation of the noise."""

    def __init__(self, channels: int, takes_sigma: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, 4, 3, padding=1)
        self.second = nn.Conv2d(4, channels, 3, padding=1)
        self.takes_sigma = takes_sigma

    def forward(self, x: Tensor, sigma: Tensor | None = None) -> Tensor:
        scale = 1.0 if sigma is None else 5 * sigma[:, None, None, None]
        return x + scale * self.second(torch.tanh(self.first(x)))


@register_model(r"restoring(?P<steps>\d)", published=("restoring2",), about="for tests: steps of the midpoint rule")
def restoring(steps: int, *, in_channels: int = 1) -> nn.Module:
    field = [nn.Sequential(nn.Conv2d(in_channels, in_channels, 3, padding=1), nn.Tanh()) for _ in range(steps)]
    return nn.Sequential(compile("explicit-midpoint")(field, h=0.1))


@register_model(r"smoother(?P<told>_told)?", published=("smoother", "smoother_told"), about="for tests")
def smoother(told: str = "", *, in_channels: int = 1) -> nn.Module:
    return Smoother(in_channels, bool(told))


def noise_free(folder: Path, count: int, size: tuple[int, int] = (24, 30), colour: bool = False) -> Path:
    """A folder of smooth images with edges, of alternating sizes."""
    folder.mkdir(parents=True)
    for i in range(count):
        random = np.random.default_rng(i)
        rows, columns = (side + 6 * (i % 2) for side in size)
        y, x = np.mgrid[:rows, :columns]
        waves = [127 + 100 * np.sin(x / (3 + c + i % 3) + y / random.uniform(2, 6)) for c in range(3)]
        pixels = np.stack(waves, -1) * np.where(x > y, 1, 0.5)[..., None]
        content = pixels if colour else pixels[..., 0]
        Image.fromarray(content.clip(0, 255).astype(np.uint8)).save(folder / f"{i:02}.png")
    return folder


def asked(folder: Path, **own: Any) -> dict[str, Any]:
    """What `train` is asked for: to denoise images of a folder that is made here."""
    if not folder.exists():
        noise_free(folder / "train", 6)
        noise_free(folder / "test", 3)
    usual = {"model_name": "smoother", "data": folder, "task": "denoise", "patch": 16, "recipe": RECIPE, "quiet": True}
    return {**usual, "device": "cpu", **own}
