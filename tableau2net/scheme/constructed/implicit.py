"""The named families of fully implicit methods: Gauss, Radau and Lobatto of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from tableau2net.scheme.constructed.collocation import (
    Rule,
    collocation,
    first_column,
    last_column,
    mean,
    reflected,
    table,
    transposed,
)
from tableau2net.scheme.constructed.pattern import SchemePattern, count, register_scheme_patterns
from tableau2net.scheme.constructed.quadrature import DIGITS, is_exact

MAX_NODES = 24  # beyond, fifty decimals tell the order 2s from the order 2s + 1 no longer with ease
BUTCHER = "Butcher 1964, Math. Comp. 18, pp. 233-244; HW II, sect. IV.5"
EHLE = "Ehle 1969; HW II, sect. IV.5"
CHIPMAN = "Chipman 1971; HW II, sect. IV.5"
JAY = "Jay 2015, Lobatto methods, Encyclopedia of Applied and Computational Mathematics"
LOST = {"gauss": 0, "radau-left": 1, "radau-right": 1, "lobatto": 2}  # the order is 2s less this


A = {"a_stable": True}
L = {"l_stable": True, "algebraically_stable": True}
REVERSIBLE = {"symplectic": True, "symmetric": True, "algebraically_stable": True, **A}


def _family(
    name: str,
    title: str,
    reference: str,
    kind: str,
    rule: Rule,
    stages: int,
    facts: Mapping[str, bool],
    first: int = 2,
    last: int = MAX_NODES,
) -> SchemePattern:
    """A family on the nodes of a quadrature; `stages` is the stage order less s, `facts` what else is said of it."""

    def claims(s: int) -> Mapping[str, Any]:
        order = 2 * s - LOST[kind]
        return {"order": order, **({"stage_order": min(s + stages, order), **facts} if is_exact(kind, s) else {})}

    def say(s: int) -> str:
        return f"{title}, {count(s, 'stage')}" + ("" if is_exact(kind, s) else f", to {DIGITS} decimals")

    members = range(first, last + 1)
    return SchemePattern(name + "-{}", members, partial(table, kind, rule), say, reference, claims, 4)


IMPLICIT = register_scheme_patterns(
    _family("gauss", "Gauss", f"Kuntzmann 1961; {BUTCHER}", "gauss", collocation, 0, REVERSIBLE, 1),
    _family("radau-i", "Radau I", BUTCHER, "radau-left", collocation, 0, {"a_stable": False}),
    _family("radau-ia", "Radau IA", EHLE, "radau-left", transposed, -1, L, 1),
    _family("radau-ii", "Radau II", BUTCHER, "radau-right", transposed, -1, {"a_stable": False}),
    _family("radau-iia", "Radau IIA", EHLE, "radau-right", collocation, 0, {"stiffly_accurate": True, **L}, 1),
    _family("lobatto-iii", "Lobatto III (also IIIC*)", BUTCHER, "lobatto", last_column, -1, {"a_stable": False}),
    _family(
        "lobatto-iiia", "Lobatto IIIA", EHLE, "lobatto", collocation, 0,
        {"stiffly_accurate": True, "symmetric": True, **A},
    ),
    _family("lobatto-iiib", "Lobatto IIIB", EHLE, "lobatto", transposed, -2, {"symmetric": True, **A}),
    _family("lobatto-iiic", "Lobatto IIIC", CHIPMAN, "lobatto", first_column, -1, {"stiffly_accurate": True, **L}),
    _family(
        "lobatto-iiid", "Lobatto IIID", "Nørsett and Wanner 1981, Numer. Math. 38, pp. 193-208",
        "lobatto", reflected, -2, L, last=5,
    ),
    _family(
        "lobatto-iiie", "Lobatto IIIE, the mean of IIIA and IIIB", JAY,
        "lobatto", mean(collocation, transposed), -2, REVERSIBLE,
    ),
    _family(
        "lobatto-iiis", "Lobatto IIIS, the mean of IIIC and IIIC*", JAY,
        "lobatto", mean(first_column, last_column), -1, REVERSIBLE,
    ),
)  # fmt: skip
