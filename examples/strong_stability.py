"""Convex combinations of forward Euler steps: which methods keep a maximum, and how others can be made to.

    python examples/strong_stability.py

A step profile goes to and fro on a ring, u_t + a(t) u_x = 0 with a = 1, -1, 1, -1, … by upwind differences. A forward
Euler step of at most the mesh width makes no new maximum. Heun's method is two such steps, averaged; the midpoint rule
is none, and overshoots. With steps of the downwind differences for its one negative part it is again.
"""

import math

import torch
from torch import Tensor, nn

import tableau2net as t2n


class Advection(nn.Module):
    """-a(t) u_x, by the difference to the side that the profile comes from, or the other; a changes its sign each
    `period`."""

    def __init__(self, period: float, downwind: bool = False) -> None:
        super().__init__()
        self.period, self.downwind = period, downwind

    def forward(self, t: float, u: Tensor) -> Tensor:
        a = 1 if math.floor(t / self.period + 1e-9) % 2 == 0 else -1
        side = -a if self.downwind else a
        return -a * side * (u - u.roll(side, -1))


def overshoot(scheme: t2n.Scheme | str, h: float, steps: int = 40, downwind: bool = False) -> float:
    """How far above 1 the largest value is after the steps."""
    fields = [Advection(h / 2), Advection(h / 2, downwind=True)] if downwind else Advection(h / 2)
    u = torch.tensor([[0.0] * 20 + [1.0] * 20], dtype=torch.float64)
    block = t2n.compile(scheme, time_dependent=True)([fields] * steps, h=h)
    return float(block(u).max()) - 1


def main() -> None:
    """Print the forms and how far each method overshoots."""
    print(t2n.shu_osher("improved-euler").text(), "\n")
    form = t2n.shu_osher("explicit-midpoint", downwind=True)
    print(form.text(), "\n")
    h = float(form.r)
    for name, scheme in (
        ("improved-euler", "improved-euler"),
        ("midpoint", "explicit-midpoint"),
        ("split", form.pair()),
    ):
        print(f"{name:15} step {h:.3f}  overshoots by {overshoot(scheme, h, downwind=name == 'split'):.1e}")


if __name__ == "__main__":
    main()
