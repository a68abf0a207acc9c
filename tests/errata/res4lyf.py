"""ClownsharkBatwing/RES4LYF: the dictionary rk_coeff of its samplers, which claims by name and by comment."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sympy import Expr, S

from tableau2net.errors import InputError
from tests.errata.arithmetic import decimals, number
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "ClownsharkBatwing/RES4LYF"
FILES = ("beta/rk_coefficients_beta.py", "legacy/rk_coefficients.py")
FAMILIES = {"gauss-legendre": (2, 0), "radau": (2, -1), "lobatto": (2, -2)}  # order: a·stages + b, as the name says
NAMED = {
    "bogacki-shampine_7s": 5,  # "5th order" beside it, as beside the four below
    "tsi_7s": 5,
    "rk6_7s": 6,
    "rk5_7s": 5,
    "bogacki-shampine_4s": 3,  # "5th order" beside it too; Bogacki and Shampine's has 3
    "dormand-prince_6s": 5,
    "dormand-prince_13s": 8,
    "ssprk4_4s": 3,  # Four stages; the page it cites calls it third order
    "rk4_4s": 4,
    "rk38_4s": 4,
    "ralston_4s": 4,
    "heun_3s": 3,
    "kutta_3s": 3,
    "ralston_3s": 3,
    "houwen-wray_3s": 3,
    "ssprk3_3s": 3,
    "midpoint_2s": 2,
    "heun_2s": 2,
    "ralston_2s": 2,
    "euler": 1,
    "kraaijevanger_spijker_2s": 1,
    "qin_zhang_2s": 2,
    "pareschi_russo_2s": 2,
    "pareschi_russo_alt_2s": 2,
    "crouzeix_2s": 3,
    "crouzeix_3s": 4,
    "crouzeix_3s_alt": 4,
    "verner_robust_16s": 9,
}


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    for file in FILES:
        tree = ast.parse(checkout.text(file))
        known: dict[str, Expr] = {}
        for statement in tree.body:
            if isinstance(statement, ast.Assign) and isinstance(name := statement.targets[0], ast.Name):
                if isinstance(statement.value, ast.Dict) and name.id == "rk_coeff":
                    for key, value in zip(statement.value.keys, statement.value.values, strict=True):
                        label = f"{ast.literal_eval(key)}" + (" (legacy)" if file.startswith("legacy") else "")
                        yield _table(label, value, known)
                elif isinstance(statement.value, ast.BinOp):
                    known[name.id] = number(ast.unparse(statement.value), known)


def claimed(name: str, stages: int) -> int | None:
    """The order of the family that a name is of."""
    for family, (factor, constant) in FAMILIES.items():
        if name.startswith(family):
            return factor * stages + constant
    return NAMED.get(name.split(" ")[0])


def _table(name: str, value: ast.expr, known: dict[str, Expr]) -> Table | Unread:
    try:
        matrix, weights, nodes = (_list(part) for part in value.elts)
        rows = [[_number(x, known) for x in _list(row)] for row in matrix]
        c = [_number(x, known) for x in nodes]
        b = [_number(x, known) for x in _list(weights[0])]
        if len(rows) != len(c) or len(b) > len(c) or not all(map(len, rows[1:])):
            return Unread(name, "rows are missing")
        A = [row + [S.Zero] * (len(c) - len(row)) for row in rows]
        b += [S.Zero] * (len(c) - len(b))
        return Table(name, A, b, c, order=claimed(name, len(c)), decimals=_printed(ast.unparse(value)))
    except (InputError, AttributeError, ValueError) as error:
        return Unread(name, str(error))


def _printed(text: str) -> int | None:
    """Its decimals are floats of 16 or 17 digits, zeros at the end not printed: one that is short says nothing."""
    return None if decimals(text) is None else max(decimals(text) or 0, 14)


def _list(node: ast.expr) -> list[ast.expr]:
    return node.elts  # type: ignore[attr-defined]


def _number(node: ast.expr, known: dict[str, Expr]) -> Expr:
    return number(re.sub(r"\s", "", ast.unparse(node)), known)
