"""Non-stiff problems beside torchdiffeq's dopri5 and torchode's solvers: time at equal error, in one process, in turns.

    python -m benchmarks.work_precision                          # all problems and batches
    python -m benchmarks.work_precision arenstorf --batches 1,32 --gradient
    python -m benchmarks.work_precision --figure docs/images/work-precision.png

Each solver is run over tolerances; the time at an error is interpolated between the runs on both sides of it, in
logarithms. The error is the root mean square over the batch at the end, relative to that of the solution, against a
method of order 8 at 1e-13. Fields are compiled by torch.jit.script for all; so is torchode itself, which chooses steps
for each member of a batch by itself, as the others do for the batch. All in double precision.
"""

from __future__ import annotations

import argparse
import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import tableau2net as t2n
from benchmarks.libraries import imported
from benchmarks.sheet import line, machine

OURS = ("dormand-prince-54", "tsitouras-54", "verner-65-efficient", "dormand-prince-87")
EACH = "tsitouras-54"
FIRST = "torchdiffeq dopri5"
BATCHES = (1, 32, 1000)
D = torch.float64
Run = Callable[[], Tensor]


class LotkaVolterra(nn.Module):
    """a' = a(1.5 − b), b' = b(a − 3)."""

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        a, b = y[:, 0], y[:, 1]
        return torch.stack((a * (1.5 - b), b * (a - 3.0)), 1)


class Arenstorf(nn.Module):
    """Three bodies in the plane, the third without mass (Hairer, Nørsett & Wanner I, II.0, eq. 0.1)."""

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        place, speed = y[:, :2], y[:, 2:]
        moon, earth = 0.012277471, 1.0 - 0.012277471
        x, v = place[:, 0], place[:, 1]
        first = earth / ((x + moon) * (x + moon) + v * v).pow(1.5)
        second = moon / ((x - earth) * (x - earth) + v * v).pow(1.5)
        there = x + 2 * speed[:, 1] - first * (x + moon) - second * (x - earth)
        across = v - 2 * speed[:, 0] - (first + second) * v
        return torch.stack((speed[:, 0], speed[:, 1], there, across), 1)


class Network(nn.Module):
    """A field of two layers of 256."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.inner, self.outer = nn.Linear(256, 256, dtype=D), nn.Linear(256, 256, dtype=D)
            for layer in (self.inner, self.outer):
                nn.init.orthogonal_(layer.weight, 1.5)

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        return self.outer(torch.tanh(self.inner(y)))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Problem:
    """y' = f from `start` of a batch to `end`. digits: of the tolerances."""

    field: Callable[[], nn.Module]
    start: Callable[[int], Tensor]
    end: float
    digits: tuple[int, ...]


def _drawn(batch: int, width: int) -> Tensor:
    return torch.rand(batch, width, dtype=D, generator=torch.Generator().manual_seed(1))


def _orbits(batch: int) -> Tensor:
    """Beside Arenstorf's orbit, whose members come near the moon at times of their own."""
    y = torch.tensor([0.994, 0.0, 0.0, -2.00158510637908252240537862224], dtype=D)
    return y * (1 + 2e-3 * _drawn(batch, 4) * (batch > 1))


PROBLEMS = {
    "lotka-volterra": Problem(LotkaVolterra, lambda n: 1 + _drawn(n, 2), 10.0, (3, 5, 7, 9)),
    "arenstorf": Problem(Arenstorf, _orbits, 6.0, (4, 6, 8)),
    "network": Problem(Network, lambda n: 2 * _drawn(n, 256) - 1, 2.0, (3, 5, 7)),
}


def runs_of(problem: Problem, batch: int, methods: Sequence[str] = OURS) -> dict[str, Callable[[float], Tensor]]:
    """By name, what integrates from the start at a tolerance."""
    field, start, end = torch.jit.script(problem.field()), problem.start(batch), problem.end
    found: dict[str, Callable[[float], Tensor]] = {}
    nowhere = torch.zeros(())  # the fields do not look at the time

    def timeless(t: object, y: Tensor) -> Tensor:
        return field(nowhere, y)  # type: ignore[no-any-return]

    def ours(name: str, norm: Any, tolerance: float) -> Tensor:
        y: Tensor = t2n.integrate(name, timeless, _leaf(start), 0, end, rtol=tolerance, atol=tolerance, norm=norm)
        return y

    if diffeq := imported("torchdiffeq"):
        times = torch.tensor([0.0, end], dtype=D)

        def theirs(tolerance: float) -> Tensor:
            y: Tensor = diffeq.odeint(field, _leaf(start), times, rtol=tolerance, atol=tolerance, method="dopri5")[-1]
            return y

        found[FIRST] = theirs
    if ode := imported("torchode"):
        ends = torch.tensor([[0.0, end]], dtype=D).expand(batch, 2)
        for name, method in (("dopri5", ode.Dopri5), ("tsit5", ode.Tsit5)):
            solvers: dict[float, Any] = {}

            def compiled(tolerance: float, method: Any = method, solvers: dict[float, Any] = solvers) -> Tensor:
                if tolerance not in solvers:
                    term = ode.ODETerm(field)
                    steps = ode.IntegralController(atol=tolerance, rtol=tolerance, term=term)
                    solvers[tolerance] = torch.jit.script(ode.AutoDiffAdjoint(method(term=term), steps).to(D))
                y: Tensor = solvers[tolerance].solve(ode.InitialValueProblem(_leaf(start), ends[:, 0], ends[:, 1])).ys
                return y[:, -1]

            found[f"torchode {name}"] = compiled
    found |= {name: partial(ours, name, "rms") for name in methods}
    if batch > 1:
        found[f"{EACH}, each its steps"] = partial(ours, EACH, "each")
    return found


def _leaf(start: Tensor) -> Tensor:
    return start.clone().requires_grad_() if torch.is_grad_enabled() else start


def timed(run: Callable[[float], Tensor], tolerance: float, *, gradient: bool) -> tuple[float, Tensor]:
    """How long a run takes, with the gradient of the sum by the start and all weights where asked for; its end."""
    begun = time.perf_counter()
    if gradient:
        y = run(tolerance)
        y.sum().backward()  # type: ignore[no-untyped-call]
    else:
        with torch.no_grad():
            y = run(tolerance)
    return time.perf_counter() - begun, y.detach()


@dataclass(frozen=True)
class Curve:
    """Errors, falling, and the seconds each took."""

    errors: tuple[float, ...]
    seconds: tuple[float, ...]

    def at(self, error: float) -> float:
        """The seconds at an error, between two runs; nan beyond them."""
        for (e, s), (finer, longer) in pairwise(zip(self.errors, self.seconds, strict=True)):
            if finer <= error <= e:
                share = math.log(e / error) / math.log(e / finer)
                return float(s ** (1 - share) * longer**share)
        return math.nan


def curves(problem: Problem, batch: int, rounds: int, *, gradient: bool) -> dict[str, Curve]:
    """Of each solver the medians over rounds, in which all take turns at all tolerances."""
    runs = runs_of(problem, batch)
    exact = t2n.integrate(
        "dormand-prince-87", problem.field(), problem.start(batch), 0, problem.end, rtol=1e-13, atol=1e-13
    ).detach()
    tolerances = [10.0**-d for d in problem.digits]
    errors: dict[str, list[float]] = {name: [] for name in runs}
    seconds: dict[str, list[list[float]]] = {name: [[] for _ in tolerances] for name in runs}
    for name, run in runs.items():
        for _ in range(3):  # torch.jit compiles in its first calls
            timed(run, tolerances[0], gradient=gradient)
        for tolerance in tolerances:
            y = timed(run, tolerance, gradient=gradient)[1]
            errors[name].append(float((y - exact).square().mean().sqrt() / exact.square().mean().sqrt()))
    gc.collect()
    for _ in range(rounds):
        for i, tolerance in enumerate(tolerances):
            for name, run in runs.items():
                seconds[name][i].append(timed(run, tolerance, gradient=gradient)[0])
    return {name: Curve(tuple(errors[name]), tuple(map(statistics.median, seconds[name]))) for name in runs}


def common(found: Mapping[str, Curve]) -> tuple[float, float]:
    """A coarse and a fine error that all have runs on both sides of."""
    coarse, fine = min(c.errors[0] for c in found.values()), max(c.errors[-1] for c in found.values())
    return coarse**0.8 * fine**0.2, coarse**0.2 * fine**0.8


def row(name: str, curve: Curve, first: Curve, errors: Sequence[float]) -> list[str]:
    """A solver's milliseconds at errors, and how many times as long the first one takes."""
    cells = [name]
    for error in errors:
        cells += [f"{1e3 * curve.at(error):.1f}", f"{first.at(error) / curve.at(error):.2f}"]
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS), help=", ".join(PROBLEMS))
    parser.add_argument("--batches", type=lambda text: tuple(map(int, text.split(","))), default=BATCHES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gradient", action="store_true", help="with the backward pass")
    parser.add_argument("--figure", type=Path, help="an image of the last batch of each problem")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print({key: value for key, value in machine(torch.device("cpu")).items() if key != "torchdyn"})
    print(line(("problem", "batch", "solver", "coarse, ms", "torchdiffeq/it", "fine, ms", "torchdiffeq/it")))
    print(line(("---", "---:", "---", "---:", "---:", "---:", "---:")))
    drawn: dict[str, dict[str, Curve]] = {}
    for name in given.problems:
        for batch in given.batches:
            found = curves(PROBLEMS[name], batch, given.rounds, gradient=given.gradient)
            errors = common(found)
            for solver, curve in found.items():
                first = found.get(FIRST, curve)
                print(
                    line(
                        (
                            f"{name}, to {errors[0]:.0e} and {errors[1]:.0e}",
                            str(batch),
                            *row(solver, curve, first, errors),
                        )
                    )
                )
            drawn[f"{name}, batch {batch}"] = found
    if given.figure:
        given.figure.write_bytes(drawing(drawn))


def drawing(found: Mapping[str, Mapping[str, Curve]]) -> bytes:
    """Seconds against errors, a panel for each problem."""
    from matplotlib.figure import Figure

    from tableau2net.plot.style import INK, image, legend_beside, line_style, plain

    columns = min(3, len(found))
    rows = math.ceil(len(found) / columns)
    figure = Figure(figsize=(3.5 * columns, 3.0 * rows), dpi=160)
    figure.subplots_adjust(hspace=0.35, wspace=0.28)
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(len(found))]
    for panel, (title, solvers) in zip(axes, found.items(), strict=True):
        for i, (name, curve) in enumerate(solvers.items()):
            colour, dashes = line_style(i)
            theirs = name.startswith("torch")
            form = ("--", "s") if theirs else (dashes, "o")
            times = [1e3 * s for s in curve.seconds]
            panel.plot(curve.errors, times, ls=form[0], marker=form[1], color=colour, ms=3, lw=1.4, label=name)
        panel.set(xscale="log", yscale="log")
        panel.invert_xaxis()
        plain(panel)
        panel.set_title(title, loc="left", color=INK, fontsize=9.5)
    for panel in axes[-columns:]:
        panel.set_xlabel("error", color=INK, fontsize=9)
    for panel in axes[::columns]:
        panel.set_ylabel("milliseconds", color=INK, fontsize=9)
    legend_beside(axes[columns - 1])
    return image(figure)


if __name__ == "__main__":
    main()
