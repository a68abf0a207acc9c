"""All first differences on seven points that have order 4: one weight is free. What it buys, and what it costs.

    python examples/stencil_family.py

For some of them: the order, the points that a wave needs for an error of one percent, and the largest step of rk4.
"""

from tableau2net.analysis import check
from tableau2net.analysis.generate import generate_stencil
from tableau2net.analysis.space.cfl import cfl
from tableau2net.analysis.space.moments import space_order
from tableau2net.analysis.space.resolution import points_per_wavelength
from tableau2net.exact.text import text_of
from tableau2net.scheme import load

MEMBERS = {
    "five points": "0",
    "highest order": "1/60",
    "Tam and Shen": "0.02084314277031",
    "Tam and Webb": "0.02651995",
    "too much": "1/25",
}


def main() -> None:
    family = generate_stencil(1, [range(-3, 4)], order=4, symmetric=True, name="seven-points")
    print(f"{family.title}: {', '.join(f'w{j} = {text_of(w)}' for (j,), w in family.points.items() if j > 0)}")
    print(f"claims {'hold' if check(family).ok else 'are refuted'} for all values of w3")
    for name, value in MEMBERS.items():
        member = family.with_values(w3=value)
        order, points = space_order(member).order, float(points_per_wavelength(member))
        print(f"{name:14} order {order}  {points:5.2f} points a wave  rk4 to {float(cfl(load('rk4'), member)):.4f}")


if __name__ == "__main__":
    main()
