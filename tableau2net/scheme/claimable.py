"""What a scheme file may claim: each name under its [claims], and what is written behind it.

It stands here, not with the findings, since a file is read without any analysis; a finding is claimed under its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sympy import Expr, Rational

from tableau2net.errors import InputError
from tableau2net.extensions import load_extensions

DECIMAL = re.compile(r"-?\d{1,60}\.\d{1,60}")
DECIMAL_WITHIN = re.compile(r"\.|\d[eE]")  # of text that is neither decimals nor an exact number

KINDS = {
    bool: "true or false",
    int: "a whole number",
    Expr: "an exact number as text, decimals, or oo",
    Mapping: "a table of exact numbers or decimals, as text, by the name of a scheme",
}


@dataclass(frozen=True)
class Printed:
    """A number as a source printed it, in decimals: "1.3926" is true of what is within 1e-4 of it, so that numbers can
    be claimed that have no radicals. Raises InputError for other text."""

    text: str

    def __post_init__(self) -> None:
        if not DECIMAL.fullmatch(self.text):
            raise InputError(f"{self.text[:60]!r}: decimals are expected, such as 1.3926")

    def __str__(self) -> str:
        return self.text

    @property
    def value(self) -> Rational:
        return Rational(self.text)

    @property
    def digits(self) -> int:
        """How many decimals are printed."""
        return len(self.text.partition(".")[2])


_CLAIMS: dict[str, type] = {
    "order": int,
    "embedded_order": int,
    "dense_order": int,
    "control_order": int,
    "stage_order": int,
    "weak_stage_order": int,
    "stiff_order": int,
    "index_1_order": int,
    "index_2_order": int,
    "sequential_depth": int,
    "dispersion_order": int,
    "dissipation_order": int,
    "w_order": int,
    "jacobian_order": int,
    "nystrom_order": int,
    "explicit": bool,
    "zero_stable": bool,
    "discovery_stable": bool,
    "stiffly_accurate": bool,
    "globally_stiffly_accurate": bool,
    "fsal": bool,
    "a_stable": bool,
    "l_stable": bool,
    "i_stable": bool,
    "algebraically_stable": bool,
    "symplectic": bool,
    "energy_preserving": bool,
    "symmetric": bool,
    "damps_stiff": bool,
    "ssp": Expr,
    "additive_ssp": Expr,
    "circle_contractivity": Expr,
    "periodicity": Expr,
    "p_stable": bool,
    "real_interval": Expr,
    "imaginary_interval": Expr,
    "boundary_order": int,
    "antisymmetric": bool,
    "dissipative": bool,
    "monotone": bool,
    "sbp": bool,
    "cfl": Mapping,
    "strong_order": Expr,
    "weak_order": Expr,
    "deterministic_order": int,
    "mean_square_stable": bool,
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


def drop_claim(name: str) -> None:
    """It may be claimed no more."""
    del _CLAIMS[name]
