"""Burgers' equation out of its states: the terms by sparse regression, coefficients through the real step, and a file.

python examples/discover_burgers.py           # on a line, seconds; --plane for PDE-Net 2.0's two velocities
"""

import sys

from tableau2net.discovery import Asked, DiscoveryPlan, discover, observe
from tableau2net.discovery.found import equations
from tableau2net.scheme.saved import dumps


def main(name: str = "burgers-1d", trajectories: int = 6, steps: int = 10, points: int | None = None) -> None:
    data = observe(name, Asked(trajectories=trajectories, steps=steps, points=points, rollout=20, tests=2))
    plan = DiscoveryPlan("library", ("euler", "rk4"))
    result = discover(data, plan)
    for found in result.found:
        exact = "exactly the true terms" if found.support_is_true() else "other terms"
        print(f"through {found.scheme}: {exact}, coefficients within {100 * (found.worst() or 0):.2g} %")
        for line in equations(found):
            print(f"  {line}")
    print(dumps(result.found[-1].equation(data, plan)), end="")


if __name__ == "__main__":
    main("burgers-2d" if "--plane" in sys.argv else "burgers-1d")
