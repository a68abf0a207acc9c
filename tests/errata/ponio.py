"""hpc-maths/ponio: the database of tables in JSON; the order is in the label, after the stages or as that of a pair."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tableau2net.errors import InputError
from tests.errata.arithmetic import decimals, number
from tests.errata.checkout import Checkout
from tests.errata.table import Table, Unread

REPOSITORY = "hpc-maths/ponio"
ORDERS = {
    "backward_euler": 1, "crancknicolson": 2, "crancknicolson_2": 2, "dirk23": 3, "dirk23_crouzeix": 3, "dirk34": 4,
    "dirk_qin_zhang": 2, "esdirk_54a": 5, "esdirk_54b": 5, "euler": 1, "explicit_euler_sub4": 1, "implicit_midpoint": 2,
    "lsdirk22qz": 2, "lsdirk33": 3, "lsdirk43": 3, "radau_iia": 3, "rk54_6m": 5, "rk54_7m": 5, "rk54_7s": 5, "rk56": 5,
    "rk56a": 5, "rk65_8m": 6, "rk6es": 6, "rk87_13m": 8, "rk_118": 8, "rk_21": 1, "rk_22_midpoint": 2,
    "rk_22_ralston": 2, "rk_32_best": 2, "rk_33": 3, "rk_33_233e": 3, "rk_33_bogackishampine": 3, "rk_33_heun": 3,
    "rk_33_ralston": 3, "rk_33_van_der_houwen": 3, "rk_44": 4, "rk_44_235j": 4, "rk_44_38": 4, "rk_44_ralston": 4,
    "rk_65": 5, "rk_65_236a": 5, "rk_76": 6, "rk_86": 6, "rk_nssp_21": 1, "rk_nssp_32": 2, "rk_nssp_33": 3,
    "rk_nssp_53": 3, "rk_spp_43": 3, "rk_ssp_22_heun": 2, "rk_ssp_32": 2, "rk_ssp_33": 3, "rk_ssp_42": 2,
    "rk_ssp_53": 3, "rk_ssp_54": 4, "rkc_202": 2, "rkc_51": 1, "rkc_52": 2, "sdirk_23": 3, "sdirk_34": 4,
    "sdirk_54": 4, "sspirk33": 3,
}  # fmt: skip


def tables(checkout: Checkout) -> Iterator[Table | Unread]:
    for name, order in ORDERS.items():
        text = checkout.text(f"database/{name}.json")
        try:
            yield _table(name, order, json.loads(text), decimals(text))
        except InputError as error:
            yield Unread(name, str(error))


def _table(name: str, order: int, read: dict, printed: int | None) -> Table:
    b, c = _row(read["b"]), _row(read["c"])
    b_hat = _row(read["b2"]) if "b2" in read else None
    embedded = order - 1 if b_hat and re.search(r"_\d\dm|\d\d_\d+[ms]|sdirk_54", name) else None
    return Table(name, [_row(row) for row in read["A"]], b, c, b_hat, order, embedded, printed)


def _row(texts: list[str]) -> list:
    return [number(str(text)) for text in texts]
