"""Arithmetic as program texts write it, read into exact numbers by the grammar of scheme files: nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sympy import Expr, Rational

from tableau2net.errors import InputError
from tableau2net.exact.text import parse

BIG = re.compile(r'big"([^"]*)"|BigFloat\(\s*"([^"]*)"\s*\)|parse\([^,()]*,\s*"([^"]*)"\)|(?:Q|R)\("([^"]*)"\)')
CONVERT = re.compile(r"\bconvert\(\s*\w+\s*,")
CAST = re.compile(r"\b(?:BigFloat|BigInt|T|T2|Float64|mpf|mp\.mpf|double|float|real|RCONST|SUN_RCONST)\(")
ROOTS = re.compile(r"√\s*(\d+(?:\.\d*)?)|\b(?:math\.|np\.|std::|mp\.|Math\.)?sqrt\(")
FORTRAN = re.compile(r"(?<=[\d.])_(?:wp|dp|rk|rp|ikind|8)\b")
SUFFIX = re.compile(r"(?<=\d)[lLfFrR]\b|(?<=\d\.)[lLfFrR]\b")
DOUBLE = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d)")
TIMES = re.compile(r"(?<![\w.])((?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)\s*(?=\(|[A-DF-Za-df-z_])")  # 2s, 3(1 + s)
LITERAL = re.compile(r"(?<![\w.])(\d*)\.(\d+)(?:[eE]([+-]?\d+))?")
SHORT = 8  # significant digits that may be meant as they stand: 0.25, 0.0625, 0.00390625
COSINE = "0.98480775301220805936674302458952301367064325018021"  # cos(π/18), to 50 decimals


def number(text: str, known: Mapping[str, Expr] | None = None) -> Expr:
    """The exact number that an expression of Julia, Python, C, Java or Fortran spells; `known`: names and values.

    Raises InputError where the text is no arithmetic in known names."""
    text = " ".join(text.split())
    text = BIG.sub(lambda m: f"({next(g for g in m.groups() if g is not None)})", text)
    text = re.sub(r"(?:math\.|mp\.)?cos\((?:math\.|mp\.)?(?:pi|π)\s*/\s*(?:BigFloat\(18\)|18)\)", COSINE, text)
    text = CAST.sub("(", CONVERT.sub("(", text))
    text = ROOTS.sub(lambda m: f"sqrt({m[1]})" if m[1] else "sqrt(", text)
    text = SUFFIX.sub("", DOUBLE.sub("e", FORTRAN.sub("", text))).replace("//", "/").replace("^", "**")
    text = re.sub(r"(?<![\w.])0+(?=\d)", "", TIMES.sub(r"\1*", text))
    return parse(text, dict(known or {}))


def decimals(text: str) -> int | None:
    """How many decimals the numbers in a program text are printed to: the fewest of any that was cut off.

    None where all are short enough to be meant as they stand."""
    found = [m for m in LITERAL.finditer(text) if m[2].strip("0") and len((m[1] + m[2]).strip("0")) > SHORT]
    cut = [len(m[2]) - int(m[3] or 0) for m in found]
    return min(cut, default=None)


def split(text: str, separator: str = ",") -> list[str]:
    """The parts between separators that stand in no bracket; an empty last one is dropped."""
    parts, depth, start = [], 0, 0
    for at, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign in separator and not depth:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [part.strip() for part in (parts if parts[-1].strip() else parts[:-1])]


def bracketed(text: str, start: int) -> str:
    """What stands in the bracket that opens at `start`."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if not depth:
            return text[start + 1 : at]
    raise InputError("a bracket is not closed")


def logical_lines(text: str) -> Iterator[str]:
    """Lines joined while a bracket is open or an operator waits, without what follows a `#`."""
    whole, depth = "", 0
    for line in text.splitlines():
        line = line.split("#")[0]
        depth += sum(line.count(sign) for sign in "([{") - sum(line.count(sign) for sign in ")]}")
        whole += line + "\n"
        if depth <= 0 and not line.rstrip().endswith(("/", "*", "+", "-", "=")):
            yield whole.strip().rstrip(";")
            whole, depth = "", 0


def filled(entries: Mapping[tuple[int, ...], Expr], *shape: int) -> list[list[Expr]]:
    """A matrix of the shape, from its entries by index; what is not named is 0."""
    rows, columns = shape
    return [[entries.get((i, j), Rational(0)) for j in range(columns)] for i in range(rows)]
