"""Stiff problems beside scipy's Radau and BDF, in one process, in turns: wall time, evaluations, error.

    python -m benchmarks.stiff            # all problems
    python -m benchmarks.stiff robertson --runs 21

scipy is given each problem as a function of numpy arrays, which costs it a tenth of what torch's operators cost us.
The error is the largest over the components, relative to atol + rtol·|y|, against scipy's Radau at 1e-12.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp  # type: ignore[import-untyped]
from torch import Tensor

import tableau2net as t2n

SCHEMES = ("bdf", "ndf", "radau-iia-3", "kvaerno-43")
PEERS = ("Radau", "BDF", "LSODA")
Array = np.ndarray


@dataclass(frozen=True)
class Problem:
    """y' = f from `start` to `end`. values: f of the components, as numbers or tensors, a value each."""

    values: Callable[[Any], tuple[Any, ...]]
    start: tuple[float, ...]
    end: float
    rtol: float
    atol: float

    def by_numpy(self, t: float, y: Array) -> Array:
        return np.array(self.values(y.tolist()))

    def by_torch(self, t: float, y: Tensor) -> Tensor:
        return torch.stack(self.values(y.unbind()))


def robertson(y: Any) -> tuple[Any, ...]:
    """Hairer & Wanner II, IV.1, (1.4)."""
    slow, fast, faster = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] * y[1]
    return fast - slow, slow - fast - faster, faster


def van_der_pol(y: Any) -> tuple[Any, ...]:
    """Hairer & Wanner II, IV.1, (1.5'), with mu = 1000, in its own time."""
    return y[1], 1000 * (1 - y[0] * y[0]) * y[1] - y[0]


def hires(y: Any) -> tuple[Any, ...]:
    """Hairer & Wanner II, IV.10, (10.4)."""
    a, b, c, d, e, f, g, _ = y
    bound = 280 * f * y[7] - 1.81 * g
    return (
        -1.71 * a + 0.43 * b + 8.32 * c + 0.0007,
        1.71 * a - 8.75 * b,
        -10.03 * c + 0.43 * d + 0.035 * e,
        8.32 * b + 1.71 * c - 1.12 * d,
        -1.745 * e + 0.43 * f + 0.43 * g,
        -280 * f * y[7] + 0.69 * d + 1.71 * e - 0.43 * f + 0.69 * g,
        bound,
        -bound,
    )


PROBLEMS = {
    "robertson": Problem(robertson, (1.0, 0.0, 0.0), 40.0, 1e-6, 1e-8),
    "van-der-pol": Problem(van_der_pol, (2.0, 0.0), 2000.0, 1e-6, 1e-6),
    "hires": Problem(hires, (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057), 321.8122, 1e-6, 1e-9),
}


def runs_of(problem: Problem) -> Mapping[str, Callable[[], tuple[Array, int, int]]]:
    """By name, what integrates a problem and returns the end, the steps and the evaluations."""
    start = torch.tensor(problem.start, dtype=torch.float64)

    def peer(method: str) -> tuple[Array, int, int]:
        span = (0.0, problem.end)
        found = solve_ivp(problem.by_numpy, span, problem.start, method, rtol=problem.rtol, atol=problem.atol)
        return found.y[:, -1], len(found.t) - 1, found.nfev

    def ours(name: str) -> tuple[Array, int, int]:
        found = t2n.integrate(
            name, problem.by_torch, start, 0, problem.end, rtol=problem.rtol, atol=problem.atol, full=True
        )
        return found.y.numpy(), found.steps + found.rejected, found.evaluations

    peers = {f"scipy {method}": partial(peer, method) for method in PEERS}
    return peers | {name: partial(ours, name) for name in SCHEMES}


def measured(problem: Problem, count: int) -> list[tuple[str, float, float, int, int, float]]:
    """Of each: its name, the median of the seconds, the median ratio to the first, steps, evaluations, the error."""
    exact = solve_ivp(problem.by_numpy, (0.0, problem.end), problem.start, "Radau", rtol=1e-12, atol=1e-14).y[:, -1]
    runs = runs_of(problem)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    found = {name: run() for name, run in runs.items()}
    for _ in range(count):
        for name, run in runs.items():
            begun = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - begun)
    first = seconds[next(iter(runs))]
    rows = []
    for name, (y, steps, evaluations) in found.items():
        ratio = statistics.median(a / b for a, b in zip(seconds[name], first, strict=True))
        error = float(np.max(np.abs(y - exact) / (problem.atol + problem.rtol * np.abs(exact))))
        rows.append((name, statistics.median(seconds[name]), ratio, steps, evaluations, error))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS), help=", ".join(PROBLEMS))
    parser.add_argument("--runs", type=int, default=11)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("| problem | by | ms | to scipy Radau | steps | evaluations | error/tolerance |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for name in given.problems:
        for by, seconds, ratio, steps, evaluations, error in measured(PROBLEMS[name], given.runs):
            print(f"| {name} | {by} | {1e3 * seconds:.1f} | {ratio:.2f} | {steps} | {evaluations} | {error:.1f} |")


if __name__ == "__main__":
    main()
