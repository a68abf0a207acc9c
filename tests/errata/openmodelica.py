"""OpenModelica: the tableaux of GBODE, order_b and order_bt as set beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals, split
from tests.errata.braces import Variables, without_comments
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "OpenModelica/OpenModelica"
FILE = "OMCompiler/SimulationRuntime/c/simulation/solver/gbode_tableau.c"
FUNCTION = re.compile(r"^void getButcherTableau_(\w+)\(", re.MULTILINE)
FIELD = re.compile(r"^tableau->(\w+)\s*=\s*(.+)\Z", re.DOTALL)
NOTHING = re.compile(r"const double\s*\*\s*(\w+) = NULL")
MULTISTEP = ("MS",)  # no Runge–Kutta table: c = −1 is the step before


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    text = checkout.text(FILE)
    for start in FUNCTION.finditer(text):
        if start[1] not in MULTISTEP:
            yield from _tables(start[1], bracketed(text, text.index("{", start.start())))


def _tables(name: str, body: str) -> Iterator[Table | Unread]:
    """One for each call of setButcherTableau: where there are two, the first is for Richardson's extrapolation."""
    variables, fields = Variables(), {}
    statements = re.sub(r"(?:else|if \([^)]*\))\s*\{|\n\s*\}(?!\s*;)", ";", without_comments(body))
    for statement in (part.strip() for part in statements.split(";")):
        try:
            if field := FIELD.match(statement):
                text = field[2].replace("tableau->nStages", str(fields.get("nStages", "")))
                if field[1] in ("nStages", "order_b", "order_bt"):
                    fields[field[1]] = int(variables.value(text))
            elif nothing := NOTHING.match(statement):
                variables.arrays[nothing[1]] = []
            elif statement.startswith(("const double", "double")):
                variables.assign(statement)
            elif statement.startswith("setButcherTableau("):
                yield _table(name, variables, fields, split(bracketed(statement, statement.index("("))), body)
        except (InputError, KeyError) as error:
            yield Unread(name, f"{type(error).__name__}: {error}")


def _table(name: str, variables: Variables, fields: dict[str, int], arguments: list[str], body: str) -> Table:
    _, c, a, b, b_hat = arguments
    variables.arrays.setdefault("NULL", [])
    s, flat = fields["nStages"], variables.row(a)
    if len(flat) != s * s:
        raise InputError(f"{a} has {len(flat)} entries for {s} stages")
    return Table(
        name,
        [flat[i * s : i * s + s] for i in range(s)],
        variables.row(b)[:s],
        variables.row(c)[:s],
        variables.row(b_hat)[:s] or None,
        fields["order_b"],
        fields["order_bt"] if variables.row(b_hat) else None,
        decimals(body.split("setButcherTableau(")[0]),
    )
