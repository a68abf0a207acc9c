"""What may be done to images: each pixel by ε at most, and none beyond black and white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from tableau2net.data.data import Data
from tableau2net.data.normalise import Normalise
from tableau2net.errors import InputError


@dataclass(frozen=True)
class PixelBox:
    """A pixel's range as a network sees it, a number a channel: black, white, and from one to the other, (1, C, 1, 1).

    ε and steps are in units of that range; what they come to is divided by each channel's deviation."""

    black: Tensor
    white: Tensor
    range: Tensor

    @classmethod
    def of(cls, data: Data, device: torch.device) -> PixelBox:
        """That of data which say what they are normalised by. Raises InputError for others."""
        mean, std = (cast(Any, getattr(data, name, None)) for name in ("mean", "std"))
        channels = data.shape[0]
        if not all(isinstance(each, tuple | list) and len(each) == channels for each in (mean, std)):
            raise InputError(
                f"data: a {type(data).__name__} does not say what its images are normalised by, so that nobody knows "
                f"what 8/255 is; give it mean and std, {channels} numbers each, in units of pixel values, 0 to 255"
            )
        ends = torch.tensor([0, 255], dtype=torch.uint8, device=device).view(2, 1, 1, 1).expand(2, channels, 1, 1)
        seen = Normalise(mean, std, device)(ends)
        return cls(seen[:1], seen[1:], seen[1:] - seen[:1])

    def ball(self, x: Tensor, epsilon: Tensor | float, step: Tensor | float) -> EpsilonBall:
        """What may be done to these images (B, C, H, W)."""
        most = self.range * epsilon
        nothing = torch.zeros_like(most)
        low = (self.black - x).clamp(-most, nothing)
        high = (self.white - x).clamp(nothing, most)
        return EpsilonBall(x, low, high, self.black, self.white, most, self.range * step)


@dataclass(frozen=True)
class EpsilonBall:
    """The changes η of images x that an adversary may make: low ≤ η ≤ high, where |η| ≤ ε and x + η is in range."""

    x: Tensor
    low: Tensor
    high: Tensor
    black: Tensor
    white: Tensor
    epsilon: Tensor
    step: Tensor

    def at(self, eta: Tensor) -> Tensor:
        """The changed images, a leaf of the graph. Rounding the sum takes none of them out of range."""
        return torch.minimum(torch.maximum(self.x + eta, self.black), self.white).detach()

    def inside(self, eta: Tensor) -> Tensor:
        """The change that may be made which is nearest: Π."""
        return eta.clamp(self.low, self.high)

    def moved(self, eta: Tensor, gradient: Tensor) -> Tensor:
        """Π[η + σ sign(gradient)]."""
        return self.inside(torch.addcmul(eta, gradient.sign(), self.step))

    def start(self, uniform: Tensor) -> Tensor:
        """Π of a change drawn from U(−ε, ε), by numbers drawn from U(0, 1)."""
        return self.inside((2 * uniform - 1) * self.epsilon)
