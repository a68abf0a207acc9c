"""Stiffness takes the order that is told: exponential integrators on the heat equation, their slopes beside the proof.

u_t = u_xx + ∫u dx + Φ(x, t) on (0, 1) with u = x(1 − x)e^t, zero at the ends, where N is not (Hochbruck & Ostermann,
SIAM J. Numer. Anal. 43, 2005, Example 6.2). Classical order is proved by trees, stiff order by identities in φ.

    python examples/exponential.py
"""

import math

import torch

import tableau2net as t2n

SCHEMES = (
    *("lawson-rk4", "cfree-4", "etd-4rk", "krogstad-4", "strehmel-weiner-4"),
    *("hochbruck-ostermann-4", "exponential-adams-4", "luan-ostermann-5"),
)


def problem(n):
    """N, L and the solution, on n points inside."""
    dx = 1 / (n + 1)
    x = torch.arange(1, n + 1, dtype=torch.float64) * dx
    off = torch.ones(n - 1, dtype=torch.float64)
    second = (torch.diag(off, 1) + torch.diag(off, -1) - 2 * torch.eye(n, dtype=torch.float64)) / dx**2

    def u(t):
        return x * (1 - x) * math.exp(t)

    def nonlinear(t, y):
        return dx * y.sum() + u(t) + 2 * math.exp(t) - dx * u(t).sum()

    return nonlinear, t2n.DenseMatrix(second), u


def main(points=49, steps=(8, 16, 32, 64), schemes=SCHEMES):
    nonlinear, linear, u = problem(points)
    print(f"{'scheme':24}order  stiff  slope   error in {steps[-1]} steps")
    for name in schemes:
        found = [t2n.integrate(name, (nonlinear, linear), u(0), 0, 1, steps=n) for n in steps]
        errors = [float((y - u(1)).abs().max()) for y in found]
        slope = math.log(errors[0] / errors[-1]) / math.log(steps[-1] / steps[0])
        told = t2n.report(t2n.load(name))
        print(f"{name:24}{told.order.order:5}  {told['stiff_order']:5}  {slope:5.2f}   {errors[-1]:.1e}")


if __name__ == "__main__":
    main()
