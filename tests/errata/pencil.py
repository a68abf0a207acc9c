"""pencil-code/pencil-code: the statements ``df = …`` of its modules of derivatives, as stencils.

A module says its order in its name; derivatives above the second, and one-sided ones, say their own or none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import permutations

from tableau2net.analysis.space.moments import space_order
from tableau2net.errors import InputError
from tableau2net.scheme import Stencil
from tests.errata.checkout import Checkout
from tests.errata.table import Formula, Unread

REPOSITORY = "pencil-code/pencil-code"
FILES = {"deriv_2nd": 2, "deriv_4th": 4, "deriv": 6, "deriv_8th": 8, "deriv_10th": 10, "deriv_4th_all": 4}
DERIVATIVES = {  # by the name of the subroutine: along each axis, and an order where it is not the module's
    r"der_(main|x|z|other|pencil)": ((1,), None),
    r"der2_(main|x|z|other|pencil)": ((2,), None),
    r"derij_(main|other)": ((1, 1), None),
    **{rf"der{m}(_\w+)?": ((m,), 2) for m in (3, 4, 5, 6)},
    "der5i1j": ((5, 1), 2),
    "der4i2j": ((4, 2), 2),
    "der3i3j": ((3, 3), 2),
    r"der_onesided_4_slice_\w+": ((1,), 4),
}
VALUE = re.compile(r"\b(?:f|pencil)\(([^()]*)\)")
METRIC = re.compile(r"\b(?:d[xyz]_1|nphis[12])\([^()]*\)|\bd[xyz]\b(?!_)|\br1_mn\b|\bsin1th\(m\)")
FACTORS = ("fac", "facs", "facx", "facy", "facz")
Points = dict[tuple[int, ...], Fraction]


def tables(checkout: Checkout) -> Iterator[Formula | Unread]:
    for file, order in FILES.items():
        yield from _formulas(file, order, checkout.text(f"src/{file}.f90"))


def _formulas(file: str, order: int, text: str) -> Iterator[Formula | Unread]:
    routine, known, seen = "", {name: Fraction(1) for name in FACTORS}, set()
    for line, statement in _statements(text):
        if found := re.match(r"subroutine (\w+)", statement):
            routine = found[1]
        left, equals, right = statement.partition("=")
        name = left.split("(")[0].split("::")[-1].strip().rpartition(" ")[2]
        if not equals or name not in (*FACTORS, "a", "df", "df2", "df6"):
            continue
        if name in (*FACTORS, "a"):
            if not re.search(r"\bfac", right) and (value := _constant(right, known)) is not None:
                known[name] = value
            continue
        said = next((d for pattern, d in DERIVATIVES.items() if re.fullmatch(pattern, routine)), None)
        if said is None or not VALUE.search(right) or "coef" in right:
            continue
        where = f"{file}.f90:{line} {routine}"
        try:
            points = _linear(right, known)
            made = _stencil(points, said[0])
        except (InputError, SyntaxError, KeyError) as error:
            yield Unread(where, f"{error}"[:60])
            continue
        key = (routine, tuple(sorted(points.items())))
        if key not in seen:
            seen.add(key)
            yield Formula(where, made, said[1] or order)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Fortran's statements, each with its first line; continued ones in one piece, conditions in front taken off."""
    whole, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.split("!")[0].strip().lstrip("&")
        first = first if whole else number
        whole += bare.rstrip("&")
        if not bare.endswith("&"):
            yield first, re.sub(r"^if \(\w+\) ", "", whole.split(";")[0])
            whole = ""


def _constant(text: str, known: dict[str, Fraction]) -> Fraction | None:
    try:
        value = _value(ast.parse(METRIC.sub("1", text).strip(), mode="eval").body, known)
    except (InputError, SyntaxError, KeyError):
        return None
    return value if isinstance(value, Fraction) else None


def _linear(text: str, known: dict[str, Fraction]) -> Points:
    """The weights of a linear expression in values at neighbours; only sums, products and numbers are read."""
    names: dict[str, Fraction | Points] = dict(known)

    def named(value: re.Match[str]) -> str:
        name = f"value{len(names)}"
        names[name] = {tuple(map(_offset, _indices(value[1]))): Fraction(1)}
        return name

    text = METRIC.sub("1", VALUE.sub(named, text))
    value = _value(ast.parse(text.strip(), mode="eval").body, names)
    if isinstance(value, Fraction):
        raise InputError("no values of neighbours")
    return {at: w for at, w in value.items() if w}


def _indices(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip() not in ("k", "j", "ik")]


def _offset(index: str) -> int:
    """``l1+2:l2+2`` is 2; ``pos+sgn*1`` is 1."""
    found = re.match(r"[a-z]\w*(?:\s*([+-])\s*(?:sgn\*)?(\d+))?\s*(?::|$)", index)
    if found is None:
        raise InputError(f"index {index}")
    return int(f"{found[1] or '+'}{found[2] or 0}")


def _value(node: ast.expr, known: dict[str, Fraction | Points] | dict[str, Fraction]) -> Fraction | Points:
    match node:
        case ast.Constant(value=int() | float()):
            return Fraction(str(node.value))
        case ast.Name(id="sgn"):
            return Fraction(1)
        case ast.Name(id=name):
            return known[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _scaled(_value(operand, known), Fraction(-1))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, known)
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(op, _value(left, known), _value(right, known))
    raise InputError(f"{type(node).__name__} is not read")


def _combined(op: ast.operator, a: Fraction | Points, b: Fraction | Points) -> Fraction | Points:
    match op, a, b:
        case ((ast.Add() | ast.Sub()), dict(), dict()):
            b = _scaled(b, Fraction(-1)) if isinstance(op, ast.Sub) else b
            return {at: a.get(at, Fraction(0)) + b.get(at, Fraction(0)) for at in {**a, **b}}
        case ast.Mult(), dict(), Fraction():
            return _scaled(a, b)
        case ast.Mult(), Fraction(), _:
            return _scaled(b, a)
        case ast.Div(), _, Fraction():
            return _scaled(a, 1 / b)
        case ast.Pow(), Fraction(), Fraction():
            return Fraction(a**b)
        case ast.Add(), Fraction(), Fraction():
            return a + b
    raise InputError(f"{type(op).__name__} of these is not read")


def _scaled(a: Fraction | Points, factor: Fraction) -> Fraction | Points:
    return a * factor if isinstance(a, Fraction) else {at: w * factor for at, w in a.items()}


def _stencil(points: Points, derivative: tuple[int, ...]) -> Stencil:
    """On the axes along which the points vary; which of them is which, as it fits best."""
    used = [i for i in range(len(next(iter(points)))) if any(at[i] for at in points)]
    held = {tuple(at[i] for i in used): w for at, w in points.items()}
    if len(used) != len(derivative):
        raise InputError(f"{len(used)} axes")
    tried = [_on_box(held, orders) for orders in dict.fromkeys(permutations(derivative))]
    return max(tried, key=_fit)


def _fit(stencil: Stencil) -> tuple[int, bool]:
    found = space_order(stencil)
    return found.order, found.failing[0].found != 0


def _on_box(points: Points, orders: tuple[int, ...]) -> Stencil:
    boxes = [range(min(axis), max(axis) + 1) for axis in zip(*points, strict=True)]
    if len(boxes) == 1:
        return Stencil(orders, [points.get((j,), 0) for j in boxes[0]], list(boxes[0]))
    rows = [[points.get((i, j), 0) for j in boxes[1]] for i in boxes[0]]
    return Stencil(orders, rows, centre=[-box.start for box in boxes])
