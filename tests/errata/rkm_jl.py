"""mjmcnelis/RKM.jl: one matrix a table, nodes first, one row a set of weights; the orders stand in the name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals, number, split
from tests.errata.checkout import Checkout
from tests.errata.julia import Assignments, functions
from tests.errata.table import Table, Unread

REPOSITORY = "mjmcnelis/RKM.jl"
FILES = tuple(
    f"src/methods/runge_kutta/{file}.jl"
    for file in (
        *(f"explicit/{order}_order" for order in ("low", "medium", "high", "very_high")),
        "implicit/low_order",
        "implicit/embedded/medium_order",
        "implicit/fixed/medium_order",
    )
)
MATRIX = re.compile(r"butcher = SMatrix\{(\d+), (\d+), precision, \d+\}(?=\()")


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    for file in FILES:
        for name, body in functions(checkout.text(file)):
            body = re.sub(r"#=.*?=#", "", body, flags=re.DOTALL)
            body = re.sub(r"#.*", "", body)
            if found := MATRIX.search(body):
                try:
                    yield from _tables(name, body, int(found[1]), int(found[2]), bracketed(body, found.end()))
                except InputError as error:
                    yield Unread(name, str(error))


def _tables(name: str, body: str, first: int, second: int, text: str) -> Iterator[Table]:
    left = Assignments(body)
    if text.strip().startswith("["):  # a matrix as it reads, rows × columns
        array, columns = left.array(bracketed(text, text.index("["))), second
        flat = [array[key] for key in sorted(array)]
    else:  # by columns, to be transposed: `first` is what it will have in a row
        columns, flat = first, [number(x, left.values) for x in split(text)]
    if len(flat) != first * second:
        raise InputError(f"{len(flat)} entries where {first * second} are declared")
    rows = [flat[at : at + columns] for at in range(0, len(flat), columns)]
    s, label = columns - 1, re.search(r"name = :(\w+)", body)
    orders = [int("".join(filter(str.isdigit, word))) for word in label[1].split("_") if any(map(str.isdigit, word))]
    A, c = [row[1:] for row in rows[:s]], [row[0] for row in rows[:s]]
    for which, (row, order) in enumerate(zip(rows[s:], orders, strict=True)):
        yield Table(f"{name} row {which + 1}" if which else name, A, row[1:], c, order=order, decimals=decimals(text))
