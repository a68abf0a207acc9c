"""richmit/MRKISS: one Fortran module a tableau, whole numbers over a divisor; p: the orders of the rows of b."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sympy import Expr

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals, number, split
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "richmit/MRKISS"
ENTRY = re.compile(r"parameter :: (\w+)(?:\([^)]*\))?\s*=\s*")


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    for file in checkout.names("lib", "mrkiss_*erk_*.f90"):
        name = file.removeprefix("mrkiss_").removesuffix(".f90")
        text = re.sub(r"![^\n]*", "", checkout.text(f"lib/{file}"))
        try:
            yield from _tables(name, re.sub(r"&[^\S\n]*\n\s*&?", " ", text))
        except (InputError, KeyError, ValueError) as error:
            yield Unread(name, f"{type(error).__name__}: {error}")


def _tables(name: str, text: str) -> Iterator[Table]:
    """A table for each row of weights."""
    read = {found[1]: _array(text[found.end() :].split("\n")[0]) for found in ENTRY.finditer(text)}
    s, c = int(read["s"][0]), read["c"]
    if len(read["a"]) != s * s or len(read["b"]) % s:
        raise InputError(f"a has {len(read['a'])} entries, b {len(read['b'])}, for {s} stages")
    A = [read["a"][i * s :][:s] for i in range(s)]
    for which, order in enumerate(read["p"]):
        label = f"{name} row {which + 1}" if which else name
        yield Table(label, A, read["b"][which * s :][:s], c, order=int(order), decimals=decimals(text))


def _array(text: str) -> list[Expr]:
    """A number, or arrays added up, each over what stands behind it: reshape([1, 2], [2, 1]) / 3 + [0, 1] * sqrt(5)."""
    if "[" not in text:
        return [number(text)]
    terms = []
    for term in split(text.strip(), "+"):
        start = term.index("[")
        inner = bracketed(term, start)
        behind = term[start + len(inner) + 2 :]
        if term.startswith("reshape"):
            behind = behind[behind.index(")") + 1 :]
        factor = number(f"1 {behind.strip()}") if behind.strip() else number("1")
        terms.append([number(x) * factor for x in split(inner)])
    return [sum(entries[1:], entries[0]) for entries in zip(*terms, strict=True)]
