"""The energy of pendulums and of three bodies over long times, by schemes of all kinds at equal evaluations.

python examples/energy_drift.py [docs/images]
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from torch import Tensor

import tableau2net as t2n
from tableau2net.plot.style import LINES, image, plain

G = 9.8
SEPARABLE = (
    *("stormer-verlet-velocity", "forest-ruth-4", "blanes-moan-srkn-4", "yoshida-6-a", "gauss-2", "avf"),
    *("euler", "rk4", "dormand-prince-54"),
)
NOT_SEPARABLE = ("symplectic-euler", "lobatto-iiia-iiib-2", "gauss-1", "gauss-2", "avf", "euler", "rk4", SEPARABLE[-1])
SOLVER: Any = {"solver": "anderson", "tolerance": 1e-11}  # of implicit stages; nothing here is stiff
THEMES = {"": ("#33383f", "#d9dde3", "white"), "-dark": ("#c9d1d9", "#30363d", "#0d1117")}  # ink, grid, paper


def single(q: Tensor, p: Tensor) -> Tensor:
    """The pendulum, H = p²/2 − cos q."""
    return (p.square() / 2 - q.cos()).sum(-1)


def double(q: Tensor, p: Tensor) -> Tensor:
    """Two unit masses on two rods of length 1: H = pᵀM(q)⁻¹p/2 + V(q), which is not separable."""
    c = (q[..., 0] - q[..., 1]).cos()
    kinetic = (p[..., 0] ** 2 - 2 * c * p[..., 0] * p[..., 1] + 2 * p[..., 1] ** 2) / (2 * (2 - c**2))
    return kinetic - 2 * G * q[..., 0].cos() - G * q[..., 1].cos()


def gravity(masses: tuple[float, ...]) -> tuple[Any, Any]:
    """K and V of bodies in the plane, their coordinates one behind the other."""
    m = torch.tensor(masses, dtype=torch.float64)
    i, j = torch.triu_indices(len(m), len(m), 1)

    def kinetic(p: Tensor) -> Tensor:
        return (p.unflatten(-1, (-1, 2)).square().sum(-1) / (2 * m)).sum(-1)

    def potential(q: Tensor) -> Tensor:
        at = q.unflatten(-1, (-1, 2))
        between = (at[..., i, :] - at[..., j, :]).square().sum(-1).sqrt()
        return -(m[i] * m[j] / between).sum(-1)

    return kinetic, potential


class System(NamedTuple):
    """What is integrated. field: of one state.  separable: whether its `pair` fits explicit symplectic schemes.
    time: how long, for each 1,000 gradients of H."""

    title: str
    field: Any
    separable: bool
    y0: tuple[float, ...]
    time: float


EIGHT = (0.97000436, -0.24308753, -0.97000436, 0.24308753, 0.0, 0.0)  # Chenciner, Montgomery 2000, as C. Simó found it
SWING = (0.93240737 / 2, 0.86473146 / 2)
SYSTEMS = {
    "pendulum": System(
        "pendulum", t2n.SeparableField(lambda p: p.square().sum(-1) / 2, lambda q: -q.cos().sum(-1)), True, (2, 0), 60
    ),
    "double": System("double pendulum", t2n.GradientField(double), False, (2, 1.5, 0, 0), 6),
    "eight": System(
        "three bodies: the figure eight",
        t2n.SeparableField(*gravity((1, 1, 1))),
        True,
        (*EIGHT, *SWING, *SWING, -2 * SWING[0], -2 * SWING[1]),
        30,
    ),
    "burrau": System(
        "three bodies: 3, 4 and 5 at rest (Burrau)",
        t2n.SeparableField(*gravity((3, 4, 5))),
        True,
        (1, 3, -2, -1, 1, -1, *[0] * 6),
        1.6,
    ),
}


def drift(system: System, name: str, gradients: int) -> Any:
    """A scheme with so many gradients of H, as nearly as its steps allow; half of one, of q or p alone, counts half."""
    partitioned = isinstance(scheme := t2n.load(name), t2n.PartitionedRungeKutta)
    y0, time = torch.tensor(system.y0, dtype=torch.float64), system.time * gradients / 1000
    field = Whole(system.field) if system.separable and not partitioned else system.field
    share = 2 if partitioned else 1
    if name == "dormand-prince-54":
        return by_tolerance(field, y0, time, gradients), 1
    each, trial = 4.0, max(4, gradients // 100)
    for _ in range(2):  # implicit stages take as many evaluations as the size of the step asks for
        tried = t2n.energy_drift(scheme, field, y0, time * trial * each / gradients, trial, **SOLVER)
        each = tried.evaluations / share / trial
    return t2n.energy_drift(scheme, field, y0, time, max(1, round(gradients / each)), **SOLVER), share


def by_tolerance(field: Any, y0: Tensor, time: float, gradients: int) -> Any:
    """The smallest tolerance that so many gradients are enough for."""
    found = None
    for digits in range(2, 13):
        options = {"rtol": 10.0**-digits, "atol": 10.0**-digits, "max_steps": gradients // 6}
        try:
            found = t2n.energy_drift("dormand-prince-54", field, y0, time, **options)
        except t2n.IntegrationError:  # not to be done in so many steps; where the error is large more may be asked for
            if found is not None and found.largest < 0.1:
                break
    if found is None:
        raise t2n.IntegrationError("no tolerance is to be had in so many steps")
    return found


class Whole:
    """A separable field without its pair."""

    canonical = True

    def __init__(self, field: Any) -> None:
        self.field, self.energy = field, field.energy

    def __call__(self, *at: Any) -> Tensor:
        slope: Tensor = self.field(*at)
        return slope


def measured(gradients: int, systems: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Prints a table, and returns what is drawn."""
    found: dict[str, dict[str, Any]] = {}
    for key in systems:
        system = SYSTEMS[key]
        scale = float(system.field.energy(torch.tensor(system.y0, dtype=torch.float64)).abs())
        print(
            f"{system.title}, to t = {system.time * gradients / 1000:g}, {gradients} gradients of H; |H| = {scale:.3f}"
        )
        print("  scheme                   symplectic  keeps H  gradients  max |ΔH|/|H|   rise in a unit of time")
        found[key] = {}
        for name in SEPARABLE if system.separable else NOT_SEPARABLE:
            try:
                told, share = drift(system, name, gradients)
            except t2n.IntegrationError as error:
                print(f"  {name:24} {str(error)[:80]}")
                continue
            words = [{True: "yes", False: "no", None: ""}[x] for x in (told.symplectic, told.energy_preserving)]
            print(
                f"  {name:24} {words[0]:10}  {words[1]:7}  {told.evaluations / share:9.0f}  "
                f"{told.largest / scale:12.1e}   {told.rate / scale:9.1e}"
            )
            found[key][name] = told.t, (told.error.abs() / scale).cummax(0).values, bool(told.symplectic)
    return found


def palette(paper: str) -> list[str]:
    """Colours of lines, lighter on dark paper."""
    lighter = 0.0 if paper == "white" else 0.3
    named = (*LINES, "#33383f", "#7f8c8d", "#e6b800", "#e377c2")
    return [to_hex([x + lighter * (1 - x) for x in to_rgb(name)]) for name in named]


def drawn(found: dict[str, dict[str, Any]], ink: str, faint: str, paper: str) -> Figure:
    """The largest error of the energy so far: symplectic and energy-preserving schemes in full lines."""
    names = list(dict.fromkeys(name for lines in found.values() for name in lines))
    figure = Figure(figsize=(9.6, 3.4 * math.ceil(len(found) / 2)), dpi=150, facecolor=paper, layout="constrained")
    grid = figure.subplots(math.ceil(len(found) / 2), min(2, len(found)), squeeze=False)
    for axes in grid.flat[len(found) :]:
        axes.set_visible(False)
    for axes, (key, lines) in zip(grid.flat, found.items(), strict=False):
        axes.set_facecolor(paper)
        plain(axes)
        axes.tick_params(which="both", colors=ink)
        axes.grid(True, color=faint, lw=0.6)
        for name, (t, error, symplectic) in lines.items():
            kept = symplectic or name == "avf"
            axes.plot(
                t[1:],
                error[1:].clamp(1e-12, 1e3),
                color=palette(paper)[names.index(name)],
                ls="-" if kept else (0, (3, 1.5)),
                lw=1.5,
                label=name,
            )
        axes.set(xscale="log", yscale="log", ylim=(1e-8, 30))
        axes.set_title(SYSTEMS[key].title, size=10, color=ink)
        axes.set_xlabel("time", size=9, color=ink)
    grid[0][0].set_ylabel("largest |ΔH|/|H| so far", size=9, color=ink)
    shown = {label: line for axes in grid.flat for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(
        [shown[name] for name in names], names, loc="outside right upper", frameon=False, fontsize=8.5, labelcolor=ink
    )
    return figure


def main(target: str | None = None, gradients: int = 6000, systems: tuple[str, ...] = tuple(SYSTEMS)) -> None:
    """Measures, and draws into a folder where one is given: energy-drift.png and energy-drift-dark.png."""
    found = measured(gradients, systems)
    if target is not None:
        for theme, colours in THEMES.items():
            Path(target, f"energy-drift{theme}.png").write_bytes(image(drawn(found, *colours)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", help="a folder for the pictures")
    parser.add_argument("--gradients", type=int, default=6000)
    arguments = parser.parse_args()
    if arguments.gradients < 20:
        parser.error("--gradients: at least 20, a few steps of each scheme")
    main(arguments.target, arguments.gradients)
