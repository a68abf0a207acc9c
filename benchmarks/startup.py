"""What a user waits for before anything is computed: imports, the first answer, a table that becomes a class.

    python benchmarks/startup.py [RUNS]

Processes are timed as a whole, the least of RUNS, less a bare interpreter where it says so. Inside one process, the
first class is what the first ever costs once torch is there; the others are new random tables, after classes of
other schemes were made.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Unpack

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:  # importing is what is measured
    from tableau2net.codegen import CompileOptions

COMMANDS = {
    "a bare interpreter": ["-c", "pass"],
    "import tableau2net": ["-c", "import tableau2net"],
    "import sympy": ["-c", "import sympy"],
    't2n.load("rk4")': ["-c", 'import tableau2net as t2n; t2n.load("rk4")'],
    't2n.order(t2n.load("rk4"))': ["-c", 'import tableau2net as t2n; t2n.order(t2n.load("rk4"))'],
    "tableau2net check rk4": ["-m", "tableau2net", "check", "rk4"],
    "import torch": ["-c", "import torch"],
    't2n.compile("rk4")': ["-c", 'import tableau2net as t2n; t2n.compile("rk4")'],
    "tableau2net compile rk4": ["-m", "tableau2net", "compile", "rk4"],
}


def processes(runs: int) -> None:
    """The commands in turn, each in a process of its own."""
    best = dict.fromkeys(COMMANDS, float("inf"))
    for _ in range(runs):
        for name, arguments in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            best[name] = min(best[name], time.perf_counter() - start)
    bare = best["a bare interpreter"]
    table = Table("a process", "ms", "less the interpreter", title="From nothing")
    for name, seconds in best.items():
        table.add_row(name, f"{1e3 * seconds:.0f}", f"{1e3 * (seconds - bare):.0f}")
    Console().print(table)


def tables(random: Random) -> dict[str, Callable[[], object]]:
    """What makes a class of a table that no one has seen."""
    import tableau2net as t2n

    def row(n: int, total: str) -> list[str]:
        """Random entries with a given sum."""
        entries = [f"{random.randint(1, 30)}/{random.randint(2, 30)}" for _ in range(n - 1)]
        return [*entries, f"{total}-({'+'.join(entries) or '0'})"]

    def runge_kutta(stages: int, embedded: bool = False) -> type:
        A = [row(i, "1/2") if i else [] for i in range(stages)]
        return t2n.compile(t2n.RungeKutta(A, row(stages, "1"), b_hat=row(stages, "1") if embedded else None))

    def multistep(steps: int, **options: Unpack[CompileOptions]) -> type:
        scheme = t2n.Multistep([*row(steps, "-1"), "1"], [*row(steps, "1"), "0"])
        return t2n.compile(scheme, **options)

    return {
        "Runge–Kutta, 4 stages": lambda: runge_kutta(4),
        "Runge–Kutta, 7 stages, embedded": lambda: runge_kutta(7, embedded=True),
        "Runge–Kutta, 13 stages, embedded": lambda: runge_kutta(13, embedded=True),
        "multistep, 3 steps": lambda: multistep(3),
        "multistep, 3 steps, free": lambda: multistep(3, coefficients="free"),
        "multistep, 5 steps": lambda: multistep(5),
    }


def milliseconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - start)


def classes(runs: int) -> None:
    """Table → class, inside this process."""
    import torch

    import tableau2net as t2n

    waited = milliseconds(lambda: t2n.compile)  # the compiler is imported when first used
    first = milliseconds(lambda: t2n.compile(t2n.RungeKutta([[], ["1/2"]], ["0", "1"])))
    for name in ("euler", "dormand-prince-54", "adams-bashforth-3", "lm"):
        t2n.compile(name)
    candidates = tables(Random(0))
    table = Table("a new table", "least, ms", "median, ms", "most, ms", title=f"Table to class, {runs} of each")
    found: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(runs):
        for name, run in candidates.items():
            found[name].append(milliseconds(run))
    for name, times in found.items():
        table.add_row(name, *(f"{f(times):.1f}" for f in (min, statistics.median, max)))
    Console().print(table)
    print(f"torch {torch.__version__}: importing the compiler {waited:.0f} ms, the first class {first:.1f} ms more")


def main(runs: int) -> None:
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    processes(runs)
    classes(4 * runs)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
