"""google-research/torchsde: Rößler's tables for stochastic equations, "SDE strong order 1.5" beside each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tests.errata.arithmetic import number
from tests.errata.checkout import Checkout
from tests.errata.stochastic import strong_order
from tests.errata.table import Finding

REPOSITORY = "google-research/torchsde"
FOLDER = "torchsde/_core/methods/tableaus/"


def tables(checkout: Checkout) -> Iterator[Finding]:
    for name in ("sra1", "sra2", "sra3", "srid1", "srid2"):
        assigned = [x for x in ast.parse(checkout.text(f"{FOLDER}{name}.py")).body if isinstance(x, ast.Assign)]
        yield strong_order(name, {ast.unparse(x.targets[0]): _value(x.value) for x in assigned})


def _value(node: ast.expr) -> Any:
    return [_value(x) for x in node.elts] if isinstance(node, ast.Tuple) else number(ast.unparse(node))
