"""How much noise an image has, from the image alone."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

MEDIAN = 0.6744897501960817  # of |x|, x standard normal


def noise_level(images: Tensor) -> Tensor:
    """σ̂ of images (N, C, H, W) with white noise: (N,), in the images' own units.

    The median of |d| over 0.6745, d the diagonal differences (a − b − c + d)/2 of squares of 2×2 pixels, which are the
    finest wavelet coefficients of Haar (Donoho & Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage",
    Biometrika 81). Texture as fine as a pixel counts as noise.
    """
    sign = images.new_tensor([[0.5, -0.5], [-0.5, 0.5]]).expand(images.shape[1], 1, 2, 2)
    finest = functional.conv2d(images, sign, stride=2, groups=images.shape[1])
    return finest.flatten(1).abs().median(1).values / MEDIAN
