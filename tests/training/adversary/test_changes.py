"""What an adversary may do to an image, where it starts, and which iterates it has: against formulas by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy

from tableau2net.data.normalise import Normalise
from tableau2net.training.adversary.climbing import climbed, margin
from tableau2net.training.adversary.pixels import EpsilonBall, PixelBox
from tableau2net.training.adversary.starts import normal, stream, uniform
from tests.training.adversary.cut import cut

CPU = torch.device("cpu")
three = st.tuples(*[st.floats(0, 255)] * 3)


class Told:
    """Data that say what they are normalised by."""

    shape = (3, 8, 8)

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        self.mean, self.std = mean, std

    def images(self, stored: Tensor) -> Tensor:
        return Normalise(self.mean, self.std, CPU)(stored)  # type: ignore[arg-type]

    def ball(self, stored: Tensor, epsilon: float, step: float) -> EpsilonBall:
        return PixelBox.of(self, CPU).ball(self.images(stored), epsilon, step)  # type: ignore[arg-type]

    def pixels(self, x: Tensor) -> Tensor:
        """From what a network sees back to 0 to 1."""
        std, mean = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in (self.std, self.mean))
        return (x.double() * std + mean) / 255


@settings(max_examples=60)
@given(
    mean=three, std=st.tuples(*[st.floats(0.5, 300)] * 3), epsilon=st.sampled_from([0, 1e-4, 2 / 255, 0.1, 1.0]),
    step=st.floats(0, 1), seed=st.integers(0, 999),
)  # fmt: skip
def test_changes_stay_in_the_ball_and_in_range(
    mean: tuple[float, ...], std: tuple[float, ...], epsilon: float, step: float, seed: int
) -> None:
    """After the start and after each projection, whatever the gradients; images have black and white pixels in them."""
    torch.manual_seed(seed)
    told = Told(mean, std)
    stored = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8)
    stored[0, :, :4], stored[1, :, :4] = 0, 255
    ball = told.ball(stored, epsilon, step)
    before = told.pixels(told.images(stored))
    near = 1e-6 * (1 + max(mean) / min(std))  # of float32, where images are far from zero
    eta = ball.start(torch.rand(3, 3, 8, 8))
    for _ in range(4):
        assert bool((eta.abs() <= 255 * epsilon / torch.tensor(std).view(1, 3, 1, 1) * (1 + 1e-6) + 1e-5).all())
        x = ball.at(eta)
        assert bool(((x >= ball.black) & (x <= ball.white)).all())
        after = told.pixels(x)
        assert float((after - before).abs().max()) <= epsilon + near
        assert -near <= float(after.min())
        assert float(after.max()) <= 1 + near
        eta = ball.moved(eta, torch.randn(3, 3, 8, 8))


def test_a_step_is_that_of_the_formula_in_pixels() -> None:
    told = Told((100.0, 120.0, 90.0), (60.0, 30.0, 75.0))
    stored = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    ball = told.ball(stored, 8 / 255, 3 / 255)
    gradient = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    eta, by_hand = torch.zeros(2, 3, 8, 8), stored.double() / 255
    for _ in range(4):
        eta = ball.moved(eta, gradient)
        by_hand = by_hand + 3 / 255 * gradient.sign()
        by_hand = by_hand.clamp(stored / 255 - 8 / 255, stored / 255 + 8 / 255).clamp(0, 1)
    torch.testing.assert_close(told.pixels(ball.at(eta)), by_hand, rtol=0, atol=1e-6)


def test_starts_are_those_of_splitmix() -> None:
    """In whole numbers of Python's, which have no 64 bits."""
    mask = (1 << 64) - 1

    def mixed(z: int) -> int:
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
        return z ^ z >> 31

    golden, own = 0x9E3779B97F4A7C15, stream(3, 1, 3)
    found = uniform(own, torch.tensor([0, 7, 10**6]), (2, 3), which=1)
    for image, place in enumerate((0, 7, 10**6)):
        key = mixed(((place + 1) * golden + own) & mask)
        words = [mixed((key + (6 + pixel + 1) * golden) & mask) for pixel in range(6)]
        assert found[image].flatten().tolist() == [(word >> 40) / 2**24 for word in words]


def test_starts_are_spread_as_they_say_and_belong_to_the_image() -> None:
    places = torch.arange(64)
    drawn = uniform(stream(0, 0, 3), places, (3, 16, 16))
    shares = np.histogram(drawn.numpy(), bins=16, range=(0, 1))[0] / drawn.numel()
    assert np.abs(shares - 1 / 16).max() < 0.003
    bells = normal(stream(0, 0, 3), places, (3, 16, 16)).double()
    moments = [float(bells.mean()), float(bells.square().mean()), float(bells.pow(4).mean())]
    assert moments == pytest.approx([0, 1, 3], abs=0.15)
    assert torch.equal(uniform(stream(0, 0, 3), places[40:50], (3, 16, 16)), drawn[40:50])
    assert not torch.equal(uniform(stream(0, 1, 3), places, (3, 16, 16)), drawn)
    together = torch.stack([drawn[0], drawn[1], uniform(stream(1, 0, 3), places[:1], (3, 16, 16))[0]]).flatten(1)
    assert float(torch.corrcoef(together).triu(1).abs().max()) < 0.1


def test_margins() -> None:
    scores = torch.tensor([[1.0, 3.0, 2.0], [5.0, 1.0, 4.0]])
    assert margin(scores, torch.tensor([1, 2])).item() == pytest.approx((2 - 3) + (5 - 4))


@pytest.mark.slow  # it is long in being imported
def test_iterates_are_those_of_torchattacks() -> None:
    """From the same start, image by image and pixel by pixel."""
    torchattacks = pytest.importorskip("torchattacks")
    model = cut(smooth=True).double().eval()
    torch.manual_seed(2)
    x, y = torch.randint(0, 256, (6, 3, 32, 32)).double() / 255, torch.arange(6)
    one = torch.ones(1, 3, 1, 1, dtype=torch.float64)
    ball = PixelBox(0 * one, one, one).ball(x, 8 / 255, 2 / 255)
    attack = torchattacks.PGD(model, eps=8 / 255, alpha=2 / 255, steps=7, random_start=True)
    torch.manual_seed(4)
    wanted = attack(x, y)
    torch.manual_seed(4)
    start = ball.inside(torch.empty_like(x).uniform_(-8 / 255, 8 / 255))
    eta = climbed(ball, start, lambda at: cross_entropy(model(at), y), 7)
    torch.testing.assert_close(ball.at(eta), wanted, rtol=0, atol=1e-9)
    assert not torch.equal(ball.at(eta), ball.at(start))
