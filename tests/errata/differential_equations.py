"""Ryan-D-Gast/differential-equations (Rust): tableaux with their orders in the documentation above each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals
from tests.errata.braces import Variables
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "Ryan-D-Gast/differential-equations"
FILES = ("dirk", "dorman_prince", "gauss_legendre", "kvaerno", "lobatto", "runge_kutta", "verner")
FUNCTION = re.compile(r"((?:^ *///.*\n)*)^ *pub fn (\w+)\(\) -> Self (?=\{)", re.MULTILINE)
CONSTANT = re.compile(r"^const (\w+): f64 = ([^;]+);", re.MULTILINE)
WORDS = {"primary": re.compile(r"Primary order: (\d+)"), "embedded": re.compile(r"Embedded order: (\d+)")}


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    for file in FILES:
        text = checkout.text(f"src/tableau/{file}.rs")
        for function in FUNCTION.finditer(text):
            try:
                yield _table(function[2], function[1], bracketed(text, function.end()), CONSTANT.findall(text))
            except (InputError, KeyError) as error:
                yield Unread(function[2], str(error))


def _table(name: str, words: str, body: str, constants: list[tuple[str, str]]) -> Table:
    orders = {key: int(found[1]) for key, pattern in WORDS.items() if (found := pattern.search(words))}
    variables = Variables()
    for constant, value in constants:
        variables.assign(f"double {constant} = {value}")
    code = re.sub(r"//[^\n]*", "", body)
    for statement in re.split(r";(?![^\[]*\])", code):
        if not re.search(r"T::(?:from_f64|zero|one)\b", statement) and ("=" in statement) and "Self {" not in statement:
            variables.assign(_as_c(statement))
    pair = "bh" in variables.arrays and "embedded" in orders
    s = len(variables.row("b"))
    A = [row[:s] for row in variables.row("a")[:s]]
    b_hat = variables.row("bh") if pair else None
    return Table(
        name, A, variables.row("b"), variables.row("c")[:s], b_hat, orders.get("primary"),
        orders.get("embedded") if pair else None, decimals(code),
    )  # fmt: skip


def _as_c(statement: str) -> str:
    """A statement of Rust as C would write it: digits joined, arrays in braces, zeros by their lengths."""
    text = re.sub(r"(?<=\d)_(?=\d)", "", statement.strip()).replace("_f64", "")
    text = re.sub(r"([\d.]+|\w+)\.sqrt\(\)", r"sqrt(\1)", text)
    text = re.sub(r"^let (?:mut )?(\w+)(?:: [^=]+?)?\s*=", r"double \1 =", text)
    text = re.sub(r"=\s*\[\[0\.0; (\w+)\]; (\w+)\]", r"= new double[\2][\1]", text)
    text = re.sub(r"=\s*\[0\.0; (\w+)\]", r"= new double[\1]", text)
    head, sign, tail = text.partition("=")
    return head + sign + (tail if "new double" in tail else tail.replace("[", "{").replace("]", "}"))
