"""A step of an equation: fields of stencils beside the convolutions that a person writes, and beside findiff.

python -m benchmarks.space_steps [--runs 40] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional

import tableau2net as t2n
from benchmarks import goals
from benchmarks.candidate import Candidate, Row, measured
from benchmarks.goals import Goal
from benchmarks.sheet import Sheet, machine, of_rows
from benchmarks.timing import minima

FIRST = torch.tensor([1.0, -8.0, 0.0, 8.0, -1.0]) / 12
SECOND = torch.tensor([-1.0, 16.0, -30.0, 16.0, -1.0]) / 12
BOUND = 1.05  # times what a person's convolutions take


def plane(along: Tensor, axis: int, h: float, order: int) -> Tensor:
    """A stencil along an axis as a kernel of 5×5."""
    kernel = torch.zeros(5, 5)
    kernel.select(1 - axis, 2).copy_(along / h**order)
    return kernel


class Burgers(nn.Module):
    """u_t = −u u_x − v u_y + ν Δu of two velocities: three kernels a state, grouped, on a padded state."""

    def __init__(self, h: float, nu: float) -> None:
        super().__init__()
        laplace = plane(SECOND, 0, h, 2) + plane(SECOND, 1, h, 2)
        kernels = torch.stack([plane(FIRST, 0, h, 1), plane(FIRST, 1, h, 1), nu * laplace])
        self.register_buffer("weight", kernels.repeat(2, 1, 1).unsqueeze(1))

    def forward(self, y: Tensor) -> Tensor:
        padded = functional.pad(y, (2, 2, 2, 2), mode="circular")
        d = functional.conv2d(padded, self.weight, groups=2)  # type: ignore[arg-type]
        u, v = y[:, :1], y[:, 1:]
        return torch.cat([d[:, 2:3] - u * d[:, 0:1] - v * d[:, 1:2], d[:, 5:6] - u * d[:, 3:4] - v * d[:, 4:5]], 1)


class Diffusing(nn.Module):
    """u_t = 0.3 Δu + 15 sin u, zero beyond the ends: one kernel."""

    def __init__(self, h: float) -> None:
        super().__init__()
        self.register_buffer("weight", 0.3 * (plane(SECOND, 0, h, 2) + plane(SECOND, 1, h, 2)).view(1, 1, 5, 5))

    def forward(self, y: Tensor) -> Tensor:
        return functional.conv2d(y, self.weight, padding=2) + 15 * torch.sin(y)  # type: ignore[arg-type]


class Advecting(nn.Module):
    """u_t = −u_x on a line."""

    def __init__(self, h: float) -> None:
        super().__init__()
        self.register_buffer("weight", (-FIRST / h).view(1, 1, 5))

    def forward(self, y: Tensor) -> Tensor:
        return functional.conv1d(functional.pad(y, (2, 2), mode="circular"), self.weight)  # type: ignore[arg-type]


class Learning(nn.Module):
    """u_t = c_1 u_x + … with 5×5 kernels made of moments, as PDE-Net writes it: V⁻¹ M V⁻ᵀ, one convolution."""

    def __init__(self, h: float) -> None:
        super().__init__()
        grid = torch.arange(-2.0, 3.0)
        powers = torch.stack([grid**i / math.factorial(i) for i in range(5)])
        self.register_buffer("inverse", torch.linalg.inv(powers))
        orders = [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
        fixed, free = torch.zeros(5, 5, 5), torch.ones(5, 5, 5)
        for k, (i, j) in enumerate(orders):
            fixed[k, i, j] = 1
            free[k] = (torch.arange(5).view(5, 1) + torch.arange(5) >= i + j + 2).float()
        self.register_buffer("fixed", fixed)
        self.register_buffer("free", free)
        self.moments = nn.Parameter(torch.zeros(5, 5, 5))
        self.c = nn.Parameter(torch.ones(5))
        self.register_buffer("scale", torch.tensor([h ** -(i + j) for i, j in orders]))

    def forward(self, y: Tensor) -> Tensor:
        inverse, moments = self.inverse, self.fixed + self.free * self.moments  # type: ignore[operator]
        kernels = torch.einsum("ai,kij,bj->kab", inverse, moments, inverse) * self.scale.view(5, 1, 1)  # type: ignore[operator]
        padded = functional.pad(y, (2, 2, 2, 2), mode="circular")
        d = functional.conv2d(padded, kernels.unsqueeze(1))
        return (d * self.c.view(5, 1, 1)).sum(1, keepdim=True)


BURGERS = ["-u*u_x - v*u_y + 1/20*(u_xx + u_yy)", "-u*v_x - v*v_y + 1/20*(v_xx + v_yy)"]


def learning(h: float) -> nn.Module:
    stencils = {"x": "central-1-4", "y": "central-1-4", "xx": "central-2-4", "xy": "central-1-4", "yy": "central-2-4"}
    text = "a*u_x + b*u_y + c*u_xx + d*u_xy + e*u_yy"
    return t2n.field(stencils, text, h=h, learn="constrained", keep_order=2, size=5)


WORKS: dict[str, tuple[tuple[int, ...], Callable[[], nn.Module], Callable[[], nn.Module]]] = {
    "Burgers in the plane, 8 × 2 × 64²": (
        (8, 2, 64, 64),
        lambda: t2n.field(["central-1-4", "central-2-4"], BURGERS, states=("u", "v"), dimension=2, h=0.1),
        lambda: Burgers(0.1, 0.05),
    ),
    "diffusion with a source, 8 × 128²": (
        (8, 1, 128, 128),
        lambda: t2n.field("pde-net-b", h=0.1),
        lambda: Diffusing(0.1),
    ),
    "advection, 64 × 1024": (
        (64, 1, 1024),
        lambda: t2n.field(["central-1-4"], "-u_x", h=0.1),
        lambda: Advecting(0.1),
    ),
    "learnt stencils, 24 × 50²": ((24, 1, 50, 50), lambda: learning(0.1), lambda: Learning(0.1)),
}


def works(runs: int) -> dict[str, list[Row]]:
    """A step of rk4 with each field."""
    torch.manual_seed(0)
    made = t2n.compile("rk4")
    found = {}
    for name, (shape, ours, theirs) in WORKS.items():
        y = torch.randn(shape, requires_grad=True)
        blocks = {"field": made([ours()], h=1e-4), "convolutions by hand": made([theirs()], h=1e-4)}
        with torch.no_grad():
            a, b = (block(y) for block in blocks.values())
            assert torch.allclose(a, b, atol=1e-3), name
        candidates = [Candidate(key, partial(block, y), (block,)) for key, block in blocks.items()]
        found[name] = measured(candidates, y, runs)
    return found


def beside_findiff(runs: int) -> dict[str, float]:
    """Seconds of Δu on 256 × 256 points of a torus, order 4, in double precision."""
    from findiff import Diff

    n, h = 256, 0.1
    u = torch.randn(n, n, dtype=torch.float64)
    field = t2n.field(["central-2-4"], dimension=2, h=h).double()
    x, y = (Diff(axis, h) for axis in (0, 1))
    laplace = x**2 + y**2
    laplace.set_accuracy(4)
    array = u.numpy()
    inner = (slice(4, -4),) * 2  # findiff has one-sided rows at the ends
    np.testing.assert_allclose(field(u).numpy()[inner], laplace(array)[inner], rtol=1e-9, atol=1e-6)
    return minima({"field": lambda: field(u), "findiff": lambda: laplace(array)}, runs, torch.device("cpu"))


def tables(rows: dict[str, list[Row]], findiff: dict[str, float]) -> tuple[list[Sheet], list[Goal]]:
    """What was measured, and the goals: no more than `BOUND` times a person's convolutions."""
    sheets = [of_rows(f"One step of rk4: {name}", found) for name, found in rows.items()]
    cells = [(name, f"{1e3 * t:.2f}", f"{t / findiff['field']:.2f}") for name, t in findiff.items()]
    sheets.append(Sheet("Δu on 256 × 256 points, order 4", ("", "ms", "ratio"), tuple(cells)))
    wanted = []
    for name, found in rows.items():
        for what, figure in (("forward", "forward_ms"), ("with backward", "both_ms")):
            ratio = 1 / goals.ratio(found, "convolutions by hand", figure)
            wanted.append(Goal(f"{name}: field over convolutions by hand, {what}", ratio, BOUND))
    return sheets, wanted


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and leave the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    rows, findiff = works(asked.runs), beside_findiff(asked.runs)
    sheets, wanted = tables(rows, findiff)
    about: dict[str, Any] = machine(torch.device("cpu"))
    console = Console()
    for sheet in (*sheets, goals.sheet(wanted)):
        console.print(sheet.rich())
    console.print(about)
    if asked.json:
        figures = {name: [asdict(row) for row in found] for name, found in rows.items()}
        asked.json.write_text(json.dumps({"about": about, "figures": figures, "findiff": findiff}, indent=1))


if __name__ == "__main__":
    main()
