"""A constructed family: how its members are named, what is known of each before it is made, and how it is made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from tableau2net.errors import InputError
from tableau2net.extensions import check_free, told_of
from tableau2net.scheme.coefficient_table import CoefficientTable
from tableau2net.words import check_name

Number: TypeAlias = int | tuple[int, ...]  # of a member: as many as the pattern has places


@dataclass(frozen=True)
class SchemePattern:
    """Tables numbered by an integer, such as the stages or the steps, or by several, such as the derivative and the
    order: ``SchemePattern("gauss-{}", range(1, 25), …)``, ``SchemePattern("central-{}-{}", [(1, 2), (1, 4)], …)``.

    pattern: their names, with ``{}`` for each number.  members: the numbers that have one, tuples of them where there
    are several.  listed: how many of the first ones are shown.  build: the bare table.  title, claims, parameters: of a
    member, said without making it; all four are given the numbers one by one.  kind: the family that members belong to.
    """

    pattern: str
    members: Sequence[Number]
    build: Callable[..., CoefficientTable]
    title: Callable[..., str]
    reference: str
    claims: Callable[..., Mapping[str, Any]]
    listed: int = 5
    kind: str = "runge-kutta"
    parameters: Callable[..., tuple[str, ...]] = lambda *_: ()

    def name(self, n: Number) -> str:
        """The name of a member."""
        return self.pattern.format(*_each(n))

    def number(self, name: str) -> Number | None:
        """The number in a name of this pattern, of whatever size; None when the name is another's."""
        match = re.fullmatch(self.pattern.replace("{}", r"(0|[1-9]\d{0,5})"), name, re.ASCII)
        if match is None:
            return None
        numbers = tuple(map(int, match.groups()))
        return numbers[0] if len(numbers) == 1 else numbers

    @property
    def shown(self) -> Sequence[Number]:
        """The members that are listed."""
        return self.members[: self.listed]

    def member(self, n: Number) -> CoefficientTable:
        """The n-th table. Raises InputError where there is none."""
        if n not in self.members:
            raise InputError(f"{self.name(n)}: {self._places()} exists for {self._among(n)}")
        with told_of(self.build, self.name(n)):
            title, claims, _ = self.said(n)
            made = self.build(*_each(n))
        return replace(made, name=self.name(n), title=title, reference=self.reference, claims=claims)

    def said(self, n: Number) -> tuple[str, Mapping[str, Any], tuple[str, ...]]:
        """The title, the claims and the parameters' names of a member, which need not be made for them."""
        numbers = _each(n)
        return self.title(*numbers), self.claims(*numbers), self.parameters(*numbers)

    def _places(self) -> str:
        letters = "KLMN"[: self.pattern.count("{}")]
        return self.pattern.format(*letters)

    def _among(self, n: Number) -> str:
        """Which members there are, in words: the first numbers beside the others asked for, or each by itself."""
        rest = _each(n)[1:]
        if rest and (first := sorted(_each(m)[0] for m in self.members if _each(m)[1:] == rest)):
            return f"K {_range(first)} where {', '.join(f'{k} = {x}' for k, x in zip('LMN', rest, strict=False))}"
        columns = list(zip(*map(_each, self.members), strict=True))
        return " and ".join(f"{k} {_range(sorted(set(column)))}" for k, column in zip("KLMN", columns, strict=False))


def _each(n: Number) -> tuple[int, ...]:
    return n if isinstance(n, tuple) else (n,)


PATTERNS: dict[str, SchemePattern] = {}


def register_scheme_patterns(*patterns: SchemePattern) -> tuple[SchemePattern, ...]:
    """Let `load` construct these tables by name, and lists show the first few of each; returns them.

    A pattern whose `build` comes from the same place takes the place of the one before. Raises InputError for a pattern
    that makes no names, or that another has taken."""
    for new in patterns:
        if not 1 <= (places := new.pattern.count("{}")) <= 4:
            raise InputError(f"register_scheme_patterns: {new.pattern!r}: write {{}} once, where the number stands")
        check_name(new.pattern.format(*[1] * places), "register_scheme_patterns")
        known = PATTERNS.get(new.pattern)
        check_free("register_scheme_patterns", new.pattern, new.build, known and known.build)
        PATTERNS[new.pattern] = new
    return patterns


def _range(numbers: Sequence[int]) -> str:
    if len(numbers) > 1 and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"from {numbers[0]} to {numbers[-1]}"
    return f"= {', '.join(map(str, numbers))}"


WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def count(n: int, thing: str) -> str:
    """``three stages``."""
    return f"{WORDS[n] if n < len(WORDS) else n} {thing}{'' if n == 1 else 's'}"
