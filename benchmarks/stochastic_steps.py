"""Stochastic steps beside torchsde's, in one process, in turns: wall time, with a backward pass too, strong error.

    pip install --no-deps torchsde trampoline boltons
    python -m benchmarks.stochastic_steps            # --batch 256 --width 16 --steps 50 --runs 7

dX = −X dt + X/2 dW with a noise for each entry (in Stratonovich's sense −9/8 X dt), whose solution is known; each side
draws its own noise within the clock, torchsde from a `BrownianInterval`, as its documentation has it. Rows that lose
are shown.
"""

from __future__ import annotations

import argparse
import importlib
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import tableau2net as t2n
from benchmarks.timing import minima, without_gradient
from tableau2net.integration import BrownianPath

# ours, theirs, the calculus
ROWS = (
    ("euler-maruyama", "euler", "ito"),
    ("platen-milstein", "milstein", "ito"),
    ("sriw2", "srk", "ito"),
    ("heun-stratonovich-diagonal", "heun", "stratonovich"),
    ("midpoint-stratonovich", "midpoint", "stratonovich"),
)
Run = Callable[[], Tensor]


class Equation(nn.Module):
    """What torchsde is given; ours are its two methods. rate: of the drift, a parameter that gets a gradient."""

    noise_type = "diagonal"

    def __init__(self, calculus: str) -> None:
        super().__init__()
        self.sde_type = calculus
        self.rate = nn.Parameter(torch.tensor(-1.0 if calculus == "ito" else -9 / 8, dtype=torch.float64))

    def f(self, t: Tensor | float, y: Tensor) -> Tensor:
        return self.rate * y

    def g(self, t: Tensor | float, y: Tensor) -> Tensor:
        return y / 2


def solution(total: Tensor) -> Tensor:
    """X at t = 1 from 1, of a path that ends in `total`."""
    return torch.exp(total / 2 - 9 / 8)


def theirs(sde: Any, method: str, equation: Equation, y0: Tensor, steps: int) -> tuple[Run, float]:
    """torchsde's call, and its root mean square error."""
    levy = "space-time" if method == "srk" else "none"

    def path(seed: int) -> Any:
        return sde.BrownianInterval(
            0.0, 1.0, size=y0.shape, dtype=y0.dtype, entropy=seed, levy_area_approximation=levy, dt=1 / steps
        )

    def solved(bm: Any) -> Tensor:
        found: Tensor = sde.sdeint(equation, y0, torch.tensor([0.0, 1.0]), bm=bm, method=method, dt=1 / steps)[-1]
        return found

    bm = path(1)
    with torch.no_grad():
        error = (solved(bm) - solution(bm(0.0, 1.0))).square().mean()
    return lambda: solved(path(0)), math.sqrt(error)


def ours(scheme: str, equation: Equation, y0: Tensor, steps: int) -> tuple[Run, float]:
    """Our call, and its root mean square error."""
    path = BrownianPath(steps, y0, key=1)

    def solved(**noise: Any) -> Tensor:
        return t2n.sdeint(scheme, equation.f, equation.g, y0, 0.0, 1.0, steps=steps, **noise)

    with torch.no_grad():
        error = (solved(path=path) - solution(path.w.sum(0) / math.sqrt(steps))).square().mean()
    return lambda: solved(key=0), math.sqrt(error)


def backward(run: Run, equation: Equation) -> Callable[[], None]:
    def both() -> None:
        equation.rate.grad = None
        run().sum().backward()  # type: ignore[no-untyped-call]

    return both


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("batch", 256), ("width", 16), ("steps", 50), ("runs", 7)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    y0 = torch.ones(asked.batch, asked.width, dtype=torch.float64)
    try:
        sde = importlib.import_module("torchsde")
    except ImportError:
        print("torchsde is left out: not installed")
        sde = None
    print(f"{'':28}{'forward, ms':>14}{'with backward':>16}{'rms error':>12}")
    for scheme, method, calculus in ROWS:
        equation = Equation(calculus)
        found = {scheme: ours(scheme, equation, y0, asked.steps)}
        if sde is not None:
            found[f"torchsde {method}"] = theirs(sde, method, equation, y0, asked.steps)
        plain = minima({n: without_gradient(run) for n, (run, _) in found.items()}, asked.runs, y0.device)
        both = minima({n: backward(run, equation) for n, (run, _) in found.items()}, asked.runs, y0.device)
        for name, (_, error) in found.items():
            print(f"{name:28}{plain[name] * 1e3:14.2f}{both[name] * 1e3:16.2f}{error:12.2e}")


if __name__ == "__main__":
    main()
