"""B-series at work: a modified equation, a method of effective order five, energy that is kept.

python examples/bseries.py
"""

import torch
from sympy import symbols
from torch import Tensor

import tableau2net as t2n

BUTCHER = t2n.RungeKutta(
    A=[[], ["1/5"], [0, "2/5"], ["3/16", 0, "5/16"], ["1/4", 0, "-5/4", 2]],
    b=["1/6", 0, 0, "2/3", "1/6"],
    name="butcher-1969",
)


def main(steps: int = 400, h: float = 0.25) -> None:
    u, v, step = symbols("u v h")
    volterra = [u * (v - 2), v * (1 - u)]
    field = t2n.bseries("euler", 2).log().evaluate(volterra, [u, v], step)
    print(f"Euler on Lotka-Volterra follows u' = {(field[0] / step).expand()}")

    found = t2n.effective_order(BUTCHER)
    print(f"{BUTCHER.name}: order {t2n.order(BUTCHER)}, effective order {found.order}")
    print(f"  in the coordinates of {found.by}")

    def motion(t: Tensor, y: Tensor) -> Tensor:
        q, p = y
        return torch.stack([p, q - q**3])  # H = p²/2 − q²/2 + q⁴/4

    def energy(y: Tensor) -> float:
        q, p = y.tolist()
        return float(p**2 / 2 - q**2 / 2 + q**4 / 4)

    start = torch.tensor([0.2, 0.3], dtype=torch.float64)
    for name in ("rk4", "implicit-midpoint", "avf", "hbvm-4-2"):
        end = t2n.integrate(name, motion, start, 0, steps * h, steps=steps)
        print(
            f"{name}, order {t2n.order(t2n.load(name))}: energy {energy(end) - energy(start):+.1e} after {steps} steps"
        )


if __name__ == "__main__":
    main()
