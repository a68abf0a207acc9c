"""deal.II: the tableaux that are written out with nodes; orders as its documentation of the names has them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, decimals
from tests.errata.braces import Variables, without_comments
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "dealii/dealii"
FILE = "include/deal.II/base/time_stepping.templates.h"
FUNCTION = re.compile(r"fill_((?:exp|imp|emb)_\w+)_tableau\([^)]*\)\s*(?=\{)")
ORDERS = {
    "exp_forward_euler": 1,
    "exp_heun_euler": 2,
    "exp_rk_third_order": 3,
    "exp_ssp_third_order": 3,
    "exp_rk_classic_fourth_order": 4,
    "exp_rk_fifth_order": 5,
    "exp_rk_sixth_order": 6,
    "exp_tsitouras5": 5,
    "imp_backward_euler": 1,
    "imp_midpoint": 2,
    "imp_crank_nicolson": 2,
    "imp_sdirk_two_stages": 2,
    "emb_heun_euler": 2,
    "emb_bogacki_shampine": 3,
    "emb_dopri": 5,
    "emb_fehlberg": 5,
    "emb_cash_karp": 5,
    "emb_tsitouras5": 5,
}


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    text = without_comments(checkout.text(FILE))
    for function in FUNCTION.finditer(text):
        try:
            yield _table(function[1], bracketed(text, function.end()))
        except (InputError, KeyError) as error:
            yield Unread(function[1], f"{type(error).__name__}: {error}")


def _table(name: str, body: str) -> Table:
    variables = Variables()
    for statement in body.replace(".back()", "_back").split(";"):
        if pushed := re.match(r"\s*(\w+)\.push_back\((.*)\)", statement):
            variables.arrays[pushed[1]].append(variables.value(pushed[2]))
        else:
            variables.assign(_plain(statement, variables))
            if "a" in variables.arrays:
                variables.arrays["a_back"] = list(variables.row("a")[-1])
    b = variables.row("b" if "b" in variables.arrays else "b1")
    b_hat = variables.arrays.get("b2")
    A = [row + [b[0] * 0] * (len(b) - len(row)) for row in variables.row("a")]
    order = ORDERS[name]
    return Table(name, A, b, variables.row("c"), b_hat, order, order - 1 if b_hat else None, decimals(body))


def _plain(statement: str, variables: Variables) -> str:
    """Entries of an array by names of their own."""

    def named(found: re.Match[str]) -> str:
        variables.values[key := f"{found[1]}_{found[2]}"] = variables.row(found[1])[int(found[2])]
        return key

    head, sign, tail = statement.partition("=")
    return head + sign + re.sub(r"\b(b1?)\[(\d+)\]", named, tail)
