"""Exact numbers in lists, as they are handed to a family: bounded, and each mistake named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any, TypeAlias

from sympy import Expr

from tableau2net.errors import InputError
from tableau2net.exact.text import parse, shown

Functions: TypeAlias = Mapping[str, Callable[[Expr], Expr]]  # what text may call beside sqrt
MAX_STAGES = 64  # bounds what a stranger's file can make us compute
MAX_POINTS = 1024  # of a grid, in all
MAX_DIMENSION = 3


def exact_matrix(
    rows: object, key: str, symbols: Mapping[str, Expr], functions: Functions | None = None
) -> list[tuple[Expr, ...]]:
    """Rows of exact numbers, of any lengths; `key` names them in the error."""
    rows = as_list(rows, f"{key}: a list of rows is expected")
    if len(rows) > MAX_STAGES:
        raise InputError(f"{key}: {len(rows)} rows, at most {MAX_STAGES} are read")
    return [exact_vector(row, f"{key}[{i}]", symbols, functions) for i, row in enumerate(rows)]


def exact_vector(
    values: object, key: str, symbols: Mapping[str, Expr], functions: Functions | None = None
) -> tuple[Expr, ...]:
    """A row of exact numbers; `key` names it in the error."""
    values = as_list(values, f'{key}: a list of numbers is expected, such as ["1/2", "1/2"]')
    if len(values) > MAX_STAGES:
        raise InputError(f"{key}: {len(values)} entries, at most {MAX_STAGES} are read")
    return tuple([exact_number(value, f"{key}[{i}]", symbols, functions) for i, value in enumerate(values)])


def exact_grid(values: object, key: str, symbols: Mapping[str, Expr], most: int = MAX_DIMENSION) -> Any:
    """Exact numbers in as many lists as there are dimensions, rows of one length; `key` names them in the error."""
    listed = as_list(values, f"{key}: a list of numbers is expected, in nested lists where there are more dimensions")
    inner = [value for value in listed if isinstance(value, Sequence) and not isinstance(value, str)]
    if not inner:
        return exact_vector(listed, key, symbols)
    if len(inner) < len(listed) or len({len(row) for row in inner}) > 1:
        raise InputError(f"{key}: rows of one length are expected, fill up with 0")
    if most == 1 or len(inner) > MAX_STAGES:
        least = f"{MAX_DIMENSION} nested lists" if most == 1 else f"{MAX_STAGES} rows"
        raise InputError(f"{key}: at most {least} are read")
    grid = tuple(exact_grid(row, f"{key}[{i}]", symbols, most - 1) for i, row in enumerate(inner))
    if (points := _size(grid)) > MAX_POINTS:
        raise InputError(f"{key}: {points} entries, at most {MAX_POINTS} are read")
    return grid


def _size(grid: Any) -> int:
    return sum(_size(entry) if isinstance(entry, tuple) else 1 for entry in grid)


def exact_number(value: object, key: str, symbols: Mapping[str, Expr], functions: Functions | None = None) -> Expr:
    """One exact number in the declared symbols; `key` names it in the error."""
    number = named(key, value, symbols, functions)
    if not number.is_Rational and (stray := number.free_symbols - set(symbols.values())):
        names = ", ".join(sorted(map(str, stray)))
        raise InputError(f"{key}: undeclared symbol {names}; add it to parameters")
    return number


def as_list(values: object, expected: str) -> Sequence[object]:
    """A list, a tuple, or what an array of numpy or torch has in it. Raises InputError saying what is expected."""
    if not isinstance(values, Sequence) and callable(inside := getattr(values, "tolist", None)):
        values = inside()
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
        raise InputError(expected)
    return values


def left_out(values: object) -> bool:
    """Whether a vector that need not be given is not."""
    return values is None or (isinstance(values, Sequence) and not isinstance(values, str | bytes) and not values)


def named(
    key: str, value: object, symbols: Mapping[str, Expr] | None = None, functions: Functions | None = None
) -> Expr:
    """One exact number; `key` names it in the error."""
    try:
        return parse(value, symbols, functions)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None


def whole_number(value: object, key: str) -> int:
    """A whole number, of Python or of numpy. Raises InputError."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"{key} = {shown(value)}: a whole number is expected")
    return int(value)
