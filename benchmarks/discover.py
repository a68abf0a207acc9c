"""Equations from the same states: ours and pysindy's, terms and coefficients, and the time that each takes.

    python benchmarks/discover.py [NAME …]      # burgers-1d burgers-2d heat

One process; both have all terms up to the degree and derivatives of order 4 on the grid. pysindy fits the rate of
change, by differences in time; ours is fitted again through steps of the scheme. It is measured where it is
installed (``pip install pysindy``).
"""

from __future__ import annotations

import importlib
import sys
import time
import warnings
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tableau2net.discovery import Asked, DiscoveryPlan, Observations, discover, observe
from tableau2net.discovery.found import equations

NAMES = ("burgers-1d", "burgers-2d", "heat")
THRESHOLDS = (0.02, 0.1, 0.5)  # of pysindy's STLSQ, each told


def main(names: tuple[str, ...] = NAMES, trajectories: int = 6, steps: int = 20) -> None:
    table = Table("data", "by", "seconds", "found", title="the same arrays", title_justify="left")
    for name in names:
        data = observe(name, Asked(trajectories=trajectories, steps=steps, rollout=2, tests=1))
        for scheme in ("euler", "rk4"):
            begun = time.perf_counter()
            (found,) = discover(data, DiscoveryPlan("library", (scheme,))).found
            seconds = time.perf_counter() - begun
            table.add_row(name, f"ours through {scheme}", f"{seconds:.2f}", "\n".join(equations(found)))
        for threshold in THRESHOLDS:
            table.add_row(name, f"pysindy, threshold {threshold}", *_pysindy(data, threshold))
    Console(width=150).print(table)


def _pysindy(data: Observations, threshold: float) -> tuple[str, str]:
    """Seconds, and the equations."""
    try:
        pysindy: Any = importlib.import_module("pysindy")
    except ImportError:
        return "–", "not installed"
    axes = [np.arange(n) * h for n, h in zip(data.space, data.h, strict=True)]
    grid = axes[0] if len(axes) == 1 else np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    states = [np.moveaxis(u, (0, 1), (-2, -1)) for u in data.u.numpy()]  # (*space, times, states)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        begun = time.perf_counter()
        library = pysindy.PDELibrary(
            function_library=pysindy.PolynomialLibrary(degree=1, include_bias=False),
            derivative_order=2, spatial_grid=grid, diff_kwargs={"order": 4},
        )  # fmt: skip
        optimizer = pysindy.STLSQ(threshold=threshold, alpha=1e-8)
        model = pysindy.SINDy(feature_library=library, optimizer=optimizer)
        model.fit(states, t=data.dt)
        seconds = time.perf_counter() - begun
    names = [_named(text, data) for text in model.get_feature_names()]
    lines = []
    for state, row in zip(data.states, model.coefficients(), strict=True):
        terms = [f"{c:+.4g} {name}" for c, name in zip(row, names, strict=True) if c]
        lines.append(f"{state}_t = {' '.join(terms[:8])}{f' … {len(terms)} terms' if len(terms) > 8 else ''}")
    return f"{seconds:.2f}", "\n".join(lines)


def _named(text: str, data: Observations) -> str:
    """x0x1_11 as u·v_xx."""
    for n, state in enumerate(data.states):
        text = text.replace(f"x{n}", f"·{state}")
    return text.lstrip("·").replace("1", "x").replace("2", "y")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or NAMES)
