"""Burgers' equation by schemes of every kind: one field, whatever steps it, and a stencil learnt on its order set.

python examples/equation_fields.py
"""

from __future__ import annotations

import argparse
import math
import warnings

import torch

import tableau2net as t2n


def main(points: int = 64, steps: int = 60, updates: int = 40) -> None:
    """Steps to t = 1 from a sine, beside RK4 in a tenth of the step; then D_x is learnt from what RK4 gave."""
    torch.set_default_dtype(torch.float64)
    h = 2 * math.pi / points
    u0 = torch.sin(torch.arange(points) * h).view(1, 1, points)
    whole = t2n.field("burgers", h=h)
    rest, linear = (t2n.field("burgers", h=h, part=part) for part in ("rest", "linear"))  # type: ignore[arg-type]
    fine = t2n.integrate("rk4", whole, u0, 0, 1, 10 * steps)
    for scheme in ("ssprk-33", "rk4", "adams-bashforth-3"):
        found = t2n.integrate(scheme, whole, u0, 0, 1, steps)
        print(f"{scheme:20} explicit, error {(found - fine).abs().max():.1e}")
    for scheme in ("ars-222", "ark-324l2sa"):
        found = t2n.integrate(scheme, (rest, linear), u0, 0, 1, steps, solver="resolvent")
        print(f"{scheme:20} IMEX by FFT, error {(found - fine).abs().max():.1e}")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        t2n.integrate("euler", t2n.field(["central-2-4"], h=h), u0, 0, 0.45 * 4 * h * h, 4)
    print(f"before a step that is too large: {told[0].message}")
    learn(whole, u0, h, updates)


def learn(whole: torch.nn.Module, u0: torch.Tensor, h: float, updates: int) -> None:
    """D_x of order 2 on five points becomes one of order 4 by what it is shown; its order is 2 all the way."""
    stencils = {"x": "central-1-2", "xx": "central-2-4"}
    field = t2n.field(stencils, "-u*u_x + 1/20*u_xx", h=h, learn="constrained", keep_order=2, size=5)
    shown = sum(torch.sin(k * torch.arange(u0.numel()) * h + k) for k in range(1, 6)).view_as(u0)  # waves of all kinds
    exact = {"max_iter": updates, "line_search_fn": "strong_wolfe", "tolerance_grad": 1e-12, "tolerance_change": 1e-15}
    optimiser = torch.optim.LBFGS(field.parameters(), **exact)  # type: ignore[arg-type]

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = (field(shown) - whole(shown)).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    before = closure().item()
    optimiser.step(closure)  # type: ignore[no-untyped-call]
    (first, _) = t2n.stencils_of(field)
    weights = ", ".join(f"{float(w):.4f}" for w in first.stencil.points.values())
    print(f"learnt D_x: {weights}, order {t2n.order(first.stencil)}; loss {before:.1e} to {closure().item():.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=64)
    main(parser.parse_args().points)
