"""Every family of constructed tables, by the pattern of its names."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from tableau2net.scheme import constructed
from tableau2net.scheme.coefficient_table import CoefficientTable
from tableau2net.scheme.constructed.pattern import PATTERNS, Number, SchemePattern

for _module in pkgutil.iter_modules(constructed.__path__):  # each file registers its own
    import_module(f"{constructed.__name__}.{_module.name}")

# other names in use: for all of a name, or with a dash at the end for its beginning
ALIASES = {
    "lobatto-iiic-star-": "lobatto-iii-",
    "rkc-": "rkc2-",
    "sbdf-": "imex-bdf-",
    "cnab-2": "imex-adams-2",
    "numerov": "cowell-2",
}


def listed() -> dict[str, tuple[SchemePattern, Number]]:
    """The members that are shown, by name: the first few of each pattern."""
    return {pattern.name(n): (pattern, n) for pattern in PATTERNS.values() for n in pattern.shown}


def is_member(name: str) -> bool:
    """Whether a name is that of a table that is constructed."""
    return any(pattern.number(name) in pattern.members for pattern in PATTERNS.values())


def construct(name: str) -> CoefficientTable | None:
    """The member that a name stands for; None when it follows no pattern. Raises InputError outside the bounds."""
    for other, own in ALIASES.items():
        if name == other or (other.endswith("-") and name.startswith(other)):
            name = own + name.removeprefix(other)
    for pattern in PATTERNS.values():
        n = pattern.number(name)
        if n is not None:
            return pattern.member(n)
    return None
