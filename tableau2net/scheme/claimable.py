"""What a scheme file may claim: each name under its [claims], and what is written behind it.

It stands here, not with the findings, since a file is read without any analysis; a finding is claimed under its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sympy import Expr

from tableau2net.extensions import load_extensions

KINDS = {
    bool: "true or false",
    int: "a whole number",
    Expr: "an exact number as text",
    Mapping: "a table of exact numbers, as text, by the name of a scheme",
}

_CLAIMS: dict[str, type] = {
    "order": int,
    "embedded_order": int,
    "control_order": int,
    "stage_order": int,
    "explicit": bool,
    "zero_stable": bool,
    "discovery_stable": bool,
    "stiffly_accurate": bool,
    "fsal": bool,
    "a_stable": bool,
    "l_stable": bool,
    "i_stable": bool,
    "algebraically_stable": bool,
    "symplectic": bool,
    "symmetric": bool,
    "ssp": Expr,
    "real_interval": Expr,
    "imaginary_interval": Expr,
    "boundary_order": int,
    "antisymmetric": bool,
    "dissipative": bool,
    "monotone": bool,
    "sbp": bool,
    "cfl": Mapping,
}
CLAIMS: Mapping[str, type] = MappingProxyType(_CLAIMS)


def claims_with(names: Mapping[str, object]) -> Mapping[str, type]:
    """What may be claimed: what packages of others add is looked for where a name is not one of ours."""
    if not names.keys() <= CLAIMS.keys():
        load_extensions("findings")
    return CLAIMS


def add_claim(name: str, kind: type) -> None:
    """Let files claim something of another package's: true or false (bool), a whole number (int), or an Expr."""
    _CLAIMS[name] = kind
