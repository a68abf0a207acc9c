"""Parameters under numbers: nothing that is computed or written may depend on what a user calls them.

Inside of the compiler the first parameter of a scheme is ``theta_0000`` and so on. Computer algebra orders terms by
names, so that other names would mean other roundings; and a user's name could be one that the code needs itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sympy import Symbol

from tableau2net.exact.text import symbol
from tableau2net.scheme import Scheme

PREFIX = "theta_"


@dataclass(frozen=True)
class NumberedNames:
    """The names of a scheme's parameters by number. prefix: of the numbers; it stands in no text of a user's."""

    names: tuple[str, ...] = ()
    prefix: str = PREFIX

    @classmethod
    def of(cls, names: Iterable[str], *texts: str) -> NumberedNames:
        """Numbers for names; none of them can be found in the texts, or in another name."""
        names, prefix = tuple(names), PREFIX
        while any(prefix in text for text in (*names, *texts)):
            prefix += "_"
        return cls(names, prefix)

    @property
    def numbered(self) -> dict[str, str]:
        """The number of each name."""
        return {name: f"{self.prefix}{i:04d}" for i, name in enumerate(self.names)}

    @property
    def pattern(self) -> re.Pattern[str]:
        """Numbers in a text."""
        return re.compile(rf"{self.prefix}(\d{{4}})")

    def named(self, text: str) -> str:
        """A text with names in the place of numbers."""
        return self.pattern.sub(lambda found: self.names[int(found[1])], text)


def renamed(scheme: Scheme, names: Mapping[str, str]) -> Scheme:
    """The scheme with other names for its parameters; those that `names` does not hold stay."""
    if not any(p.name in names for p in scheme.parameters):
        return scheme
    others = symbols(names)
    changed: Scheme = scheme.with_coefficients(
        {n: c.xreplace(others) for n, c in scheme.coefficients.items()},
        parameters=tuple(replace(p, name=names.get(p.name, p.name)) for p in scheme.parameters),
    )
    return changed


def symbols(names: Mapping[str, str]) -> dict[Symbol, Symbol]:
    """The symbols of names, and those that take their places."""
    return {symbol(old): symbol(new) for old, new in names.items()}


def fresh(name: str, taken: Iterable[str]) -> str:
    """The name, with as many underscores behind it as set it apart from those taken."""
    while name in taken:
        name += "_"
    return name
