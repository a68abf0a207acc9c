"""Functions of Julia that fill a table by assignments, read without running them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from sympy import Expr

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, filled, logical_lines, number, split

FUNCTION = re.compile(r"^function (\w+)\(", re.MULTILINE)
ENTRY = re.compile(r"^(\w+)\[([^\]]+)\]\s*=(?!=)\s*(.+)\Z", re.DOTALL)
WHOLE = re.compile(r"^(\w+)\s*=\s*(?:@big\s*)?(.+)\Z", re.DOTALL)
OPERATOR = re.compile(r"(?://|[*/+^-])\Z")

Array = dict[tuple[int, ...], Expr]


def functions(text: str) -> Iterator[tuple[str, str]]:
    """Name and body of every function that stands at the start of a line."""
    found = list(FUNCTION.finditer(text))
    for at, start in enumerate(found):
        end = found[at + 1].start() if at + 1 < len(found) else len(text)
        yield start[1], text[start.start() : end].split("\nend")[0]


class Assignments:
    """What the assignments of a function's body leave: numbers in `values`, arrays (from 0) in `arrays`.

    What is no arithmetic is left out, and named in `skipped` with the reason."""

    def __init__(self, body: str) -> None:
        self.values: dict[str, Expr] = {}
        self.arrays: dict[str, Array] = {}
        self.skipped: dict[str, str] = {}
        self.stages = 0  # the largest number of rows that an empty array is made with
        for line in logical_lines(body):
            if re.match(r"\w+\[[^\]]*\]\s*[.+*-]+=", line):
                raise InputError(f"not read: {line.splitlines()[0]}")
            if entry := ENTRY.match(line):
                self._entry(entry[1], entry[2], entry[3])
            elif whole := WHOLE.match(line):
                self._whole(whole[1], whole[2].strip())

    def _entry(self, name: str, index: str, text: str) -> None:
        ranges = [_indices(i) for i in index.split(",")]
        values = list(self.array(bracketed(text, 0)).values()) if text.startswith("[") else [self.number(name, text)]
        array = self.arrays.setdefault(name, {})
        for at, value in zip(product(*ranges), values, strict=True):
            array[at] = value

    def vector(self, name: str, length: int) -> list[Expr]:
        """A vector of the length; what no assignment names is 0."""
        return filled({(0, i): x for (i, *_), x in self.arrays[name].items()}, 1, length)[0]

    def _whole(self, name: str, text: str) -> None:
        try:
            if text.startswith("["):
                self.arrays[name] = self.array(bracketed(text, 0))
            elif ones := re.match(r"(?:zeros|ones)\(BigFloat, 1(?:, 1)?\)(?: \./ (\d+))?", text):
                self.arrays[name] = {(0,): number("0" if text.startswith("z") else f"1/{ones[1] or 1}")}
            elif filled_with := re.match(r"fill\(([^,]+), 1, 1\)", text):
                self.arrays[name] = {(0, 0): number(filled_with[1], self.values)}
            elif empty := re.match(r"(?:zeros\(\w+|Matrix\{\w+\}\(undef), (\d+)", text):
                self.arrays[name] = {}
                self.stages = max(self.stages, int(empty[1]))
            elif re.match(r"map\(T", text):
                pass
            else:
                self.values[name] = number(text, self.values)
        except InputError as error:
            self.skipped[name] = str(error)

    def number(self, name: str, text: str) -> Expr:
        try:
            return number(text, self.values)
        except InputError as error:
            self.skipped[name] = str(error)
            raise

    def array(self, text: str) -> Array:
        """A vector or matrix as Julia writes them: by rows on lines or after `;`, elements parted by space or comma."""
        text = re.sub(r"([/*+-])\s*\n\s*", r"\1 ", text)
        if text.strip().startswith("["):  # rows in brackets of their own, one above the other
            rows = [bracketed(row.strip(), 0) for row in re.findall(r"\[[^\[\]]*\]", text)]
        else:
            rows = [row for row in re.split(r"[;\n]", text) if row.strip().strip(",")]
        grid = [self._elements(row) for row in rows]
        flat = [x for row in grid for x in row]
        if len(grid) in (1, len(flat)) or "," in text:
            return {(i,): x for i, x in enumerate(flat)}
        return {(i, j): x for i, row in enumerate(grid) for j, x in enumerate(row)}

    def _elements(self, row: str) -> list[Expr]:
        if len(split(row.strip().strip(","))) > 1:
            return [number(x, self.values) for x in split(row) if x]
        return [number(x, self.values) for x in _spaced(row.strip().strip(","))]


def _indices(text: str) -> list[int]:
    """One index or a range of Julia's, from 0."""
    if not (found := re.fullmatch(r"\s*(\d+)(?::(\d+))?\s*", text)):
        raise InputError(f"an index that is no number: {text}")
    return list(range(int(found[1]) - 1, int(found[2] or found[1])))


def _spaced(row: str) -> list[str]:
    """Elements parted by space; an operator with space on both sides joins its neighbours."""
    words = [word for word in split(row.strip(), " \t") if word]
    joined: list[str] = []
    for word in words:
        if joined and (OPERATOR.match(word) or joined[-1].endswith(" ")):
            joined[-1] += f" {word} " if OPERATOR.match(word) else word
        else:
            joined.append(word)
    return joined
