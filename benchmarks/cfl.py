"""How long exact von Neumann limits take, beside what is done elsewhere: |R(ν ŝ(θ))| at many angles, and a bisection
in ν.

Sampling is no package's; it is written here as a careful person would. It is faster nearly everywhere, and wrong
where waves grow by less than it sees. python benchmarks/cfl.py [SCHEME …]
"""

from __future__ import annotations

import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from tableau2net.analysis import cfl
from tableau2net.analysis.space.damping import equation_signs
from tableau2net.analysis.space.symbol import sampled
from tableau2net.errors import InputError
from tableau2net.scheme import as_scheme, as_stencil
from tableau2net.step.amplification import amplification

SCHEMES = (
    *(
        "euler",
        "rk2",
        "rk3",
        "rk4",
        "ssprk-104",
        "dormand-prince-54",
        "fehlberg-78",
        "cooper-verner-8",
        "dormand-prince-87",
    ),
    *("backward-euler", "sdirk-21", "gauss-2", "adams-bashforth-3", "bdf-3", "adams-moulton-3"),
)
STENCILS = ("upwind-1", "upwind-3", "upwind-5", "upwind-7", "central-1-6", "central-2-6", "compact-1-6")


def by_sampling(scheme: str, stencil: str, angles: int = 1000) -> float:
    """The largest ν below which no |ζ| over 1 + 1e-6 is seen, to twelve digits, from a doubling on."""
    method, table = as_scheme(scheme).at_defaults(), as_stencil(stencil)
    wave = equation_signs(table)[-1] * sampled(table, np.linspace(0, np.pi, angles))

    def stable(nu: float) -> bool:
        return bool(amplification(method, nu * wave).max() <= 1 + 1e-6)

    low, high = 0.0, 1 / 16
    while stable(high):
        low, high = high, 2 * high
        if high > 1e4:
            return float("inf")
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


def main(schemes: tuple[str, ...] = SCHEMES) -> None:
    table = Table("scheme", "stencil", "exact limit", "kind", "s", "sampled", "s", "off by")
    slowest = 0.0
    for scheme in schemes:
        for stencil in STENCILS:
            as_scheme(scheme), as_stencil(stencil)
            start = time.process_time()
            try:
                found = cfl(scheme, stencil)
                limit, kind = float(found), found.kind
            except InputError as error:
                limit, kind = float("nan"), str(error)[-40:]
            exact = time.process_time() - start
            start = time.process_time()
            guess = by_sampling(scheme, stencil)
            quick = time.process_time() - start
            slowest = max(slowest, exact)
            off = 0.0 if guess == limit else abs(guess - limit)
            mark = "bold red" if not off <= 1e-3 else ""
            row = (scheme, stencil, f"{limit:.10g}", kind, f"{exact:.2f}", f"{guess:.8g}", f"{quick:.2f}", f"{off:.1e}")
            table.add_row(*row, style=mark)
    Console(width=120).print(table)
    print(f"slowest exact limit, both directions of waves: {slowest:.2f} s of the processor")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or SCHEMES)
