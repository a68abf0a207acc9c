"""Where attacks start: numbers that follow from a stream's seed and from which image it is, on whatever device.

Neither a stop, nor how many processes share a batch, nor a graph that is replayed, changes them.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15, as a signed number
FIRST, SECOND = -4658895280553007687, -7723592293110705685  # 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def stream(*of: int) -> int:
    """A number of 63 bits that follows from these: a seed, an epoch, what it is for."""
    return int(np.random.default_rng(list(of)).integers(2**63))


def uniform(stream: Tensor | int, places: Tensor, shape: tuple[int, ...], which: int = 0) -> Tensor:
    """Numbers from U[0, 1), float32 (B, *shape), for the images at so many places, int64 (B,), of a stream; `which`
    tells several draws for an image apart.

    Those of the finaliser of SplitMix64 (Steele, Lea, Flood 2014), of the number of the image and then of the pixel."""
    count = math.prod(shape)
    images = _mixed((places + 1) * GOLDEN + stream)
    pixels = torch.arange(which * count + 1, (which + 1) * count + 1, device=places.device) * GOLDEN
    words = _mixed(images[:, None] + pixels)
    return ((words >> 40 & (1 << 24) - 1).to(torch.float32) / (1 << 24)).view(-1, *shape)


def normal(stream: Tensor | int, places: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Numbers from N(0, 1), float32 (B, *shape), as `uniform` has them (Box, Muller 1958)."""
    first, second = (uniform(stream, places, shape, which) for which in (0, 1))
    return (-2 * torch.log1p(-first)).sqrt() * torch.cos(2 * math.pi * second)


def _mixed(z: Tensor) -> Tensor:
    z = (z ^ _shifted(z, 30)) * FIRST
    z = (z ^ _shifted(z, 27)) * SECOND
    return z ^ _shifted(z, 31)


def _shifted(z: Tensor, by: int) -> Tensor:
    """To the right, with zeros coming in from the left."""
    return z >> by & (1 << 64 - by) - 1
