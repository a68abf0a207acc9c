"""What happens to a table on its way into a program: rows and entries change places, a 0 is lost, nodes are not filled.

Each is a change of the numbers under some names, made blindly here; whether it mends anything is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

from sympy import Expr, Pow, S, expand

from tableau2net.scheme.coefficient_table import CoefficientTable

Change = dict[str, Expr]
MOST_STAGES = 9  # for pairs of entries of a row
NAME = re.compile(r"(?P<letter>[a-z_]+?)(?P<index>\d+(?:_\d+)*)(?P<part>_[a-z]\w*)?")


def changed(table: CoefficientTable, change: Change) -> CoefficientTable:
    """The table with other numbers under some names."""
    return table.with_coefficients({**table.coefficients, **change})


class TableRows:
    """The coefficients of a table as rows of names. rows: vectors, and the rows of matrices.

    tableaus: for each tableau A, c, b and b_hat; none of tables of other kinds."""

    def __init__(self, table: CoefficientTable) -> None:
        self.values = table.coefficients
        self.rows: dict[str, list[str]] = {}
        for name in self.values:
            self.rows.setdefault(self._row(name), []).append(name)
        self.explicit = bool(getattr(table, "explicit", False))
        parts = dict.fromkeys(m["part"] or "" for m in map(NAME.fullmatch, self.values) if m)
        keys = ("a1", "b", "c")
        self.tableaus = [part for part in parts if all(f"{key}{part}" in self.rows for key in keys)]

    def _row(self, name: str) -> str:
        found = NAME.fullmatch(name)
        if found is None:
            return name
        letter, index, part = found["letter"], found["index"], found["part"] or ""
        matrix = letter == "a" or (letter in ("b", "u", "v") and f"{letter}11" in self.values and "u11" in self.values)
        if not matrix:
            return f"{letter}{part}"
        row = index.split("_")[0] if "_" in index else index[0]
        return f"{letter}{row}{part}"

    def of(self, row: str) -> list[Expr]:
        """The numbers of a row."""
        return [self.values[name] for name in self.rows[row]]

    def put(self, row: str, numbers: list[Expr]) -> Change:
        """The change that writes numbers into a row."""
        return {n: x for n, x in zip(self.rows[row], numbers, strict=True) if self.values[n] != x}

    def stages(self, tableau: str) -> int:
        """How many stages a tableau has."""
        return len(self.rows[f"c{tableau}"])

    def sums(self, tableau: str) -> list[Expr]:
        """The row sums of a tableau."""
        return [expand(sum(self.of(f"a{i}{tableau}"), S.Zero)) for i in range(1, self.stages(tableau) + 1)]

    def uneven(self, tableau: str) -> list[int]:
        """The rows, from 1, that do not add up to their node."""
        pairs = enumerate(zip(self.sums(tableau), self.of(f"c{tableau}"), strict=True), 1)
        return [i for i, (total, node) in pairs if expand(total - node) != 0]


def pairs_of_rows(table: CoefficientTable) -> Iterator[tuple[str, str]]:
    """Two entries of one row of A that are there."""
    rows = TableRows(table)
    for row, names in rows.rows.items():
        if row.startswith("a") and row not in rows.values and len(names) <= MOST_STAGES:
            yield from combinations([n for n in names if not rows.values[n].is_zero], 2)


def exchanges(table: CoefficientTable) -> Iterator[tuple[str, Change]]:
    """What may have been exchanged, in words, and the change that undoes it; the likeliest first."""
    rows = TableRows(table)
    if len(rows.tableaus) > 1:
        every = [rows.put(f"c{t}", rows.sums(t)) for t in rows.tableaus]
        yield "the row sums as nodes", {n: x for change in every for n, x in change.items()}
    for tableau in rows.tableaus:
        yield from _of_tableau(rows, tableau)
    for row in rows.rows:
        yield from _within(rows, row)
    yield from _whole_rows(rows)


def _of_tableau(rows: TableRows, tableau: str) -> Iterator[tuple[str, Change]]:
    b, hat, last = f"b{tableau}", f"b_hat{tableau}", f"a{rows.stages(tableau)}{tableau}"
    yield "the row sums as nodes", rows.put(f"c{tableau}", rows.sums(tableau))
    if hat in rows.rows:
        yield f"{b} and {hat} exchanged", {**rows.put(b, rows.of(hat)), **rows.put(hat, rows.of(b))}
    yield "the last row of A as weights", rows.put(b, rows.of(last))
    if not rows.explicit or rows.values[rows.rows[b][-1]].is_zero:
        yield "the weights as last row of A", rows.put(last, rows.of(b))
    elif hat in rows.rows or len(rows.rows[b]) > 2:
        yield "the weights as last row of A, the last weight left out", rows.put(last, [*rows.of(b)[:-1], S.Zero])
    for i in rows.uneven(tableau):  # one entry makes the row add up to its node
        gap = rows.values[rows.rows[f"c{tableau}"][i - 1]] - rows.sums(tableau)[i - 1]
        for name, a in zip(rows.rows[f"a{i}{tableau}"], rows.of(f"a{i}{tableau}"), strict=True):
            if not a.is_zero:
                yield f"row {i} adds up to its node", {name: expand(a + gap)}


def _within(rows: TableRows, row: str) -> Iterator[tuple[str, Change]]:
    """Two entries exchanged, a 0 that is missing, all signs or those of the square roots the other way."""
    numbers = rows.of(row)
    reach = len(numbers)
    if rows.explicit and row.startswith("a"):
        while reach and numbers[reach - 1].is_zero:
            reach -= 1
    for i, j in combinations(range(reach), 2):
        if numbers[i] != numbers[j]:
            swapped = list(numbers)
            swapped[i], swapped[j] = numbers[j], numbers[i]
            yield f"{rows.rows[row][i]} and {rows.rows[row][j]} exchanged", rows.put(row, swapped)
    if numbers and numbers[-1].is_zero:
        for i, x in enumerate(numbers):
            if not x.is_zero:
                yield f"a 0 before {rows.rows[row][i]}", rows.put(row, [*numbers[:i], S.Zero, *numbers[i:-1]])
    if any(x.atoms(Pow) for x in numbers):
        yield f"the square roots of {row} with the other sign", rows.put(row, [_conjugate(x) for x in numbers])


def _conjugate(value: Expr) -> Expr:
    roots = {p: -p for p in value.atoms(Pow) if p.exp.is_Rational and not p.exp.is_Integer}
    return expand(value.xreplace(roots))


def _whole_rows(rows: TableRows) -> Iterator[tuple[str, Change]]:
    matrices = [row for row in rows.rows if row not in rows.values and row[0] in "a"]
    for one, two in combinations(matrices, 2):
        first, second = rows.of(one), rows.of(two)
        if (
            len(first) == len(second)
            and first != second
            and one[1:].lstrip("0123456789") == two[1:].lstrip("0123456789")
        ):
            yield f"rows {one} and {two} exchanged", {**rows.put(one, second), **rows.put(two, first)}
