"""Equations whose solutions are known well enough to find the equation again: data of stated noise, by name.

All but the last are on a periodic box [0, 2π]^d. `terms` says the right-hand side of each state: a coefficient, or a
function of the coordinates, for each product of states and derivatives, written as `u u_x`.

Sources: Z. Long, Y. Lu, X. Ma, B. Dong, PDE-Net, ICML 2018 (convection-diffusion, reaction-diffusion); Z. Long, Y. Lu,
B. Dong, PDE-Net 2.0, J. Comput. Phys. 399 (2019) 108925 (Burgers, heat, convection-diffusion-reaction).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tableau2net.discovery.cole_hopf import cole_hopf
from tableau2net.discovery.spectral import Box, Nonlinear, march
from tableau2net.errors import InputError

Coefficient = float | Callable[..., Tensor]  # one number, or a function of the coordinates


@dataclass(frozen=True)
class Drawn:
    """What is to be made of a problem: so many trajectories from random states, Δt apart, steps + 1 times each.

    points: along each axis, as observed.  finer: how many times as many the solver has.  highest: wavenumber of the
    random initial states."""

    trajectories: int
    steps: int
    dt: float
    points: int
    finer: int
    highest: int
    generator: torch.Generator


@dataclass(frozen=True)
class KnownEquation:
    """An equation with its truth. solve: clean states of a `Drawn`, (trajectories, times, states, *space)."""

    title: str
    states: tuple[str, ...]
    terms: Mapping[str, Mapping[str, Coefficient]]
    solve: Callable[[Drawn], Tensor]
    axes: int
    points: int
    dt: float
    finer: int = 1
    highest: int = 4
    trajectories: int = 12
    noise: float = 0.0
    boundary: str = "periodic"
    derivatives: int = 2
    degree: int = 2

    @property
    def h(self) -> float:
        return 2 * math.pi / self.points

    @property
    def varies(self) -> bool:
        """Whether a coefficient depends on the place."""
        return any(callable(value) for terms in self.terms.values() for value in terms.values())


def _advection(drawn: Drawn) -> Tensor:
    box = Box((drawn.points,))
    start = box.noise((drawn.trajectories, 1), drawn.highest, drawn.generator)
    return torch.stack(list(march(box, -1j * box.waves[0], None, start, drawn.dt, drawn.steps)), 1)


def _heat(drawn: Drawn) -> Tensor:
    box = Box((drawn.points,) * 2)
    start = box.noise((drawn.trajectories, 1), drawn.highest, drawn.generator)
    return torch.stack(list(march(box, -HEAT * box.squares, None, start, drawn.dt, drawn.steps)), 1)


def _burgers_1d(drawn: Drawn, least: int = 512) -> Tensor:
    """By Cole and Hopf on a fine grid; a mean speed of its own moves each trajectory, which is a shift of its waves."""
    finer = math.ceil(least / drawn.points)
    box = Box((finer * drawn.points,))
    (k,) = box.waves
    start = box.coefficients(box.noise((drawn.trajectories, 1), drawn.highest, drawn.generator)) * (k > 0)
    speeds = torch.randn(drawn.trajectories, 1, 1, generator=drawn.generator, dtype=torch.float64)
    potential = box.values(start * torch.where(k > 0, -1j / k.clamp(min=1), 0))[:, 0]
    found = [box.values(start)]
    for t in (n * drawn.dt for n in range(1, drawn.steps + 1)):
        still = box.coefficients(cole_hopf(potential, BURGERS_1D, t, box.shape[0], axes=1))
        found.append(box.values(still * torch.exp(-1j * k * speeds * t)))
    return torch.stack(found, 1)[..., ::finer] + speeds[..., None]


def convection(
    box: Box, viscosity: float, source: Callable[[Tensor], Tensor] | None = None
) -> tuple[Tensor, Nonlinear]:
    """The linear part ν Δ and the rest −(u·∇)u + source(u) of a field of as many states as axes, of dim 1."""
    axes = len(box.shape)

    def rest(state: Tensor) -> Tensor:
        u = box.values(state)
        slopes = [box.values(box.derivative(state, axis)) for axis in range(axes)]
        total = sum((-u[:, axis : axis + 1] * slopes[axis] for axis in range(axes)), torch.zeros_like(u))
        return box.coefficients(total if source is None else total + source(u))

    return -viscosity * box.squares, rest


def _burgers_2d(drawn: Drawn) -> Tensor:
    return _convected(drawn, Box((drawn.points * drawn.finer,) * 2, degree=2), BURGERS_2D, None)


def limit_cycle(u: Tensor) -> Tensor:
    """(1 − A) u + A v, −A u + (1 − A) v with A = u² + v²."""
    square = u.square().sum(1, keepdim=True)
    turned = torch.stack((u[:, 1], -u[:, 0]), 1)
    return (1 - square) * u + square * turned


def _convection_diffusion_reaction(drawn: Drawn) -> Tensor:
    return _convected(drawn, Box((drawn.points * drawn.finer,) * 2, degree=3), REACTING, limit_cycle)


def _convected(drawn: Drawn, box: Box, viscosity: float, source: Callable[[Tensor], Tensor] | None) -> Tensor:
    """From noise of deviation 0.6 about a mean of its own in [−2, 2]: states of the size of the authors'."""
    linear, rest = convection(box, viscosity, source)
    start = box.noise((drawn.trajectories, 2), drawn.highest, drawn.generator)
    means = torch.rand(drawn.trajectories, 2, 1, 1, generator=drawn.generator, dtype=torch.float64)
    start = 0.6 * start + 4 * means - 2
    every = (..., slice(None, None, drawn.finer), slice(None, None, drawn.finer))
    return torch.stack([u[every] for u in march(box, linear, rest, start, drawn.dt, drawn.steps)], 1)


def speed_x(x: Tensor, y: Tensor) -> Tensor:
    """a of PDE-Net's first problem: ½ (cos y + x (2π − x) sin x) + 0.6."""
    return 0.5 * (torch.cos(y) + x * (2 * math.pi - x) * torch.sin(x)) + 0.6


def speed_y(x: Tensor, y: Tensor) -> Tensor:
    """b of PDE-Net's first problem: 2 (cos y + sin x) + 0.8."""
    return 2 * (torch.cos(y) + torch.sin(x)) + 0.8


def _convection_diffusion(drawn: Drawn) -> Tensor:
    box = Box((drawn.points * drawn.finer,) * 2, degree=2)
    a, b = speed_x(*box.points), speed_y(*box.points)

    def rest(state: Tensor) -> Tensor:
        slopes = (box.values(box.derivative(state, axis)) for axis in (0, 1))
        return box.coefficients(a * next(slopes) + b * next(slopes))

    linear = -(DIFFUSED[0] * box.waves[0].square() + DIFFUSED[1] * box.waves[1].square())
    start = box.noise((drawn.trajectories, 1), drawn.highest, drawn.generator)
    every = (..., slice(None, None, drawn.finer), slice(None, None, drawn.finer))
    return torch.stack([u[every] for u in march(box, linear, rest, start, drawn.dt, drawn.steps, inner=4)], 1)


def _reaction_diffusion(drawn: Drawn) -> Tensor:
    """0 at the ends of [0, 2π]²: odd about them, on a box of twice the length. The inner points alone are observed."""
    box = Box((2 * drawn.points * drawn.finer,) * 2, length=4 * math.pi, degree=2)
    waves = torch.arange(1, 2 * drawn.highest + 1, dtype=torch.float64) / 2
    sines = torch.sin(waves[:, None] * box.points[0][:, 0])
    drawn_waves = torch.randn(
        drawn.trajectories, 1, len(waves), len(waves), generator=drawn.generator, dtype=torch.float64
    )
    start = sines.T @ drawn_waves @ sines
    start = 5 * start / start.std(dim=(-2, -1), keepdim=True)

    def rest(state: Tensor) -> Tensor:
        return box.coefficients(SOURCE * torch.sin(box.values(state)))

    half = slice(drawn.finer, drawn.points * drawn.finer, drawn.finer)
    states = march(box, -REACTED * box.squares, rest, start, drawn.dt, drawn.steps, inner=2)
    return torch.stack([u[..., half, half] for u in states], 1)


HEAT, BURGERS_1D, BURGERS_2D, REACTING, REACTED, SOURCE, DIFFUSED = 0.1, 0.1, 0.05, 0.1, 0.3, 15.0, (0.2, 0.3)

_CONVECTED = {s: {f"u {s}_x": -1.0, f"v {s}_y": -1.0} for s in "uv"}
_REACTED = {
    "u": {"u": 1.0, "u u u": -1.0, "u v v": -1.0, "u u v": 1.0, "v v v": 1.0},
    "v": {"v": 1.0, "u u v": -1.0, "v v v": -1.0, "u u u": -1.0, "u v v": -1.0},
}

PROBLEMS: dict[str, KnownEquation] = {
    "advection": KnownEquation("a shift", ("u",), {"u": {"u_x": -1.0}}, _advection, axes=1, points=64, dt=0.02),
    "heat": KnownEquation(
        "e^(−νk²t)", ("u",), {"u": {"u_xx": HEAT, "u_yy": HEAT}}, _heat, axes=2, points=32, dt=0.01
    ),
    "burgers-1d": KnownEquation(
        "Burgers, by Cole and Hopf", ("u",), {"u": {"u u_x": -1.0, "u_xx": BURGERS_1D}}, _burgers_1d,
        axes=1, points=128, dt=0.005,
    ),
    "burgers-2d": KnownEquation(
        "Burgers of PDE-Net 2.0", ("u", "v"),
        {s: _CONVECTED[s] | {f"{s}_xx": BURGERS_2D, f"{s}_yy": BURGERS_2D} for s in "uv"},
        _burgers_2d, axes=2, points=32, dt=0.01, finer=4, noise=0.001,
    ),
    "convection-diffusion": KnownEquation(
        "PDE-Net's first, speeds that vary", ("u",),
        {"u": {"u_x": speed_x, "u_y": speed_y, "u_xx": DIFFUSED[0], "u_yy": DIFFUSED[1]}}, _convection_diffusion,
        axes=2, points=50, dt=0.015, finer=5, trajectories=24,
    ),
    "convection-diffusion-reaction": KnownEquation(
        "towards a limit cycle, of PDE-Net 2.0", ("u", "v"),
        {s: _CONVECTED[s] | {f"{s}_xx": REACTING, f"{s}_yy": REACTING} | _REACTED[s] for s in "uv"},
        _convection_diffusion_reaction, axes=2, points=32, dt=0.01, finer=4, noise=0.001, degree=3,
    ),
    "reaction-diffusion": KnownEquation(
        "PDE-Net's second, a source 15 sin u, 0 at the ends", ("u",),
        {"u": {"u_xx": REACTED, "u_yy": REACTED, "sin(u)": SOURCE}}, _reaction_diffusion,
        axes=2, points=50, dt=0.01, finer=3, trajectories=8, boundary="dirichlet",
    ),
}  # fmt: skip


def known(name: str) -> KnownEquation:
    """The problem of that name. Raises InputError, which names those there are."""
    if name not in PROBLEMS:
        raise InputError(f"{name[:60]}: no such data; a .npz file, or one of {', '.join(PROBLEMS)}")
    return PROBLEMS[name]
