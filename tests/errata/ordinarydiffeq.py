"""SciML/OrdinaryDiffEq.jl: the packages of tableaux that DiffEqDevTools' functions have moved to."""

from __future__ import annotations

from collections.abc import Iterator

from tests.errata.checkout import Checkout
from tests.errata.diffeqdevtools import read
from tests.errata.table import Table, Unread

REPOSITORY = "SciML/OrdinaryDiffEq.jl"
PARTS = ("classic", "low_order", "order5", "order6", "order7", "order8_9", "high_order")
FILES = (
    "lib/OrdinaryDiffEqImplicitTableaus/src/ode_tableaus.jl",
    *(f"lib/OrdinaryDiffEqExplicitTableaus/src/tableaus_{part}.jl" for part in PARTS),
)


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    for file in FILES:
        yield from read(checkout.text(file))
