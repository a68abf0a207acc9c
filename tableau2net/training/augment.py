"""From stored pictures to what a network sees: normalised, and in training shifted and mirrored.

All that chance decides in an epoch is drawn before it, on the host, from (seed, epoch), and moved to the
device once: no step waits for the device, an epoch does not depend on how one came to it, and a CPU and a
GPU see the same pictures.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from tableau2net.training.data import ImageData

PAD = 4  # pixels of zeros on every side before the crop


@dataclass(frozen=True)
class EpochDraw:
    """What chance decides in one epoch: the order of N pictures, and for each picture a crop and a flip.

    `order` int64 (N,) is a permutation; `shift` int64 (N, 2) holds the crop's row and column, from 0 to 2 PAD
    (PAD is the middle); `mirror` bool (N,). Entry i of each belongs to the i-th picture seen. `seed` is for
    whatever chance the network itself uses.
    """

    order: Tensor
    shift: Tensor
    mirror: Tensor
    seed: int

    @classmethod
    def of(cls, count: int, *, seed: int, epoch: int, flip: bool, device: torch.device) -> "EpochDraw":
        """The draw of epoch `epoch` for `count` pictures; mirrors none of them unless `flip`."""
        random = np.random.default_rng([seed, epoch])
        drawn = (
            random.permutation(count),
            random.integers(0, 2 * PAD + 1, (count, 2)),
            (random.random(count) < 0.5) & flip,
        )
        order, shift, mirror = (torch.from_numpy(values).to(device) for values in drawn)
        return cls(order, shift, mirror, seed=int(random.integers(2**31)))


class Normalise:
    """uint8 (B, 3, H, W) to float32 (B, 3, H, W), mean 0 and deviation 1 per channel, channels_last."""

    def __init__(self, data: ImageData, device: torch.device) -> None:
        self.mean, self.scale = (
            torch.tensor(values, dtype=torch.float32, device=device).view(3, 1, 1)
            for values in (data.mean, [1 / s for s in data.std])
        )

    def __call__(self, x: Tensor) -> Tensor:
        return ((x.float() - self.mean) * self.scale).contiguous(memory_format=torch.channels_last)


def crop_and_flip(x: Tensor, shift: Tensor, mirror: Tensor) -> Tensor:
    """The published augmentation of normalised pictures: pad by 4 zeros, crop at `shift`, mirror some.

    x (B, 3, H, W), shift int64 (B, 2) with entries 0 to 8, mirror bool (B,); returns (B, 3, H, W),
    channels_last. Zeros are added after normalisation, so the border has the mean colour (He et al. 2016).
    """
    count, _, height, width = x.shape
    padded = pad(x, (PAD,) * 4).permute(0, 2, 3, 1)
    row, column = (torch.arange(size, device=x.device) for size in (height, width))
    rows = row + shift[:, :1]
    columns = torch.where(mirror[:, None], width - 1 - column, column) + shift[:, 1:]
    picture = torch.arange(count, device=x.device)[:, None, None]
    return padded[picture, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
