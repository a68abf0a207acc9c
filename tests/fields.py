"""Fields of the tests: small modules, in float64 where nothing else is said."""

import math

import torch
from torch import nn


class Mixed(nn.Module):
    """tanh of a mixture of the states, in which no two count alike; times 1 + t/10 where it is called with the time.

    seed: of its weight, which comes from torch's own generator where there is none.
    """

    def __init__(self, width=4, *, timed=False, seed=None):
        super().__init__()
        self.timed = timed
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(width, width, dtype=torch.float64, generator=generator) / 3)

    def forward(self, *given):
        t, states = (given[0], given[1:]) if self.timed else (0.0, given)
        mixed = [state @ self.weight.roll(i, 0) for i, state in enumerate(states)]
        return torch.tanh(sum(mixed[1:], mixed[0])) * (1 + t / 10)


class Counted(nn.Sequential):
    """Layers in a row, and how often they were called."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.calls = 0

    def forward(self, y):
        self.calls += 1
        return super().forward(y)


def smooth(width=4, hidden=None, seed=None):
    """A perceptron of one hidden layer."""
    if seed is not None:
        torch.manual_seed(seed)
    hidden = hidden or width
    return Counted(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, width)).double()


class Forced(nn.Module):
    """f(t, y₁, …) = Σ L_r y_r + g cos t."""

    def __init__(self, seed, states=1, size=2, scale=0.8):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        draw = lambda *shape: torch.randn(*shape, dtype=torch.float64, generator=generator)  # noqa: E731
        self.matrices = nn.ParameterList(scale * draw(size, size) for _ in range(states))
        self.force = nn.Parameter(draw(size))

    def forward(self, t, *states):
        return sum(y @ m.T for y, m in zip(states, self.matrices, strict=True)) + self.force * math.cos(t)


class Damped(nn.Module):
    """f(y) = tanh(Ly + g) − 0.3 y, the same each time."""

    def __init__(self, size=3):
        super().__init__()
        torch.manual_seed(3)
        self.linear = nn.Linear(size, size, dtype=torch.float64)

    def forward(self, y):
        return torch.tanh(self.linear(y)) - 0.3 * y


class Growth(nn.Module):
    """y' = share · (y cos t − y²/4), the whole of it or what a part of a method takes."""

    def __init__(self, linear=1.0, square=1.0):
        super().__init__()
        self.linear, self.square = linear, square

    def forward(self, t, y):
        return self.linear * y * math.cos(t) - self.square * y**2 / 4


class Decay(nn.Module):
    """f(y) = −y, which solves its own stages."""

    def forward(self, y):
        return -y

    def resolvent(self, known, c):
        return known / (1 + c)


class Convolved(nn.Module):
    """A residual branch of four channels in float32; without statistics of a batch, so that halves of it are like the
    whole."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        nn.init.normal_(self.conv.weight, std=0.05)

    def forward(self, *states):
        return torch.relu(self.conv(sum(states)))


class Noisy(nn.Sequential):
    """What networks have, with all that makes a second evaluation differ from the first: BatchNorm and dropout. In
    float32."""

    def __init__(self, channels=4):
        super().__init__(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.InstanceNorm2d(channels, affine=True, track_running_stats=True),
            nn.Dropout(0.3),
        )
