"""The R package deSolve: the list of rkMethod, which steps with b2 where there is one; Qerr is the order of b1."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sympy import Expr, S

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals, number, split
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "cran/deSolve"
FILE = "R/rkMethod.R"
START = re.compile(r"^    (\w+) = list(?=\(ID)", re.MULTILINE)
NAMED = {"rk2": 2, "rk4": 4, "euler": 1}  # by their names; Qerr is for the controller of step sizes


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    text = re.sub(r"#[^\n]*", "", checkout.text(FILE))
    for start in START.finditer(text):
        try:
            yield _table(start[1], bracketed(text, start.end()))
        except (InputError, KeyError, ValueError) as error:
            yield Unread(start[1], str(error))


def _table(name: str, body: str) -> Table:
    entries = {part.split("=")[0].strip(): part.split("=", 1)[1].strip() for part in split(body)}
    b, c, order = _row(entries["b1"]), _row(entries["c"]), int(entries["Qerr"])
    A = _matrix(entries["A"], len(b))
    if entries["varstep"] == "TRUE":  # the solution is that of b2, one order higher
        return Table(name, A, _row(entries["b2"]), c, b, order + 1, order, decimals(body))
    return Table(name, A, b, c, order=NAMED.get(name, order), decimals=decimals(body))


def _row(text: str) -> list[Expr]:
    return [x for part in split(bracketed(text, text.index("("))) for x in _entry(part)]


def _entry(text: str) -> list[Expr]:
    if repeated := re.fullmatch(r"rep\((\d+),\s*(\d+)\)", text):
        return [number(repeated[1])] * int(repeated[2])
    return [number(text)]


def _matrix(text: str, s: int) -> list[list[Expr]]:
    """By rows, the last column perhaps left out; or the entries below the diagonal alone."""
    if not text.startswith("matrix"):
        return [[x if j == i - 1 else S.Zero for j in range(s)] for i, x in enumerate(_row(text))]
    flat = _row(split(bracketed(text, text.index("(")))[0])
    width = len(flat) // s
    return [flat[i * width : i * width + width] + [S.Zero] * (s - width) for i in range(s)]
