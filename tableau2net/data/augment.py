"""From stored images to what a network sees: normalised, and in training shifted, mirrored, with a square cut out.

All that chance decides in an epoch is drawn before it, on the host, from (seed, epoch), and moved to the device once:
no step waits for the device, an epoch does not depend on how one came to it, and a CPU and a GPU see the same images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tableau2net.data.normalise import Channels

PAD = 4  # pixels on every side before the crop


@dataclass(frozen=True)
class EpochDraw:
    """What chance decides in one epoch: the order of N images, and for each image a crop, a flip and a cutout.

    `order` int64 (N,) is a permutation; `shift` int64 (N, 2) holds the crop's row and column, from 0 to 2 PAD
    (PAD is the middle); `mirror` int64 (N,) is 1 for a mirrored image; `cutout` int64 (N, 2) a pixel of the image.
    Entry i of each belongs to the i-th image seen. `seed` is for whatever chance the network itself uses.
    """

    order: Tensor
    shift: Tensor
    mirror: Tensor
    cutout: Tensor
    seed: int

    @classmethod
    def of(cls, count: int, *, seed: int, epoch: int, flip: bool, size: tuple[int, int]) -> EpochDraw:
        """The draw of epoch `epoch` for `count` images of a size; mirrors none of them unless `flip`."""
        random = np.random.default_rng([seed, epoch])
        order = random.permutation(count)
        shift = random.integers(0, 2 * PAD + 1, (count, 2))
        mirror = ((random.random(count) < 0.5) & flip).astype(np.int64)
        own = int(random.integers(2**31))
        cutout = random.integers(0, size, (count, 2))
        drawn = [torch.from_numpy(values) for values in (order, shift, mirror, cutout)]
        return cls(drawn[0], drawn[1], drawn[2], drawn[3], own)


@dataclass(frozen=True)
class Windows:
    """The crops of images, each known by the address of its first byte: taking one is copying its rows.

    `crops` uint8 (L, H, 3W), channels last, has the crop at each of L addresses; none is stored, they overlap.
    `image` is how many bytes it is to the next image, `mirror` to the mirror image, `row` and `column` to the next
    crop; 0 where there is none.
    """

    crops: Tensor
    image: int
    mirror: int
    row: int
    column: int

    @classmethod
    def of(cls, x: Tensor, *, mean: Channels, flip: bool, pad: int) -> Windows:
        """Of images uint8 (N, 3, H, W), padded once on every side, by the byte that is nearest to the mean: 0 after
        normalisation (He et al. 2016) but for half a level, 0.01 of a deviation. Without a pad, as they are."""
        x = x.permute(0, 2, 3, 1)
        count, height, width, channels = x.shape
        ways = 2 if flip and pad else 1
        border = torch.tensor([round(m) for m in mean], dtype=torch.uint8, device=x.device)
        rows = border.repeat(width + 2 * pad).expand(ways, count, height + 2 * pad, -1)
        padded = rows.contiguous().view(*rows.shape[:3], -1, channels)
        inside = slice(pad, pad + height), slice(pad, pad + width)
        padded[-1][:, *inside] = x.flip(2)
        padded[0][:, *inside] = x
        mirror, image, row, column, _ = padded.stride()
        addresses = padded.numel() - (height - 1) * row - width * column
        crops = padded.as_strided((addresses + 1, height, width * column), (1, row, 1))
        moves = bool(pad)
        return cls(crops, image, mirror * (ways - 1), row * moves, column * moves)

    def addresses(self, draw: EpochDraw) -> Tensor:
        """Where the crops of an epoch begin, int64 (N,), in the order in which they are seen."""
        row, column = draw.shift.unbind(1)
        return draw.order * self.image + draw.mirror * self.mirror + row * self.row + column * self.column


def cut_out(x: Tensor, middle: Tensor, side: int) -> Tensor:
    """Images (B, 3, H, W) with a square of zeros, its middle at `middle` (B, 2), cut off at the edge of the image."""
    rows, columns = (
        (torch.arange(size, device=x.device) - middle[:, i : i + 1] + side // 2).clamp(-1, side)
        for i, size in enumerate(x.shape[2:])
    )
    inside = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[:, None, :]
    return x * (~inside)[:, None]
