"""PDE-Net by any scheme: the same states and kernels through Euler, RK2 and RK4, coefficients that vary or not.

python examples/pdenet.py                     # constant coefficients, seconds; --mesh for speeds that vary
"""

import sys

from tableau2net.discovery import Asked, DiscoveryPlan, discover, observe


def main(
    mesh: int = 0,
    steps: int = 8,
    trajectories: int = 8,
    points: int | None = None,
    rollout: int = 40,
    iterations: int = 60,
) -> None:
    name = "convection-diffusion" if mesh else "advection"
    data = observe(name, Asked(trajectories=trajectories, steps=steps, rollout=rollout, tests=2))
    plan = DiscoveryPlan(
        "linear",
        ("euler", "rk2", "rk4"),
        mesh=mesh,
        derivatives=2 if mesh else 3,
        blocks=(0, 2),
        pairs=96,
        iterations=iterations,
    )
    result = discover(data, plan, lambda line: print(f"  {line}"))
    for found in result.found:
        print(f"{found.scheme}: squared error after {rollout} steps {found.rollout.at(rollout):.1e}")
        for each in found.coefficients:
            if each.written and each.predicted is not None and each.truth is not None:
                truth, predicted = (f"{float(value.mean()):+.5f}" for value in (each.truth, each.predicted))
                print(f"  {each.term}: {float(each.found.mean()):+.5f}, truth {truth}, predicted {predicted}")


if __name__ == "__main__":
    main(mesh=20 if "--mesh" in sys.argv else 0)
