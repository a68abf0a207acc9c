"""odeToJava: explicit tableaux and implicit-explicit pairs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sympy import S

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals, split
from tests.errata.braces import Variables, without_comments
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "akroshko/odetojava"
FOLDER = "src/ca.usask/simlab/odeToJava/scheme/"
METHOD = re.compile(r"public static \w+ (get_\w+)\(\) (?=\{)")
CALL = re.compile(r"new (ERK|IMEXESDIRK)ButcherTableau(?=\()")


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    for file in ("ERKButcherTableau", "IMEXESDIRKButcherTableau"):
        text = without_comments(checkout.text(f"{FOLDER}{file}.java"))
        for method in METHOD.finditer(text):
            try:
                yield _table(method[1], bracketed(text, method.end()))
            except InputError as error:
                yield Unread(method[1], str(error))


def _table(name: str, body: str) -> Table:
    variables, parts = Variables(), []
    for statement in body.split(";"):
        for call in CALL.finditer(statement):
            arguments = split(bracketed(statement, call.end()))
            if call[1] == "ERK":
                parts.append(_part(name, variables, arguments, decimals(body)))
            else:
                explicit, implicit = parts[0], _as_solved(parts[1])
                order = variables.value(arguments[2])
                both = replace(implicit, order=int(order), partner=explicit)
                if len(arguments) == 6:
                    both = replace(both, embedded=int(variables.value(arguments[3])))
                return both
        if "ButcherTableau" not in statement:
            variables.assign(statement)
    return parts[0]


def _as_solved(part: Table) -> Table:
    """The step reads a[1][1] for the diagonal of every stage, whatever stands there."""
    gamma = part.A[1][1]
    return replace(part, A=[[gamma if i == j > 0 else x for j, x in enumerate(row)] for i, row in enumerate(part.A)])


def _part(name: str, variables: Variables, arguments: list[str], printed: int | None) -> Table:
    """The constructor's two forms: A, b, c, fsal, order, … and A, b, b_embedded, c, fsal, order, order_embedded, …

    Nodes that are null are made by generate_c, which adds up the first row as often as there are rows."""
    names = [re.sub(r"Float64(?:Matrix|Vector)\.valueOf\((\w+)\)", r"\1", argument) for argument in arguments]
    pair = len(names) == 9
    a, b, c = names[0], names[1], names[3 if pair else 2]
    A = [list(row) if isinstance(row, list) else [] for row in variables.row(a)]
    A = [row + [S.Zero] * (len(A) - len(row)) for row in A]
    nodes = [len(A) * x for x in A[0]] if c == "null" else variables.row(c)
    return Table(
        name,
        A,
        variables.row(b),
        nodes,
        variables.row(names[2]) if pair else None,
        int(variables.value(names[5 if pair else 4])),
        int(variables.value(names[6])) if pair else None,
        printed,
    )
