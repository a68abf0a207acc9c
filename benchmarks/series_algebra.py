"""The algebra of B-series beside kauri's: what a step, two steps, a step undone and the modified equation are.

    python benchmarks/series_algebra.py [ORDER]

One process, each side once with nothing remembered, ours in exact numbers and kauri's as it has them. Their answers are
compared before a time is told. kauri is measured where it is installed (``pip install --no-deps kauri``).
"""

from __future__ import annotations

import importlib
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from tableau2net.analysis.backward.substitution import cuts
from tableau2net.analysis.reading.rooted_tree import RootedTree
from tableau2net.analysis.reading.trees import forest
from tableau2net.analysis.series.b_series import BSeries
from tableau2net.analysis.series.butcher_group import subtrees
from tableau2net.analysis.series.of_scheme import bseries

OURS: dict[str, Callable[[BSeries], BSeries]] = {
    "two steps": lambda a: a.then(a),
    "undone": lambda a: a.inverse(),
    "modified equation": lambda a: a.log(),
}
THEIRS: dict[str, Callable[[Any], Any]] = {
    "two steps": lambda m: m * m,
    "undone": lambda m: m**-1,
    "modified equation": lambda m: m.modified_equation(),
}


def main(order: int = 6) -> None:
    """A line for each operation on the series of rk4."""
    try:
        kauri = importlib.import_module("kauri")
    except ModuleNotFoundError:
        print("kauri is not installed: ours alone")
        kauri = None
    print(f"rk4 to order {order}; {platform.python_version()}" + (f", kauri {version('kauri')}" if kauri else ""))
    theirs = _kauri_trees(kauri, order) if kauri else {}
    for name, operation in OURS.items():
        for remembered in (forest, cuts, subtrees):
            remembered.cache_clear()
        start = time.perf_counter()
        answer = operation(bseries("rk4", order))
        taken = time.perf_counter() - start
        told = f"{name}: {1000 * taken:.1f} ms, {len(answer)} trees"
        if kauri:
            start = time.perf_counter()
            found = THEIRS[name](kauri.rk4.elementary_weights_map())
            values = {t: float(found(tree)) for t, tree in theirs.items()}
            other = time.perf_counter() - start
            assert all(abs(values[t] - float(x)) < 1e-12 for t, x in answer.items())
            told += f"; kauri {1000 * other:.1f} ms, {other / taken:.1f} times as long"
        print(told)


def _kauri_trees(kauri: Any, order: int) -> dict[RootedTree, Any]:
    found = (tree for tree in kauri.trees_up_to_order(order) if tree.nodes())
    return {RootedTree(_levels(tree.list_repr, 1)): tree for tree in found}


def _levels(nested: Any, depth: int) -> list[int]:
    """Of kauri's nested lists, in which a node's label stands last."""
    branches = [part for part in nested if isinstance(part, list | tuple)]
    return [depth, *(level for branch in branches for level in _levels(branch, depth + 1))]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
