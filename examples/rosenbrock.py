"""Stiff problems by Rosenbrock methods, which solve linear systems only: van der Pol's oscillator with ε = 1e-6.

For each scheme the error at t = 2 against a sharper run, the steps and the evaluations of f, at a tolerance. Then a
derivative by ε, through the steps: that of what was computed.

    python examples/rosenbrock.py --tolerance 1e-6
"""

import argparse

import torch

import tableau2net as t2n

SCHEMES = ("rosenbrock-23", "ros3p", "rodas3", "rodas4", "rodas5p", "radau-iia-2")


def van_der_pol(epsilon):
    def f(t, y):
        return torch.stack((y[1], ((1 - y[0] ** 2) * y[1] - y[0]) / epsilon))

    return f


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tolerance", type=float, default=1e-6, help="rtol = atol, above 0 (default: %(default)s)")
    parser.add_argument("--epsilon", type=float, default=1e-6, help="how stiff, above 0 (default: %(default)s)")
    parser.add_argument("--end", type=float, default=2.0, help="the last time, above 0 (default: %(default)s)")
    given = parser.parse_args()
    for name in ("tolerance", "epsilon", "end"):
        if not getattr(given, name) > 0:
            parser.error(f"--{name}: a number above 0 is expected")
    f, start = van_der_pol(given.epsilon), torch.tensor([2.0, -0.66], dtype=torch.float64)
    sharp = t2n.integrate("radau-iia-3", f, start, 0, given.end, rtol=1e-10, atol=1e-10, max_steps=10**6)
    print(f"{'scheme':14} {'error':>8} {'steps':>6} {'rejected':>8} {'evaluations':>11}")
    for name in SCHEMES:
        found = t2n.integrate(name, f, start, 0, given.end, rtol=given.tolerance, atol=given.tolerance, full=True)
        error = ((found.y - sharp).abs() / (1 + sharp.abs())).max()
        print(f"{name:14} {error:8.1e} {found.steps:6} {found.rejected:8} {found.evaluations:11}")

    def at_half(epsilon):
        return t2n.integrate("rodas4", van_der_pol(epsilon), start, 0, 0.5, steps=40)[0]

    epsilon = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(at_half(epsilon), epsilon)
    with torch.no_grad():
        difference = (at_half(epsilon + 1e-5) - at_half(epsilon - 1e-5)) / 2e-5
    print(f"dy(0.5)/dε at ε = 0.1, through the steps of rodas4: {slope:.8f}, by differences {difference:.8f}")


if __name__ == "__main__":
    main()
