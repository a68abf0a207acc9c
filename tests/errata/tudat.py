"""tudat-team/tudat: sets filled entry by entry; the first row of b has the lower order, the second the higher."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sympy import Expr

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals, filled, number
from tests.errata.braces import without_comments
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "tudat-team/tudat"
FILE = "src/math/integrators/rungeKuttaCoefficients.cpp"
FUNCTION = re.compile(r"^void initialize(\w+?)Coefficients\([^)]*\)\s*(?=\{)", re.MULTILINE)
COPY = re.compile(r"\w+\.([abc])Coefficients\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)\s*\Z")
TARGET = re.compile(r"\w+\.([abc])Coefficients\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)\s*=\s*")
ORDER = re.compile(r"\w+\.(lowerOrder|higherOrder)\s*=\s*(\d+)\Z")
SHAPE = re.compile(r"\w+\.bCoefficients\s*=\s*Eigen::MatrixXd::Zero\s*\(\s*(\d+),\s*(\d+)\s*\)")
OTHER = re.compile(
    r"\w+\.(?:[ac]Coefficients\s*=\s*Eigen|isFixedStepSize|orderEstimateToIntegrate|name)"
    r"|(?:const )?double (\w+)\s*=\s*(.*)\Z",
    re.DOTALL,
)
SAID = re.compile(r"of order (\d+) and with")


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    text = checkout.text(FILE)
    for function in FUNCTION.finditer(text):
        body = bracketed(text, function.end())
        try:
            yield from _tables(function[1], body)
        except (InputError, KeyError) as error:
            yield Unread(function[1], f"{type(error).__name__}: {error}")


def _tables(name: str, body: str) -> Iterator[Table]:
    """A table for each row of weights; of a set without a pair, the order is that of the comment above it."""
    entries: dict[str, dict[tuple[int, ...], Expr]] = {"a": {}, "b": {}, "c": {}}
    orders, known, weights, s = {}, {}, 0, 0
    code = without_comments(body)
    for statement in filter(None, (part.strip() for part in code.split(";"))):
        if targets := list(TARGET.finditer(statement)):  # one, or several in a chain
            text = statement[targets[-1].end() :]
            copied = COPY.match(text)  # an entry that is there already
            value = entries[copied[1]][_index(copied)] if copied else number(text, known)
            for target in targets:
                entries[target[1]][_index(target)] = value
        elif order := ORDER.match(statement):
            orders[order[1]] = int(order[2])
        elif shape := SHAPE.match(statement):
            weights, s = int(shape[1]), int(shape[2])
        elif (other := OTHER.match(statement)) is None:
            raise InputError(f"not read: {statement[:60]}")
        elif other[1]:
            known[other[1]] = number(other[2], known)
    said = [orders.get("lowerOrder"), orders.get("higherOrder")] if orders else [int(n) for n in SAID.findall(body)[:1]]
    A, (c,) = filled(entries["a"], s, s), filled(entries["c"], 1, s)
    for which, (row, claimed) in enumerate(zip(filled(entries["b"], weights, s), said, strict=False)):
        label = f"{name} row {which + 1}" if which else name
        yield Table(label, A, row, c, order=claimed, decimals=decimals(code))


def _index(found: re.Match[str]) -> tuple[int, int]:
    return (int(found[2]), int(found[3])) if found[3] else (0, int(found[2]))
