"""A stiff, cheap field and a dear one: errors for as many evaluations of the dear field, at one rate and at several.

python examples/multirate.py
"""

import math

import torch

import tableau2net as t2n
from tableau2net.scheme import Scheme, load, multirate
from tableau2net.step import lower


def fast(t: float, y: torch.Tensor) -> torch.Tensor:
    """Relaxation to cos y₂, at a rate of 40."""
    return torch.stack((-40 * (y[0] - torch.cos(y[1])), 0 * y[1]))


def slow(t: float, y: torch.Tensor) -> torch.Tensor:
    return torch.stack((torch.sin(y[1]) + math.sin(t), -y[0] * y[1]))


METHODS: dict[str, Scheme] = {
    "MIS-KW3": multirate("mis-knoth-wolke-3", "rk4", 4),
    "ERK33a": multirate("mri-gark-erk33a", "rk4", 4),
    "ERK45a": multirate("mri-gark-erk45a", "rk4", 4),
}


def main(steps: tuple[int, int] = (10, 20)) -> None:
    """The error at t = 1 with so many steps, and with more; the order, proved, and the slow evaluations a step."""
    start = torch.tensor([1.5, 1.0], dtype=torch.float64)
    exact = t2n.integrate(load("cooper-verner-8"), lambda t, y: fast(t, y) + slow(t, y), start, 0, 1, steps=1000)
    print("method    error     error, more steps  order  slow evaluations")
    for name, scheme in METHODS.items():
        errors = [(t2n.integrate(scheme, (fast, slow), start, 0, 1, steps=n) - exact).norm().item() for n in steps]
        calls = sum(op.part == 1 for op in lower(scheme).calls)
        print(f"{name:8}  {errors[0]:.2e}  {errors[1]:.2e}  {t2n.order(scheme)}  {calls}")


if __name__ == "__main__":
    main()
