"""A wave on a periodic grid, stepped right below and right above the exact limit of the scheme on the stencil.

python examples/cfl_limits.py [SCHEME STENCIL]
"""

import sys

import numpy as np

import tableau2net as t2n

STEPS = 100_000


def growth(scheme: str, stencil: str, nu: float, angle: float, points: int = 64) -> float:
    """By what factor the wave nearest to an angle grows in `STEPS` steps, by one step of all its points."""
    table, k = t2n.load(stencil, t2n.Stencil), round(angle * points / (2 * np.pi))
    u = np.exp(2j * np.pi * k / points * np.arange(points))

    def field(t: float, y: complex) -> complex:
        wave = y * u
        moved = sum(float(w) * np.roll(wave, -j) for (j,), w in table.points.items())
        return complex(-(moved / u)[0])

    rk = t2n.load(scheme, t2n.RungeKutta)
    slopes: list[complex] = []
    for row in rk.A:
        slopes.append(field(0, 1 + nu * sum(float(a) * s for a, s in zip(row, slopes, strict=False))))
    after = 1 + nu * sum(float(b) * s for b, s in zip(rk.b, slopes, strict=True))
    return float(abs(after) ** STEPS)


def main(scheme: str = "rk4", stencil: str = "upwind-1") -> dict[str, float]:
    found = t2n.cfl(scheme, stencil)
    print(f"{scheme} on {stencil}: no wave grows up to ν = {found.limit} ≈ {float(found):.6g}; {found.verdict}")
    angle = found.angle or np.pi
    told = {
        side: growth(scheme, stencil, float(found) * by, angle) for side, by in (("below", 0.999), ("above", 1.001))
    }
    for side, factor in told.items():
        print(f"0.1 % {side}: the wave at θ = {angle:.3f} by {factor:.3g} in {STEPS:,} steps")
    return told


if __name__ == "__main__":
    main(*sys.argv[1:])
