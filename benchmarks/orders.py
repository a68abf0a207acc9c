"""Exact orders beside nodepy's, all conditions to order 10 for seventeen stages, and the trees themselves.

    python benchmarks/orders.py [RUNS]

One process: both sides get the same coefficients and take turns, the least time of RUNS counts, and before each run
all that is remembered is dropped, sympy's cache too. A run is cut off after a minute. nodepy is measured where it is
installed (``pip install nodepy``).
"""

from __future__ import annotations

import platform
import random
import signal
import sys
import time
from collections.abc import Callable

import numpy
import sympy
from rich.console import Console
from rich.table import Table
from sympy import Rational
from sympy.core.cache import clear_cache

from tableau2net.analysis.order.conditions import conditions, order
from tableau2net.analysis.reading.step_reading import Reading
from tableau2net.analysis.reading.trees import Forest, forest
from tableau2net.errors import InputError
from tableau2net.exact.domain import _number_field
from tableau2net.scheme import RungeKutta, load
from tableau2net.step import lower

SCHEMES = ("radau-iia-3", "gauss-3", "lobatto-iiic-4", "cooper-verner-8")
LIMIT = 60.0  # seconds for one run
SEVENTEEN = ("hairer-10",)  # printed to 60 decimals, so that its conditions are balls

Timed = tuple[float, object]


class Late(BaseException):
    """Raised inside a call that takes longer than the limit."""


def measured(call: Callable[[], object], limit: float = LIMIT) -> Timed | None:
    """Seconds and the answer of a call that finds nothing remembered, by us or by sympy; None beyond the limit."""

    def stop(*_: object) -> None:
        raise Late

    forget()
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit)
    start = time.perf_counter()
    try:
        answer = call()
        return time.perf_counter() - start, answer
    except Late:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def forget() -> None:
    """Drop every answer, program, tree, number field and sympy expression that an earlier run left."""
    for remembered in (conditions, lower, forest, _number_field):
        remembered.cache_clear()
    clear_cache()


def in_turns(calls: dict[str, Callable[[], object]], runs: int) -> dict[str, Timed | None]:
    """The least time of each call, the calls in turn; one that was cut off is not tried again."""
    best: dict[str, Timed | None] = {}
    for _ in range(runs):
        for name, call in calls.items():
            if name in best and best[name] is None:
                continue
            found, before = measured(call), best.get(name)
            best[name] = found if found is None or before is None else min(found, before, key=lambda timed: timed[0])
    return best


def nodepy_order(scheme: RungeKutta) -> Callable[[], object] | None:
    """nodepy's exact order of the same coefficients; None where it is not installed."""
    try:
        from nodepy import rk  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        return None
    kind = rk.ExplicitRungeKuttaMethod if scheme.explicit else rk.RungeKuttaMethod
    method = kind(numpy.array(scheme.A, dtype=object), numpy.array(scheme.b, dtype=object))
    return lambda: method.order(mode="exact")


def orders(runs: int) -> Table:
    table = Table("scheme", "order", "ours, ms", "nodepy, ms", "ratio", title="Exact order")
    for name in SCHEMES:
        scheme = load(name)
        assert isinstance(scheme, RungeKutta)
        calls: dict[str, Callable[[], object]] = {"ours": lambda scheme=scheme: order(scheme)}  # type: ignore[misc]
        theirs = nodepy_order(scheme)
        if theirs is not None:
            calls["nodepy"] = theirs
        best = in_turns(calls, runs)
        ours = best["ours"]
        assert ours is not None
        seconds, found = ours
        other = best.get("nodepy")
        if theirs is None:
            cells = ["not installed", ""]
        elif other is None:
            cells = ["> 60 s", f"> {LIMIT / seconds:.0f}"]
        else:
            assert other[1] == found, f"{name}: nodepy says {other[1]}, we say {found}"
            cells = [f"{1e3 * other[0]:.0f}", f"{other[0] / seconds:.0f}"]
        table.add_row(name, str(found), f"{1e3 * seconds:.1f}", *cells)
    return table


def random_tableau(stages: int) -> RungeKutta:
    """An explicit tableau with random rational entries of two digits, none of them zero."""
    draw = random.Random(stages)

    def entry() -> Rational:
        return Rational(draw.choice([-1, 1]) * draw.randint(1, 99), draw.randint(1, 99))

    A = tuple(tuple(entry() for _ in range(i)) for i in range(stages))
    return RungeKutta(A=A, b=tuple(entry() for _ in range(stages)))


def all_conditions(scheme: RungeKutta, limit: int) -> int:
    """How many of the conditions to some order hold; every one is decided, with trees grown anew."""
    step, grown = lower(scheme), Forest()
    reading = Reading(step, grown, digits=scheme.digits)
    reading.extend(limit)
    return sum(reading.matches(step.result, tree) for n in range(1, limit + 1) for tree in grown.of_order(n))


def seventeen_stages(runs: int) -> Table:
    table = Table("17 stages", "conditions to order 10 that hold", "ms", title="All conditions")
    schemes = {"random, two-digit fractions": random_tableau(17)}
    for name in SEVENTEEN:
        try:
            scheme = load(name)
        except InputError:
            continue
        assert isinstance(scheme, RungeKutta)
        schemes[name] = scheme
    for name, scheme in schemes.items():
        best = in_turns({"conditions": lambda scheme=scheme: all_conditions(scheme, 10)}, runs)["conditions"]  # type: ignore[misc]
        row = ("> 60 000", "") if best is None else (f"{1e3 * best[0]:.0f}", str(best[1]))
        table.add_row(name, row[1], row[0])
    return table


def grow(order: int) -> int:
    grown = Forest()
    return sum(len(grown.of_order(n)) for n in range(1, order + 1))


def main(runs: int) -> None:
    console = Console()
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, sympy {sympy.__version__}"
    )
    console.print(orders(runs))
    console.print(seventeen_stages(runs))
    best = in_turns({"trees": lambda: grow(12)}, runs)["trees"]
    assert best is not None
    print(f"{best[1]} trees to order 12, with γ and σ: {1e3 * best[0]:.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
