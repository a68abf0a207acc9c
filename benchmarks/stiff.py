"""Stiff problems beside scipy's Radau, BDF and LSODA, in one process, in turns: wall time, evaluations, error.

    python -m benchmarks.stiff            # all problems
    python -m benchmarks.stiff robertson --runs 21

scipy is given each problem as a function of numpy arrays, which costs it a tenth of what torch's operators cost us, and
for the one in space where the entries of the Jacobian are; we find that. The error is the largest over the components,
relative to atol + rtol·|y|, against scipy's Radau at 1e-12.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp  # type: ignore[import-untyped]
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
from torch import Tensor

import tableau2net as t2n

SCHEMES = ("bdf", "ndf", "radau-iia-3", "kvaerno-43")
PEERS = ("Radau", "BDF", "LSODA")
POINTS = 500  # of the problem in space
Array = np.ndarray


@dataclass(frozen=True)
class Problem:
    """y' = f from `start` to `end`, f of numpy arrays and of tensors. peers: what more each of scipy's methods is told;
    schemes: which of ours take part, and how."""

    by_numpy: Callable[[float, Array], Array]
    by_torch: Callable[[float, Tensor], Tensor]
    start: Array
    end: float
    rtol: float
    atol: float
    peers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    schemes: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {name: {} for name in SCHEMES})


def of_components(
    values: Callable[[Any], tuple[Any, ...]], start: tuple[float, ...], end: float, rtol: float, atol: float
) -> Problem:
    """values: f of the components, as numbers or tensors, a value each."""

    def by_numpy(t: float, y: Array) -> Array:
        return np.array(values(y.tolist()))

    def by_torch(t: float, y: Tensor) -> Tensor:
        return torch.stack(values(y.unbind()))

    return Problem(by_numpy, by_torch, np.array(start), end, rtol, atol)


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


def brusselator() -> Problem:
    """Hairer & Wanner II, IV.10, (10.10), at 500 points: 1,000 unknowns, u and v in turns."""
    c, ends = (POINTS + 1) ** 2 / 50, np.array([1.0, 3.0])
    x = np.arange(1, POINTS + 1) / (POINTS + 1)
    start = np.stack((1 + np.sin(2 * np.pi * x), np.full(POINTS, 3.0)), 1)
    edge = torch.tensor(ends)[None]

    def by_numpy(t: float, y: Array) -> Array:
        y = y.reshape(POINTS, 2)
        wide = np.concatenate((ends[None], y, ends[None]))
        found = c * (wide[2:] - 2 * y + wide[:-2])
        u, v = y[:, 0], y[:, 1]
        turned = u * u * v
        found[:, 0] += 1 + turned - 4 * u
        found[:, 1] += 3 * u - turned
        flat: Array = found.ravel()
        return flat

    def by_torch(t: float, y: Tensor) -> Tensor:
        wide = torch.cat((edge, y, edge))
        u, v = y.unbind(1)
        turned = u * u * v
        return c * (wide[2:] - 2 * y + wide[:-2]) + torch.stack((1 + turned - 4 * u, 3 * u - turned), 1)

    near = np.abs(np.subtract.outer(np.arange(2 * POINTS), np.arange(2 * POINTS))) <= 2
    told = {name: {"jac_sparsity": csr_matrix(near)} for name in ("Radau", "BDF")} | {"LSODA": {"lband": 2, "uband": 2}}
    schemes = {"bdf": {}, "bdf, Krylov": {"solver": "newton-krylov"}, "radau-iia-3": {}}
    return Problem(by_numpy, by_torch, start, 10.0, 1e-6, 1e-6, told | {"BDF, dense": {}}, schemes)


ROBERTSON = (1.0, 0.0, 0.0)
PROBLEMS = {
    "robertson": of_components(robertson, ROBERTSON, 40.0, 1e-6, 1e-8),
    "robertson-late": of_components(robertson, ROBERTSON, 1e11, 1e-6, 1e-12),
    "van-der-pol": of_components(van_der_pol, (2.0, 0.0), 2000.0, 1e-6, 1e-6),
    "hires": of_components(hires, (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057), 321.8122, 1e-6, 1e-9),
    "brusselator": brusselator(),
}


def runs_of(problem: Problem) -> Mapping[str, Callable[[], tuple[Array, int, int]]]:
    """By name, what integrates a problem and returns the end, the steps and the evaluations."""
    start = torch.tensor(problem.start)

    def peer(name: str, told: Mapping[str, Any]) -> tuple[Array, int, int]:
        span, method = (0.0, problem.end), name.partition(",")[0]
        more = {"rtol": problem.rtol, "atol": problem.atol, **told}
        found = solve_ivp(problem.by_numpy, span, problem.start.ravel(), method, **more)
        return found.y[:, -1], len(found.t) - 1, found.nfev

    def ours(name: str, how: Mapping[str, Any]) -> tuple[Array, int, int]:
        scheme, more = name.partition(",")[0], {"rtol": problem.rtol, "atol": problem.atol, **how}
        found = t2n.integrate(scheme, problem.by_torch, start, 0, problem.end, **more, full=True)
        return found.y.numpy().ravel(), found.steps + found.rejected, found.evaluations

    told: dict[str, Mapping[str, Any]] = {name: {} for name in PEERS} | dict(problem.peers)
    peers = {f"scipy {name}": partial(peer, name, how) for name, how in told.items()}
    return peers | {name: partial(ours, name, how) for name, how in problem.schemes.items()}


def measured(problem: Problem, count: int) -> list[tuple[str, float, float, int, int, float]]:
    """Of each: its name, the median of the seconds, the median ratio to the first, steps, evaluations, the error."""
    told = problem.peers.get("Radau", {})
    finest = {"rtol": 1e-12, "atol": min(1e-14, problem.atol * 1e-8), **told}
    exact = solve_ivp(problem.by_numpy, (0.0, problem.end), problem.start.ravel(), "Radau", **finest).y[:, -1]
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
