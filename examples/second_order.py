"""A vibration followed for long: what the phase lag of a table says beforehand, and what it comes to.

python examples/second_order.py
"""

import math

import torch

import tableau2net as t2n

TABLES = ("verlet-rkn-2", "nystrom-rkn-4", "nystrom-rkn-5", "dprkn-64-fm", "gauss-rkn-2")


def main(periods: int = 20, steps: int = 24) -> None:
    """So many periods of y'' = −y with so many steps each: how far behind is the solution, how much of it is left?"""
    size = 2 * math.pi / steps
    start = torch.tensor([1.0], dtype=torch.float64), torch.tensor([0.0], dtype=torch.float64)
    print("table         behind, as the phase lag says   as it is    amplitude")
    for name in TABLES:
        known = t2n.report(t2n.load(name)).to_dict()["phase"]
        said = periods * steps * known["lag"]["value"] * size ** (known["dispersion_order"] + 1)
        y, v = t2n.integrate(name, lambda t, y: -y, start, 0, 2 * math.pi * periods, steps=periods * steps)
        behind, left = math.atan2(v.item(), y.item()), math.hypot(y.item(), v.item())
        print(f"{name:12}  {said:28.2e}   {behind:9.2e}   {left:.6f}")


if __name__ == "__main__":
    main()
