"""feltor-dev/feltor: the Butcher tableaux of tableau.h, with stages and orders in each constructor's call."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sympy import Expr

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals, split
from tests.errata.braces import Variables, without_comments
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "feltor-dev/feltor"
FILE = "inc/dg/tableau.h"
FUNCTION = re.compile(r"^ButcherTableau<real_type> (\w+)\(\s*\)\s*(?=\{)", re.MULTILINE)
CALL = re.compile(r"return ButcherTableau<real_type>\s*(?=\()")


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    text = without_comments(checkout.text(FILE))
    for function in FUNCTION.finditer(text):
        body = bracketed(text, function.end())
        if call := CALL.search(body):
            try:
                yield _table(function[1], body, split(bracketed(body, call.end())))
            except (InputError, KeyError, ValueError) as error:
                yield Unread(function[1], f"{type(error).__name__}: {error}")


def _table(name: str, body: str, arguments: list[str]) -> Table:
    """The call's forms: s, order, a, b, c and s, embedded, order, a, b, bt, c and s, data."""
    variables = Variables()
    for statement in body.split("return")[0].split(";"):
        variables.assign(_plain(statement.replace("real_type", "double").strip(), variables))
    if len(arguments) == 2:
        return _rows(name, body, variables.row(arguments[1]), int(arguments[0]))
    pair = len(arguments) == 7
    s, order = int(arguments[0]), int(arguments[2 if pair else 1])
    a, b, c = (
        variables.row(key) for key in (arguments[-4 if pair else -3], arguments[-3 if pair else -2], arguments[-1])
    )
    if len(a) != s * s:
        raise InputError(f"a has {len(a)} entries for {s} stages")
    b_hat = variables.row(arguments[-2]) if pair else None
    embedded = int(arguments[1]) if pair else None
    return Table(name, [a[i * s :][:s] for i in range(s)], b, c, b_hat, order, embedded, decimals(body))


def _rows(name: str, body: str, flat: list[Expr], s: int) -> Table:
    """The third form: rows of a node and s coefficients, then an order and s weights once or twice."""
    rows = [flat[at : at + s + 1] for at in range(0, len(flat), s + 1)]
    (order, *b), *rest = rows[s:]
    embedded, b_hat = (int(rest[0][0]), rest[0][1:]) if rest else (None, None)
    c, A = [row[0] for row in rows[:s]], [row[1:] for row in rows[:s]]
    return Table(name, A, b, c, b_hat, int(order), embedded, decimals(body))


def _plain(statement: str, variables: Variables) -> str:
    """Entries of arrays by names of their own, to the right of the sign."""

    def named(found: re.Match[str]) -> str:
        variables.values[key := f"{found[1]}_{found[2]}"] = variables.row(found[1])[int(found[2])]
        return key

    head, sign, tail = statement.partition("=")
    names = "|".join(variables.arrays) or "$"
    return head + sign + re.sub(rf"\b({names})\[(\d+)\]", named, tail)
