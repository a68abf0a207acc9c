"""drreynolds/rklab: the tables of butcher.m with their orders q and p, and the name of each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sympy import Expr, S

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals, number, split
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "drreynolds/rklab"
FILE = "butcher.m"
CASE = re.compile(r"^(?:else)?if \(strcmp\(method_name,'([^']+)'\)\)", re.MULTILINE)
STATEMENT = re.compile(r"(\w+)(?:\(([\d, ]+)\))?\s*=(?!=)\s*(.+)\Z", re.DOTALL)


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    text = re.sub(r"%[^\n]*", "", checkout.text(FILE)).replace("...", "   ")
    found = list(CASE.finditer(text))
    for case, following in zip(found, [*found[1:], None], strict=True):
        try:
            yield _table(case[1], text[case.end() : following.start() if following else None].split("\nelse\n")[0])
        except (InputError, KeyError, ValueError) as error:
            yield Unread(case[1], str(error))


def _table(name: str, body: str) -> Table:
    values: dict[str, Expr] = {"z": number("0")}
    arrays: dict[str, list[list[Expr]]] = {}
    for statement in filter(None, split(body.replace("[ ", "["), ";")):
        if (found := STATEMENT.match(statement)) is None:
            raise InputError(f"not read: {statement[:40]}")
        if found[1] != "B":
            _assign(found[1], found[2], _plain(found[3], values, arrays), values, arrays)
    (written,) = re.findall(r"\bB = \[(?:c|cc),\s*A;\s*q,\s*b(?:;\s*p,\s*(\w+))?\s*\]", body)
    return Table(
        name,
        arrays["A"],
        _flat(arrays["b"]),
        _flat(arrays["c"]),
        _flat(arrays[written]) if written else None,
        int(values["q"]),
        int(values["p"]) if written else None,
        decimals(body),
    )


def _assign(
    name: str, index: str | None, text: str, values: dict[str, Expr], arrays: dict[str, list[list[Expr]]]
) -> None:
    if index:  # from 1; a vector by one number, whether it is a row or a column
        row, *column = (int(i) - 1 for i in index.split(","))
        if not column:
            row, *column = (0, row) if len(arrays[name]) == 1 else (row, 0)
        arrays[name][row][column[0]] = number(text, values)
    elif text.startswith("["):
        arrays[name] = [_row(row, values, arrays) for row in _rows(bracketed(text, 0))]
    elif text == "sum(A,2)":
        arrays[name] = [[sum(row, S.Zero)] for row in arrays["A"]]
    else:
        values[name] = number(text, values)


def _plain(text: str, values: dict[str, Expr], arrays: dict[str, list[list[Expr]]]) -> str:
    """Without v(…), and with a name of its own for each entry and sum of an array."""

    def named(value: Expr) -> str:
        values[key := f"value{len(values)}"] = value
        return key

    text = re.sub(r"\bv\(", "(", text.strip())
    text = re.sub(r"sum\((\w+)\((\d+),:\)\)", lambda m: named(sum(arrays[m[1]][int(m[2]) - 1], S.Zero)), text)
    text = re.sub(r"sum\((\w+)\)", lambda m: named(sum(_flat(arrays[m[1]]), S.Zero)), text)
    names = "|".join(arrays) or "$"
    return re.sub(rf"\b({names})\((\d+)\)", lambda m: named(_flat(arrays[m[1]])[int(m[2]) - 1]), text)


def _rows(text: str) -> list[str]:
    return [row for row in split(text, ";") if row]


def _row(text: str, values: dict[str, Expr], arrays: dict[str, list[list[Expr]]]) -> list[Expr]:
    """Numbers, or an array by its name."""
    parts = [x for x in split(text, ",") if x]
    return [x for part in parts for x in (_flat(arrays[part]) if part in arrays else [number(part, values)])]


def _flat(array: list[list[Expr]]) -> list[Expr]:
    return [x for row in array for x in row]
