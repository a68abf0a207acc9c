"""The questions that nodepy and kauri answer too, one after the other in one process.

    python -m benchmarks.answers [RUNS]

Ours are exact, theirs are in doubles. The least of RUNS counts; before each run all that is remembered is dropped,
sympy's cache too, and a run is cut off after a minute. Peers are measured where they are installed (``pip install
nodepy kauri``).
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from functools import _lru_cache_wrapper
from typing import Any

import numpy
from rich.console import Console
from rich.table import Table
from sympy.core.cache import clear_cache

import tableau2net as t2n
from benchmarks import orders
from benchmarks.orders import LIMIT, Timed, in_turns
from tableau2net.analysis import stability
from tableau2net.analysis.backward.modified import modified_equation
from tableau2net.analysis.order.error_constants import errors
from tableau2net.analysis.ssp.coefficient import ssp_coefficient
from tableau2net.scheme import RungeKutta, load

Calls = dict[str, Callable[[], object]]


def forget() -> None:
    """Drop what any function of ours remembers, and sympy's own."""
    for remembered in gc.get_objects():
        if isinstance(remembered, _lru_cache_wrapper) and remembered.__module__.startswith("tableau2net"):
            remembered.cache_clear()
    clear_cache()


def nodepys(name: str) -> Any:
    """The same coefficients as nodepy's method, in doubles; None where it is not installed."""
    try:
        from nodepy import rk  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        return None
    A, b = _doubles(name)
    return (rk.ExplicitRungeKuttaMethod if load(name).explicit else rk.RungeKuttaMethod)(A, b)  # type: ignore[attr-defined]


def kauris(name: str) -> Any:
    try:
        import kauri  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        return None
    A, b = _doubles(name)
    return kauri.RK(A.tolist(), b.tolist())


def _doubles(name: str) -> tuple[Any, Any]:
    scheme = load(name)
    assert isinstance(scheme, RungeKutta)
    return numpy.array(scheme.A, dtype=float), numpy.array(scheme.b, dtype=float)


def questions() -> dict[str, tuple[Callable[[], object], Callable[[], object] | None, Callable[[], object] | None]]:
    """By name: what we do, what nodepy does, what kauri does."""

    def node(name: str, ask: Callable[[Any], object]) -> Callable[[], object] | None:
        method = nodepys(name)
        return None if method is None else lambda: ask(method)

    def kau(name: str, ask: Callable[[Any], object]) -> Callable[[], object] | None:
        method = kauris(name)
        return None if method is None else lambda: ask(method)

    def on_trees(find: Callable[[Any], Any], order: int) -> Callable[[Any], object]:
        def asked(method: Any) -> object:
            import kauri

            found = find(method)
            return [found(tree) for tree in kauri.trees_up_to_order(order)]

        return asked

    return {
        "order of rk4": (
            lambda: t2n.order(load("rk4")),
            node("rk4", lambda m: m.order()),
            kau("rk4", lambda m: m.order()),
        ),
        "order of dormand-prince-54": (
            lambda: t2n.order(load("dormand-prince-54")),
            node("dormand-prince-54", lambda m: m.order()),
            kau("dormand-prince-54", lambda m: m.order()),
        ),
        "order of cooper-verner-8": (
            lambda: t2n.order(load("cooper-verner-8")),
            node("cooper-verner-8", lambda m: m.order()),
            kau("cooper-verner-8", lambda m: m.order()),
        ),
        "principal error norm of dormand-prince-54": (
            lambda: errors(load("dormand-prince-54")),
            node("dormand-prince-54", lambda m: m.principal_error_norm()),
            None,
        ),
        "intervals of stability of rk4": (
            lambda: stability(load("rk4")).real_interval,
            node("rk4", lambda m: (m.real_stability_interval(), m.imaginary_stability_interval())),
            None,
        ),
        "SSP coefficient of ssprk-104": (
            lambda: ssp_coefficient(load("ssprk-104")),
            node("ssprk-104", lambda m: m.absolute_monotonicity_radius()),
            None,
        ),
        "modified equation of rk4, 6 terms": (
            lambda: modified_equation(load("rk4"), 6),
            None,
            kau("rk4", on_trees(lambda m: m.modified_equation_map(), 6)),
        ),
        "rk4 after rk4, to order 7": (
            lambda: t2n.bseries("rk4", 7).then(t2n.bseries("rk4", 7)),
            None,
            kau("rk4", on_trees(lambda m: m.elementary_weights_map() * m.elementary_weights_map(), 7)),
        ),
    }


def cell(timed: Timed | None, asked: bool) -> str:
    if not asked:
        return "–"
    return f"> {LIMIT:.0f} s" if timed is None else f"{1e3 * timed[0]:.3g}"


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    orders.forget = forget
    table = Table("question", "ours, exact, ms", "nodepy, doubles, ms", "kauri, doubles, ms")
    for name, asked in questions().items():
        calls = {who: call for who, call in zip(("ours", "nodepy", "kauri"), asked, strict=True) if call is not None}
        best = in_turns(calls, runs)
        table.add_row(name, *(cell(best.get(who), who in calls) for who in ("ours", "nodepy", "kauri")))
    Console().print(table)


if __name__ == "__main__":
    main()
