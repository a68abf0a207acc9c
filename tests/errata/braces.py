"""Tables that C and Java fill by declarations and assignments, read without running them."""

from __future__ import annotations

import re

from sympy import Expr, S

from tableau2net.errors import InputError
from tests.errata.arithmetic import bracketed, number, split

COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
STRINGS = re.compile(r'"(?:[^"\\\n]|\\.)*"')
WHOLE = re.compile(r"(?:(?:static |const |final )*(?:double|int) ?)?(\w+)((?:\[[^\]]*\])*)\s*=(?!=)\s*", re.DOTALL)
FRESH = re.compile(r"new double((?:\[\d*\])+)\s*")
Nested = Expr | list["Nested"]


class Variables:
    """Numbers and arrays by name, as declarations and assignments are handed over one by one."""

    def __init__(self) -> None:
        self.values: dict[str, Expr] = {}
        self.arrays: dict[str, list] = {}

    def assign(self, statement: str) -> None:
        """One statement; what assigns no number or array is passed over, one that cannot be read is refused."""
        statement = re.sub(r"double((?:\[\])+) (\w+)", r"double \2\1", statement.strip())
        if not (found := WHOLE.match(statement)):
            return
        name, index, text = found[1], re.findall(r"\[\s*(\d+)\s*\]", found[2]), statement[found.end() :].strip()
        declared = statement[: found.start(1)].strip() != ""
        if declared or not index:
            self._whole(name, text)
        else:
            array = self.arrays[name]
            for at in index[:-1]:
                array = array[int(at)]
            array[int(index[-1])] = self.value(text)

    def _whole(self, name: str, text: str) -> None:
        value = self.value(text)
        if isinstance(value, list):
            self.arrays[name] = value
        else:
            self.values[name] = value

    def value(self, text: str) -> Nested:
        """A number, an array in braces, an array of zeros by its lengths, or the array that a name has."""
        text = text.strip()
        if fresh := FRESH.match(text):
            if (rest := text[fresh.end() :]).startswith("{"):
                return self.value(rest)
            return _zeros([int(n) if n else 0 for n in re.findall(r"\[(\d*)\]", fresh[1])])
        if text.startswith("{"):
            return [self.value(part) for part in split(bracketed(text, 0))]
        if text in self.arrays:
            return list(self.arrays[text])
        return number(text, self.values)

    def row(self, name: str) -> list[Expr]:
        if name not in self.arrays:
            raise InputError(f"no array {name} is assigned")
        return self.arrays[name]


def without_comments(text: str) -> str:
    """The text without comments and with its strings empty."""
    return STRINGS.sub('""', COMMENTS.sub(" ", text))


def _zeros(lengths: list[int]) -> list:
    return [_zeros(lengths[1:]) if lengths[1:] and lengths[1] else S.Zero for _ in range(lengths[0])]
