"""SciML/DiffEqDevTools.jl: its functions construct…, each filling A, c, α and perhaps αEEst."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals, filled, split
from tests.errata.checkout import Checkout
from tests.errata.julia import Assignments, functions
from tests.errata.table import Table, Unread

REPOSITORY = "SciML/DiffEqDevTools.jl"
FILES = ("src/ode_tableaus.jl",)
CALL = re.compile(r"(?:Ex|Im)plicitRKTableau(?=\()")


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    for file in FILES:
        yield from read(checkout.text(file))


def read(text: str) -> Iterator[Table | Unread]:
    """Every function that ends in a call of ExplicitRKTableau or ImplicitRKTableau."""
    for name, body in functions(text):
        if call := CALL.search(body):
            try:
                yield _table(name, body, split(bracketed(body, call.end()), ",;"))
            except (InputError, KeyError, ValueError) as error:
                yield Unread(name, str(error))


def _table(name: str, body: str, arguments: list[str]) -> Table:
    left = Assignments(body)
    matrix, nodes, weights, order = arguments[:4]
    named = {argument.split("=")[0].strip(): argument.split("=")[-1].strip() for argument in arguments[4:]}
    s = max(left.stages, 1 + max(i for (i,) in left.arrays[weights]))
    return Table(
        name,
        filled({(i, *j) if j else (0, 0): x for (i, *j), x in left.arrays[matrix].items()}, s, s),
        left.vector(weights, s),
        left.vector(nodes, s),
        left.vector(named["αEEst"], s) if "αEEst" in named else None,
        int(order),
        int(named["adaptiveorder"]) if "adaptiveorder" in named else None,
        decimals(body.split("stability_size")[0]),
    )
