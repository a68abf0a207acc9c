"""StoccoDavide/Sandals: one class a tableau, filled by streams; b_e is the embedded row where there is one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sympy import Expr

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals, number, split
from tests.errata.braces import without_comments
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "StoccoDavide/Sandals"
FOLDER = "include/Sandals/RungeKutta"
CONSTRUCTOR = re.compile(r"\w+Tableau(?:<Real>)?\(\)\s*(?=\{)")
NUMBER = re.compile(r"(?:const )?Real (\w+)\s*(?:\{(.*)\}|\((.*)\)|=\s*(.*))\Z", re.DOTALL)


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    for file in checkout.names(FOLDER, "*.hh"):
        name, text = file.removesuffix(".hh"), without_comments(checkout.text(f"{FOLDER}/{file}"))
        try:
            start = CONSTRUCTOR.search(text)
            if start is None:
                raise InputError("no constructor")
            yield _table(name, bracketed(text, start.end()))
        except (InputError, KeyError) as error:
            yield Unread(name, f"{type(error).__name__}: {error}")


def _table(name: str, body: str) -> Table:
    values: dict[str, Expr] = {}
    rows: dict[str, list[Expr]] = {}
    orders: dict[str, int] = {}
    for statement in filter(None, (part.strip() for part in body.split(";"))):
        if stream := re.match(r"this->(\w+)\s*<<\s*(.*)\Z", statement, re.DOTALL):
            rows[stream[1]] = [number(x, values) for x in split(stream[2])]
        elif order := re.match(r"this->(\w*order\w*)\s*=\s*(\d+)\Z", statement):
            orders[order[1]] = int(order[2])
        elif zero := re.match(r"this->(\w+)\.setZero\(\)|this->(\w+) = .*Zero\(\)", statement):
            rows[zero[1] or zero[2]] = []
        elif constant := NUMBER.match(statement):
            values[constant[1]] = number(next(g for g in constant.groups()[1:] if g is not None), values)
        elif not re.match(r"this->(?:name|type|is_embedded|reference)\b|using |static ", statement):
            raise InputError(f"not read: {statement[:60]}")
    b, flat = rows["b"], rows["A"]
    s = len(b)
    if len(flat) != s * s:
        raise InputError(f"A has {len(flat)} entries for {s} stages")
    b_hat = rows.get("b_e") or None
    return Table(name, [flat[i * s :][:s] for i in range(s)], b, rows["c"], b_hat, orders["order"],
                 orders.get("order_e") if b_hat else None, decimals(body))  # fmt: skip
