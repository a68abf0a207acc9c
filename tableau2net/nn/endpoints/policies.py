"""Policies: rules that say when the flow of a noisy image has come to its end, image by image.

A policy sees a `Flow`, which has no clean image in it; `Oracle` alone is given one, and is a bound and no rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.errors import InputError
from tableau2net.nn.endpoints.noise import noise_level


@dataclass(frozen=True)
class Flow:
    """The images that a flow goes through.

    times: (K,), rising from 0.  images: (K, N, C, H, W), of each time; the first are the noisy ones.
    """

    times: Tensor
    images: Tensor

    @property
    def noisy(self) -> Tensor:
        """f: (N, C, H, W)."""
        return self.images[0]

    def at(self, time: Tensor) -> Tensor:
        """The images at a time for each, (N,): on the line between those before and after, which is Euler's dense
        output. Beyond the last time, and before 0, the end's."""
        k, part = self._within(time)
        before, after = (self.images[i, torch.arange(len(k))] for i in (k, k + 1))
        return torch.lerp(before, after, part.to(before.dtype).view(-1, 1, 1, 1))

    def _within(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """The step in which a time is, and how far in it."""
        time = time.to(self.times).clamp(self.times[0], self.times[-1])
        k = (torch.searchsorted(self.times, time, right=True) - 1).clamp(0, len(self.times) - 2)
        return k, (time - self.times[k]) / (self.times[k + 1] - self.times[k])

    def time(self, k: Tensor, part: Tensor) -> Tensor:
        """The time at a part of step k."""
        return torch.lerp(self.times[k], self.times[k + 1], part.to(self.times.dtype))


@dataclass(frozen=True)
class Fixed:
    """The same time for all."""

    end: float

    def __call__(self, flow: Flow) -> Tensor:
        return torch.full((flow.images.shape[1],), self.end, dtype=flow.times.dtype)


class ByLevel(nn.Module):
    """A time for each σ̂, on the lines between the levels of a table, beyond them on the first and on the last line.

    levels: rising, in the images' units.  times: of each.
    """

    levels: Tensor
    times: Tensor

    def __init__(self, levels: Sequence[float], times: Sequence[float]) -> None:
        super().__init__()
        if len(levels) < 2 or len(levels) != len(times) or sorted(set(levels)) != [*levels]:
            raise InputError("levels, times: two or more levels that rise, and a time for each")
        if not all(0 <= number < math.inf for number in (*levels, *times)):
            raise InputError("levels, times: finite numbers from 0 are expected")
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float32))
        self.register_buffer("times", torch.tensor(times, dtype=torch.float32))

    def of(self, noisy: Tensor) -> Tensor:
        """The times of noisy images, (N,)."""
        return self.at(noise_level(noisy))

    def at(self, level: Tensor) -> Tensor:
        """The times of levels, (N,)."""
        level = level.to(self.levels.dtype)
        k = torch.searchsorted(self.levels, level).clamp(1, len(self.levels) - 1)
        part = (level - self.levels[k - 1]) / (self.levels[k] - self.levels[k - 1])
        return torch.lerp(self.times[k - 1], self.times[k], part).clamp(min=0)

    def forward(self, flow: Flow) -> Tensor:
        return self.of(flow.noisy)


@dataclass(frozen=True)
class Morozov:
    """As soon as what was taken away is as large as the noise: rms(u(t) − f) = factor·σ̂ (Morozov 1966's discrepancy
    principle). Exact on the line between two images; the last time where it is never so large."""

    factor: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.factor < math.inf:
            raise InputError(f"factor = {self.factor!r}: a positive number is expected")

    def excess(self, u: Tensor, f: Tensor) -> Tensor:
        """mean (u − f)² − (factor·σ̂)², (N,): the event of an integrator whose rise through 0 is the end."""
        return (u - f).square().mean((1, 2, 3)) - (self.factor * noise_level(f)).square()

    def __call__(self, flow: Flow) -> Tensor:
        f = flow.noisy
        over = torch.stack([self.excess(u, f) for u in flow.images]) >= 0
        k = (over.float().argmax(0) - 1).clamp(min=0)
        k = torch.where(over.any(0), k, len(flow.times) - 2)
        before, after = (flow.images[i, torch.arange(len(k))] for i in (k, k + 1))
        c = self.excess(before, f).double()
        a, b = ((after - before).mul(x).double().mean((1, 2, 3)) for x in (after - before, before - f))
        part = (-c / (b + (b.square() - a * c).clamp(min=0).sqrt())).nan_to_num(0.0).clamp(0, 1)
        return flow.time(k, torch.where(over.any(0), part, 1.0))


class Continue(nn.Module):
    """What there is to be gained by going on from (u, f), in dB, as far as it can be told without the clean image: the
    value Q of the action "continue" beside 0 for "stop" (Zhang, Lu, Liu, Dong 2019, "Dynamically unfolding recurrent
    restorer", ICLR). A small network of our own on u and on what was taken away."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(2, width, 5, stride=2), nn.ReLU(), nn.Conv2d(width, width, 3, stride=2), nn.ReLU()
        )
        self.value = nn.Sequential(nn.Linear(2 * width + 2, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, u: Tensor, f: Tensor) -> Tensor:
        """(N,)."""
        seen = self.look(torch.stack((u.mean(1) - 0.5, 4 * (f - u).mean(1)), 1))
        taken = (u - f).square().mean((1, 2, 3)).sqrt()
        facts = torch.stack((10 * taken, 10 * noise_level(f)), 1)
        value: Tensor = self.value(torch.cat((seen.mean((2, 3)), seen.amax((2, 3)) / 4, facts), 1))
        return value.squeeze(1)


class Learnt(nn.Module):
    """The first time at which `Continue` sees nothing to be gained, on the line between two values."""

    def __init__(self, gain: Continue) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, flow: Flow) -> Tensor:
        values = torch.stack([self.gain(u, flow.noisy) for u in flow.images])
        over = values <= 0
        k = torch.where(over.any(0), over.float().argmax(0), len(values) - 1)
        one = torch.arange(values.shape[1])
        before, after = values[(k - 1).clamp(min=0), one], values[k, one]
        part = torch.where(over.any(0) & (k > 0), before / (before - after), (k > 0).to(values))
        return flow.time((k - 1).clamp(min=0), part)

    def loss(self, flow: Flow, clean: Tensor) -> Tensor:
        """How far each Q(u_k) is from what going on from there has gained in dB: a step, and what follows it as long as
        the policy goes on as it now is. Minimised again and again, that is policy iteration; the paper's deep
        Q-learning, whose aims are estimates of its own, has no bound and diverged here. This is training, and is told
        the clean images."""
        values = torch.stack([self.gain(u, flow.noisy) for u in flow.images])
        error = (flow.images - clean).square().mean((2, 3, 4))
        returns = [10 * (error[-2] / error[-1]).log10()]
        for k in range(len(error) - 3, -1, -1):
            gained = 10 * (error[k] / error[k + 1]).log10()
            returns.append(torch.where(values[k + 1] > 0, gained + returns[-1], gained))
        return functional.huber_loss(values[:-1], torch.stack(returns[::-1]))


@dataclass(frozen=True)
class Oracle:
    """The best time of all, by the clean images, which no rule has: a bound. Exact on the lines between images."""

    clean: Tensor

    def __call__(self, flow: Flow) -> Tensor:
        before, after = flow.images[:-1], flow.images[1:]
        rise, off = after - before, self.clean - before
        square = rise.double().square().mean((2, 3, 4))
        together = (rise * off).double().mean((2, 3, 4))
        part = (together / square).nan_to_num(0.0).clamp(0, 1)
        k = (off.double().square().mean((2, 3, 4)) - part * (2 * together - part * square)).argmin(0)
        return flow.time(k, part[k, torch.arange(len(k))])
