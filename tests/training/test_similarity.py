"""PSNR and SSIM against scikit-image."""

import numpy as np
import pytest
import torch
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tableau2net.training.similarity import psnr, similarity


def tensor(image):
    return torch.from_numpy(image.reshape(*image.shape[:2], -1)).permute(2, 0, 1)[None].float()


IMAGES = {
    "grey": data.camera()[100:197, 40:151],
    "colour": data.astronaut()[:60, 100:173],
    "white": np.full((20, 31), 255, np.uint8),
    "one window": data.coins()[50:61, 90:101],
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("sigma", [0, 5, 25, 200])
def test_as_scikit_image_has_them(name, sigma):
    y = IMAGES[name] / 255
    x = (y + np.random.default_rng(1).normal(0, sigma / 255, y.shape)).clip(0, 1)
    wanted = structural_similarity(
        x, y, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        channel_axis=-1 if y.ndim == 3 else None,
    )  # fmt: skip
    assert similarity(tensor(x), tensor(y)).item() == pytest.approx(wanted, abs=1e-5)
    errors = (tensor(x) - tensor(y)).square().flatten(1).mean(1)
    wanted = peak_signal_noise_ratio(y, x, data_range=1) if (x != y).any() else 100  # which stands for all above it
    assert psnr(errors).item() == pytest.approx(wanted, abs=1e-4)


def test_several_at_once_are_each_by_itself():
    x, y = torch.rand(2, 3, 2, 20, 17)
    together = similarity(x, y)
    assert together.tolist() == pytest.approx([similarity(a[None], b[None]).item() for a, b in zip(x, y, strict=True)])


def test_images_below_a_window_are_one():
    x, y = torch.rand(2, 1, 1, 8, 30)
    assert -1 <= similarity(x, y).item() < 1
    assert similarity(y, y).item() == pytest.approx(1)
