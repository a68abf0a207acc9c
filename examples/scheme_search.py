"""A table that lost a digit on its way into a program, and the scheme with the longest step on a stencil.

python examples/scheme_search.py
"""

import tableau2net as t2n


def repaired() -> t2n.RungeKutta:
    """Kutta's fourth-order method with a 1 where a 2 belongs, mended."""
    wrong = t2n.RungeKutta(
        A=[[], ["1/2"], ["0", "1/2"], ["0", "0", "1"]], b=["1/6", "1/3", "1/2", "1/6"], claims={"order": 4}
    )
    print(f"order {t2n.order(wrong)}, claimed 4")
    (repair, *_) = t2n.repairs(wrong).found
    print(f"  {repair}")
    return repair.table


def longest(stencil: str = "upwind-3", stages: int = 5) -> t2n.RungeKutta:
    """A scheme for one stencil: its polynomial, certified for all waves, as a tableau that compiles."""
    known = t2n.cfl("ssprk-33", stencil)
    print(f"ssprk-33 on {stencil}: {float(known):.4f}, {float(known) / 3:.4f} a stage")
    found = t2n.optimal_stability_polynomial(stencil, stages, order=3)
    print(f"{found}: {float(found.step) / stages:.4f} a stage")
    return found.table


def main() -> None:
    print(f"order {t2n.order(repaired())}")
    for solution in t2n.solve_order("pareschi-russo-2", 3):
        print(f"pareschi-russo-2: {solution}")
    print(t2n.optimise("rk2", "principal-error-norm"))
    table = longest()
    print(f"order {t2n.order(table)} where the field is not linear")


if __name__ == "__main__":
    main()
