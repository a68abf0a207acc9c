"""The augmentation against the obvious loop, and what chance decides in an epoch."""

import numpy as np
import pytest
import torch

from tableau2net.data.augment import EpochDraw, cut_out
from tableau2net.data.normalise import Normalise
from tableau2net.data.resident_feed import ResidentFeed
from tableau2net.training import ImageData, Recipe

CPU = torch.device("cpu")


def slow(x: np.ndarray, border: np.ndarray, shift: np.ndarray, mirror: int) -> np.ndarray:
    """Pad an image (3, H, W) with four pixels of the border's colour, turn it round, cut a window out."""
    height, width = x.shape[1:]
    padded = np.broadcast_to(border[:, None, None], (3, height + 8, width + 8)).copy()
    padded[:, 4:-4, 4:-4] = x
    turned = padded[:, :, ::-1] if mirror else padded
    return turned[:, shift[0] : shift[0] + height, shift[1] : shift[1] + width]


def images(flip: bool, height: int = 10, width: int = 12, count: int = 330) -> ImageData:
    random = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8, generator=random).permute(0, 3, 1, 2)
    y = torch.arange(count) % 7
    return ImageData("some", 7, flip, x, y, x[:5], y[:5], None, None, (120.4, 99.6, 3.2), (60.0, 50.0, 40.0))


@pytest.mark.parametrize("flip", [True, False])
def test_a_batch_is_the_slow_one(flip: bool) -> None:
    data = images(flip)
    feed = ResidentFeed(data, Recipe(batch_size=100), seed=3)
    feed.start(4)
    draw = EpochDraw.of(330, seed=3, epoch=4, flip=flip, size=(10, 12))
    crops = set()
    for first, size in ((0, 100), (100, 100), (200, 100), (300, 30)):
        x, y = feed.take(size)
        assert x.is_contiguous(memory_format=torch.channels_last)
        for i, (found, label) in enumerate(zip(x, y, strict=True)):
            own = int(draw.order[first + i])
            shift, mirror = draw.shift[first + i].tolist(), int(draw.mirror[first + i])
            bytes_ = slow(data.x_train[own].numpy(), np.array([120, 100, 3]), shift, mirror)
            wanted = (bytes_ - np.array(data.mean)[:, None, None]) / np.array(data.std)[:, None, None]
            np.testing.assert_allclose(found.numpy(), wanted, rtol=0, atol=1e-6)
            assert label == data.y_train[own]
            crops.add((*shift, mirror))
    assert len(crops) > (120 if flip else 70)
    assert {mirror for *_, mirror in crops} == ({0, 1} if flip else {0})


def test_an_epoch_that_is_gone_on_with_has_the_same_batches() -> None:
    whole, later = (ResidentFeed(images(True), Recipe(batch_size=50, cutout=4), seed=1) for _ in range(2))
    whole.start(2)
    batches = [whole.take(50) for _ in range(6)]
    later.start(1)
    later.take(50)
    later.start(2, first=100)
    for x, y in batches[2:]:
        found = later.take(50)
        assert torch.equal(found[0], x)
        assert torch.equal(found[1], y)


def test_shares_make_up_the_batch() -> None:
    parts = [
        ResidentFeed(images(True), Recipe(), 1, share=lambda size, r=r: slice(size * r // 3, size * (r + 1) // 3))
        for r in range(3)
    ]
    whole = ResidentFeed(images(True), Recipe(), 1)
    for feed in (*parts, whole):
        feed.start(0)
    for size in (50, 31, 2):
        x, y = whole.take(size)
        shares = [feed.take(size) for feed in parts]
        assert torch.equal(torch.cat([share[0] for share in shares]), x)
        assert torch.equal(torch.cat([share[1] for share in shares]), y)


def test_without_augmentation_images_are_as_they_are() -> None:
    data = images(True)
    feed = ResidentFeed(data, Recipe(augment=False), seed=0)
    feed.start(0)
    x, _ = feed.take(330)
    order = EpochDraw.of(330, seed=0, epoch=0, flip=True, size=(10, 12)).order
    assert torch.equal(x, Normalise(data.mean, data.std, CPU)(data.x_train)[order])


@pytest.mark.parametrize("side", [1, 4, 5, 30])
def test_a_cutout_is_a_square_around_its_pixel(side: int) -> None:
    x = torch.ones(120, 3, 10, 12)
    middle = torch.cartesian_prod(torch.arange(10), torch.arange(12))
    found = cut_out(x, middle, side)
    for image, (row, column) in zip(found, middle.tolist(), strict=True):
        wanted = np.ones((10, 12))
        top, left = row - side // 2, column - side // 2
        wanted[max(top, 0) : top + side, max(left, 0) : left + side] = 0
        np.testing.assert_array_equal(image.numpy(), np.stack([wanted] * 3))


def test_normalise(data: ImageData) -> None:
    x = Normalise(data.mean, data.std, CPU)(data.x_train)
    assert x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)
    reference = data.x_train.double().numpy() - np.array(data.mean)[:, None, None]
    reference /= np.array(data.std)[:, None, None]
    np.testing.assert_allclose(x.numpy(), reference, rtol=0, atol=1e-5)
    assert abs(float(x.mean())) < 1e-4
    assert abs(float(x.std()) - 1) < 1e-4


def test_an_epoch_depends_on_seed_and_number_alone() -> None:
    def draw(seed: int, epoch: int) -> EpochDraw:
        return EpochDraw.of(200, seed=seed, epoch=epoch, flip=True, size=(32, 32))

    first = draw(1, 2)
    for key, value in vars(draw(1, 2)).items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(getattr(first, key))), key
    for other in (draw(1, 3), draw(2, 2), draw(2, 1)):
        for key, value in vars(other).items():
            assert not torch.equal(torch.as_tensor(value), torch.as_tensor(getattr(first, key))), key


def test_an_epoch_sees_every_image_once_every_crop_and_half_of_them_mirrored() -> None:
    draw = EpochDraw.of(5000, seed=0, epoch=0, flip=True, size=(32, 32))
    assert torch.equal(draw.order.sort().values, torch.arange(5000))
    assert not torch.equal(draw.order, torch.arange(5000))
    crops = torch.bincount(draw.shift[:, 0] * 9 + draw.shift[:, 1], minlength=81)
    assert len(crops) == 81
    assert crops.min() > 0
    assert 0.45 < draw.mirror.float().mean() < 0.55
    assert not EpochDraw.of(5000, seed=0, epoch=0, flip=False, size=(32, 32)).mirror.any()
