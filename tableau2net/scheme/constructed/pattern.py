"""A constructed family: how its members are named, what is known of each before it is made, and how it is made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tableau2net.errors import InputError
from tableau2net.scheme.base import Scheme
from tableau2net.words import check_name


@dataclass(frozen=True)
class SchemePattern:
    """Methods numbered by one integer, such as the stages or the steps: ``SchemePattern("gauss-{}", range(1, 25), …)``.

    pattern: their names, with ``{}`` for the number.  members: the numbers that have one.  listed: how many of the
    first ones `list_schemes` shows.  build: the bare method.  title, claims: of a member, said without making it.
    kind: the scheme family that members belong to.
    """

    pattern: str
    members: Sequence[int]
    build: Callable[[int], Scheme]
    title: Callable[[int], str]
    reference: str
    claims: Callable[[int], Mapping[str, Any]]
    listed: int = 5
    kind: str = "runge-kutta"

    def name(self, n: int) -> str:
        """The name of a member."""
        return self.pattern.format(n)

    def number(self, name: str) -> int | None:
        """The number in a name of this pattern, of whatever size; None when the name is another's."""
        before, after = self.pattern.split("{}")
        match = re.fullmatch(rf"{re.escape(before)}(\d{{1,6}}){re.escape(after)}", name, re.ASCII)
        return int(match[1]) if match and not match[1].startswith("0") else None

    @property
    def shown(self) -> Sequence[int]:
        """The members that are listed."""
        return self.members[: self.listed]

    def member(self, n: int) -> Scheme:
        """The n-th method. Raises InputError where there is none."""
        if n not in self.members:
            raise InputError(f"{self.name(n)}: {self.pattern.format('K')} exists for K {_among(self.members)}")
        made = self.build(n)
        return replace(
            made,
            name=self.name(n),
            title=self.title(n),
            reference=self.reference,
            claims=self.claims(n),
        )


PATTERNS: dict[str, SchemePattern] = {}


def register_scheme_patterns(*patterns: SchemePattern) -> tuple[SchemePattern, ...]:
    """Let `load` construct these schemes by name, and `list_schemes` show the first few of each; returns them.

    Raises InputError for a pattern that makes no names, or that is taken."""
    for new in patterns:
        if new.pattern.count("{}") != 1:
            raise InputError(f"register_scheme_patterns: {new.pattern!r}: write {{}} once, where the number stands")
        check_name(new.pattern.format(1), "register_scheme_patterns")
        if PATTERNS.setdefault(new.pattern, new) is not new:
            raise InputError(f"register_scheme_patterns: {new.pattern!r} is there already; choose another pattern")
    return patterns


def _among(members: Sequence[int]) -> str:
    if isinstance(members, range) and members.step == 1:
        return f"from {members[0]} to {members[-1]}"
    return f"= {', '.join(map(str, members))}"


WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def count(n: int, thing: str) -> str:
    """``three stages``."""
    return f"{WORDS[n] if n < len(WORDS) else n} {thing}{'' if n == 1 else 's'}"
