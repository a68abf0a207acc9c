"""JuliaGNI/RungeKutta.jl: the tables with numbers; Gauss, Radau and Lobatto ones are computed there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, filled, split
from tests.errata.checkout import Checkout
from tests.errata.julia import Assignments, functions
from tests.errata.table import Table, Unread

REPOSITORY = "JuliaGNI/RungeKutta.jl"
FILES = ("erk", "dirk", "firk")
CALL = re.compile(r"Tableau\{T\}(?=\()")


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    for file in FILES:
        for name, body in functions(checkout.text(f"src/tableaus/{file}.jl")):
            if call := CALL.search(body):
                try:
                    yield _table(split(bracketed(body, call.end())), Assignments(body))
                except (InputError, KeyError) as error:
                    yield Unread(name, str(error))


def _table(arguments: list[str], left: Assignments) -> Table:
    name, o, a, b, c = (argument.split(";")[0].strip(" :") for argument in arguments[:5])
    s = max(i for (i, *_) in left.arrays[b]) + 1
    A = filled({(i, *j) if j else (0, 0): x for (i, *j), x in left.arrays[a].items()}, s, s)
    return Table(name, A, left.vector(b, s), left.vector(c, s), order=int(left.values[o]))
