"""The augmentation against the obvious loop, and what chance decides in an epoch."""

import numpy as np
import torch

from tableau2net.training import ImageData
from tableau2net.training.augment import EpochDraw, Normalise, crop_and_flip

CPU = torch.device("cpu")


def slow(x: np.ndarray, shift: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Pad each picture with four zeros, cut a window out, turn it round."""
    out = np.empty_like(x)
    height, width = x.shape[2:]
    for i, picture in enumerate(x):
        padded = np.pad(picture, ((0, 0), (4, 4), (4, 4)))
        top, left = shift[i]
        window = padded[:, top : top + height, left : left + width]
        out[i] = window[:, :, ::-1] if mirror[i] else window
    return out


def test_crop_and_flip_is_the_slow_one() -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((162, 3, 10, 12)).astype(np.float32)
    shift = np.stack(np.meshgrid(range(9), range(9)), -1).reshape(-1, 2).repeat(2, 0)  # every crop, mirrored and not
    mirror = np.arange(162) % 2 == 1
    found = crop_and_flip(torch.from_numpy(x), torch.from_numpy(shift), torch.from_numpy(mirror))
    assert found.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(found.numpy(), slow(x, shift, mirror))


def test_normalise(data: ImageData) -> None:
    x = Normalise(data, CPU)(data.x_train)
    assert x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)
    reference = data.x_train.double().numpy() - np.array(data.mean)[:, None, None]
    reference /= np.array(data.std)[:, None, None]
    np.testing.assert_allclose(x.numpy(), reference, rtol=0, atol=1e-5)
    assert abs(float(x.mean())) < 1e-4
    assert abs(float(x.std()) - 1) < 1e-4


def test_an_epoch_depends_on_seed_and_number_alone() -> None:
    def draw(seed: int, epoch: int) -> EpochDraw:
        return EpochDraw.of(200, seed=seed, epoch=epoch, flip=True, device=CPU)

    first = draw(1, 2)
    for key, value in vars(draw(1, 2)).items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(getattr(first, key))), key
    for other in (draw(1, 3), draw(2, 2), draw(2, 1)):
        for key, value in vars(other).items():
            assert not torch.equal(torch.as_tensor(value), torch.as_tensor(getattr(first, key))), key


def test_an_epoch_sees_every_picture_once_every_crop_and_half_of_them_mirrored() -> None:
    draw = EpochDraw.of(5000, seed=0, epoch=0, flip=True, device=CPU)
    assert torch.equal(draw.order.sort().values, torch.arange(5000))
    assert not torch.equal(draw.order, torch.arange(5000))
    crops = torch.bincount(draw.shift[:, 0] * 9 + draw.shift[:, 1], minlength=81)
    assert len(crops) == 81
    assert crops.min() > 0
    assert 0.45 < draw.mirror.float().mean() < 0.55
    assert not EpochDraw.of(5000, seed=0, epoch=0, flip=False, device=CPU).mirror.any()
