"""A network for time series: waveforms in noise are told apart by LM and Adams–Bashforth blocks of 1-d convolutions.

python examples/time_series.py
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

import tableau2net as t2n
from tableau2net.nn import coefficient_values

WAVES = {
    "sine": torch.sin,
    "square": lambda t: torch.sign(torch.sin(t)),
    "sawtooth": lambda t: 2 * torch.remainder(t / (2 * math.pi), 1) - 1,
    "chirp": lambda t: torch.sin(t + t.square() / 40),
}


def draw(count: int, length: int = 64) -> tuple[Tensor, Tensor]:
    """Waveforms (count, 1, length) of random frequency, phase and strength in noise, and which they are."""
    kinds = torch.arange(count) % len(WAVES)
    t = torch.linspace(0, 8 * math.pi, length)
    frequency, phase, strength = 0.5 + torch.rand(count, 1), 6.3 * torch.rand(count, 1), 0.5 + torch.rand(count, 1)
    clean = torch.stack([wave(frequency * t + phase) for wave in WAVES.values()])[kinds, torch.arange(count)]
    return (strength * clean + 0.2 * torch.randn(count, length)).unsqueeze(1), kinds


def field(width: int) -> nn.Module:
    layers = [nn.BatchNorm1d(width), nn.ReLU(), nn.Conv1d(width, width, 7, padding=3, bias=False)]
    return nn.Sequential(*layers, nn.BatchNorm1d(width), nn.ReLU(), nn.Conv1d(width, width, 7, padding=3, bias=False))


def network(scheme: str, width: int, **options: object) -> nn.Sequential:
    block = t2n.compile(scheme, **options)([field(width) for _ in range(4)], h=0.5)
    head = [nn.BatchNorm1d(width), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(width, len(WAVES))]
    return nn.Sequential(nn.Conv1d(1, width, 7, padding=3), block, *head)


def main(count: int = 256, passes: int = 25, width: int = 16) -> None:
    for scheme, options in (
        ("lm", {"coefficients": "learnable"}),
        ("adams-bashforth-2", {}),
        ("adams-bashforth-3", {}),
    ):
        torch.manual_seed(0)
        (x, target), (unseen, labels), net = draw(count), draw(count), network(scheme, width, **options)
        optimiser = torch.optim.Adam(net.parameters(), 1e-2)
        for _ in range(passes):
            loss = functional.cross_entropy(net(x), target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        right = (net.eval()(unseen).argmax(1) == labels).float().mean()
        learnt = "".join(f", {n} = {[round(k, 3) for k in ks]}" for n, ks in coefficient_values(net).items())
        print(f"{scheme}: loss {loss.item():.3f}, {right:.0%} of unseen waves are right{learnt}")


if __name__ == "__main__":
    main()
