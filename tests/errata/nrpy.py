"""nrpy: the dictionary of Butcher tables for its method of lines, each with its order; two rows of weights in pairs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sympy import Expr, S

from tableau2net.errors import InputError
from tests.errata.arithmetic import number
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "nrpy/nrpy"
FILE = "nrpy/infrastructures/BHaH/MoLtimestepping/rk_butcher_table_dictionary.py"
RATIONAL = re.compile(r"sp\.Rational\(([^,()]+),([^,()]+)\)")


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    known: dict[str, Expr] = {}
    for node in ast.walk(ast.parse(checkout.text(FILE))):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        match node.targets[0], node.value:
            case ast.Name(id=name), ast.Call():
                known |= _constant(name, node.value)
            case ast.Subscript(slice=ast.Constant(value=name)), ast.Tuple(
                elts=[ast.List(elts=rows), ast.Constant(value=p)]
            ):
                try:
                    yield _table(str(name), [row.elts for row in rows if isinstance(row, ast.List)], int(p), known)
                except InputError as error:
                    yield Unread(str(name), str(error))


def _constant(name: str, value: ast.expr) -> dict[str, Expr]:
    try:
        return {name: _number(value, {})}
    except InputError:
        return {}


def _table(name: str, rows: list[list[ast.expr]], order: int, known: dict[str, Expr]) -> Table:
    stages = [row for row in rows if not _is_text(row[0])]
    weights = [[_number(x, known) for x in row[1:]] for row in rows if _is_text(row[0])]
    s = len(stages)
    A = [[_number(x, known) for x in row[1:]] for row in stages]
    b, b_hat = (_filled(row, s) for row in (weights * 2)[:2])
    pair = len(weights) == 2
    return Table(
        name,
        [_filled(row, s) for row in A],
        b,
        [_number(row[0], known) for row in stages],
        b_hat if pair else None,
        order,
        order - 1 if pair else None,
    )


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _filled(row: list[Expr], s: int) -> list[Expr]:
    return row + [S.Zero] * (s - len(row))


def _number(node: ast.expr, known: dict[str, Expr]) -> Expr:
    text = RATIONAL.sub(r"((\1)/(\2))", ast.unparse(node)).replace(".factor()", "")
    return number(re.sub(r"sp\.(?:sympify|Rational)\(", "(", text).replace("sp.sqrt", "sqrt"), known)
