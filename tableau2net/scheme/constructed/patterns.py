"""Every constructed family, by the pattern of its names."""

from __future__ import annotations

from tableau2net.scheme.base import Scheme
from tableau2net.scheme.constructed import (
    composition,
    deferred_correction,
    extrapolation,
    implicit,
    implicit_explicit,
    linear_order,
    partitioned,
    predictor_corrector,
    second_derivative,
    ssp,
    stabilised,
)
from tableau2net.scheme.constructed import linear_multistep as multistep
from tableau2net.scheme.constructed.family import Family

MODULES = (
    implicit,
    partitioned,
    composition,
    ssp,
    linear_order,
    stabilised,
    extrapolation,
    deferred_correction,
    multistep,
    second_derivative,
    implicit_explicit,
    predictor_corrector,
)
FAMILIES: tuple[Family, ...] = tuple(family for module in MODULES for family in module.FAMILIES)
# other names in use: for all of a name, or with a dash at the end for its beginning
ALIASES = {
    "lobatto-iiic-star-": "lobatto-iii-",
    "rkc-": "rkc2-",
    "sbdf-": "imex-bdf-",
    "cnab-2": "imex-adams-2",
    "numerov": "cowell-2",
}


def listed() -> dict[str, tuple[Family, int]]:
    """The members that are shown, by name: the first few of each family."""
    return {family.name(n): (family, n) for family in FAMILIES for n in family.shown}


def construct(name: str) -> Scheme | None:
    """The member that a name stands for; None when it follows no pattern. Raises InputError outside the bounds."""
    for other, own in ALIASES.items():
        if name == other or (other.endswith("-") and name.startswith(other)):
            name = own + name.removeprefix(other)
    for family in FAMILIES:
        n = family.number(name)
        if n is not None:
            return family.member(n)
    return None
