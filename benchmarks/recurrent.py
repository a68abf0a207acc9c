"""Recurrent networks beside careful loops by hand and torch's own, in one process, in turns: forward, and backward too.

    python -m benchmarks.recurrent            # --batch 32 --width 64 --steps 196 --runs 9

All loops take what they can out of the steps: V x + b of all of them at once, W − Wᵀ once. Rows that lose are shown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.timing import clearing, minima, with_backward, without_gradient
from tableau2net.nn import AntisymmetricField, AntisymmetricRNN

Slope = Callable[[Tensor, Tensor], Tensor]


def euler(slope: Slope, y: Tensor, u: Tensor, h: float) -> Tensor:
    return y.add(slope(y, u), alpha=h)


def rk4(slope: Slope, y: Tensor, u: Tensor, h: float) -> Tensor:
    k1 = slope(y, u)
    k2 = slope(y.add(k1, alpha=h / 2), u)
    k3 = slope(y.add(k2, alpha=h / 2), u)
    k4 = slope(y.add(k3, alpha=h), u)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


HAND = {"euler": euler, "rk4": rk4}


def by_hand(scheme: str, field: AntisymmetricField, x: Tensor, h: float) -> Tensor:
    """The states (T, N, n) of a loop over the steps."""
    (transposed,), step = field.hoisted(), HAND[scheme]
    y, found = x.new_zeros(x.shape[1], field.hidden_size), []

    def slope(at: Tensor, u: Tensor) -> Tensor:
        return torch.tanh(torch.addmm(u, at, transposed))

    for u in field.drive(x).unbind():
        y = step(slope, y, u, h)
        found.append(y)
    return torch.stack(found)


def runs_of(x: Tensor, width: int) -> tuple[dict[str, Callable[[], Tensor]], list[nn.Module]]:
    """What is measured, by name, and the modules that have weights."""
    found: dict[str, Callable[[], Tensor]] = {}
    modules: list[nn.Module] = []
    for scheme in HAND:
        net = AntisymmetricRNN(1, width, scheme)
        modules.append(net)
        found[scheme] = lambda net=net: net(x)[0]  # type: ignore[misc]
        found[f"{scheme}, by hand"] = lambda net=net, s=scheme: by_hand(s, net.rotating(), x, net.h)  # type: ignore[misc]
    for kind in (nn.LSTM, nn.GRU):
        other = kind(1, width)
        modules.append(other)
        found[f"torch's {kind.__name__}"] = lambda other=other: other(x)[0]  # type: ignore[misc]
    return found, modules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("batch", 32), ("width", 64), ("steps", 196), ("runs", 9)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.randn(asked.steps, asked.batch, 1)
    found, modules = runs_of(x, asked.width)
    gradient = torch.ones(asked.steps, asked.batch, asked.width)
    clear = clearing([], modules)
    plain = minima({name: without_gradient(run) for name, run in found.items()}, asked.runs, x.device)
    both = minima({name: with_backward(run, gradient) for name, run in found.items()}, asked.runs, x.device, clear)
    print(f"{'':20}{'forward, ms':>14}{'with backward':>16}")
    for name in found:
        print(f"{name:20}{plain[name] * 1e3:14.2f}{both[name] * 1e3:16.2f}")


if __name__ == "__main__":
    main()
