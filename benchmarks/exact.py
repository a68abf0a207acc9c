"""How long exact answers take: each in a fresh process, as a command would ask it, and inside one process.

python benchmarks/exact.py
"""

from __future__ import annotations

import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

from tableau2net.analysis import check, order_conditions
from tableau2net.analysis.order.conditions import conditions
from tableau2net.scheme import list_schemes, load

NAMES = (
    "rk4",
    "dormand-prince-54",
    "gauss-3",
    "radau-iia-3",
    "lobatto-iiic-4",
    "cooper-verner-8",
    "adams-bashforth-20",
)


def main() -> None:
    table = Table("scheme", "order", "order, ms", "`check NAME`, ms")
    for name in NAMES:
        load(name)
        conditions.cache_clear()
        start = time.perf_counter()
        found = order_conditions(load(name))
        inside = time.perf_counter() - start
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "tableau2net", "check", name], check=True, capture_output=True)
        table.add_row(name, str(found.order), f"{1e3 * inside:.0f}", f"{1e3 * (time.perf_counter() - start):.0f}")
    Console().print(table)
    conditions.cache_clear()
    start = time.perf_counter()
    names = list_schemes()
    verdicts = [check(load(name)) for name in names]
    print(
        f"all {len(names)} schemes checked in {time.perf_counter() - start:.1f} s, {sum(v.ok for v in verdicts)} true"
    )


if __name__ == "__main__":
    main()
