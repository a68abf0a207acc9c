"""kokkos/kokkos-kernels: the explicit tables of KokkosODE; e is b less the embedded weights, `order` that of b."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sympy import Expr, S

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals, number, split
from tests.errata.braces import without_comments
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "kokkos/kokkos-kernels"
FILE = "ode/impl/KokkosODE_RungeKuttaTables_impl.hpp"
START = re.compile(r"struct (ButcherTableau<[\d, ]+>)\s*(?=\{)")


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    text = without_comments(checkout.text(FILE))
    for start in START.finditer(text):
        try:
            yield _table(start[1], bracketed(text, start.end()))
        except (InputError, ValueError) as error:
            yield Unread(start[1], str(error))


def _table(name: str, body: str) -> Table:
    """The lower triangle of A by rows, the diagonal with it: 0, as the methods are explicit."""
    order, s = (int(found) for found in re.findall(r"static constexpr int (?:order|nstages)\s*= (\d+)", body))
    arrays = {key: _row(body, key) for key in "abce"}
    rows = [arrays["a"][i * (i + 1) // 2 :][: i + 1] for i in range(s)]
    A = [[*row[:i], *[S.Zero] * (s - i)] for i, row in enumerate(rows)]
    b_hat = [x - y for x, y in zip(arrays["b"], arrays["e"], strict=True)]
    pair = any(arrays["e"]) and name != "ButcherTableau<3, 3>"  # Hull's estimate beside the classical method is no pair
    embedded = order - 1 if pair else None
    return Table(name, A, arrays["b"], arrays["c"], b_hat if pair else None, order, embedded, decimals(body))


def _row(body: str, key: str) -> list[Expr]:
    found = re.search(rf"> {key}(?=\{{\s*\{{)", body)
    if not found:
        raise InputError(f"no array {key}")
    return [number(x) for x in split(bracketed(bracketed(body, found.end()).strip(), 0))]
