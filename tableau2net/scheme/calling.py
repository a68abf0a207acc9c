"""What public functions ask of their arguments, said once: a table may be given by name, numbers are numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import signature
from numbers import Real
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from tableau2net.errors import InputError
from tableau2net.exact.text import shown
from tableau2net.scheme.exact_rows import whole_number
from tableau2net.scheme.library import Table, as_table

Options = ParamSpec("Options")
Answer = TypeVar("Answer")
First = TypeVar("First")
Given = Callable[Concatenate[First, Options], Answer]
Check = Callable[[object, str], object]


def by_name(kind: type[Table]) -> Callable[[Given[Table, Options, Answer]], Given[Table | str | Path, Options, Answer]]:
    """Lets a function of a table take what `load` takes in its place, and no table of another kind; what is annotated
    as a number is one, see `plain_numbers`."""
    return lambda function: _reading(function, lambda table: as_table(table, kind))


def by_names(
    kind: type[Table],
) -> Callable[[Given[Sequence[Table], Options, Answer]], Given[Sequence[Table | str | Path], Options, Answer]]:
    """The same of a function of a list of tables."""

    def each(tables: Any) -> object:
        listed = isinstance(tables, Sequence) and not isinstance(tables, str)  # what is no list is refused within
        return [as_table(table, kind) for table in tables] if listed else tables

    return lambda function: _reading(function, each)


def _reading(function: Callable[..., Answer], read: Callable[[Any], object]) -> Callable[..., Answer]:
    """The function of what is read of its first argument."""
    called: Callable[..., Answer] = plain_numbers(function)
    first = next(iter(signature(function).parameters))

    @wraps(function)
    def taken(*given: Any, **options: Any) -> Answer:
        if given:
            return called(read(given[0]), *given[1:], **options)
        return called(**options | {name: read(options[name]) for name in options if name == first})

    return taken


def plain_numbers(function: Callable[Options, Answer]) -> Callable[Options, Answer]:
    """Has a function refuse in a line what is no whole number, or no number, where it is annotated as one."""
    parameters = signature(function).parameters
    checks = {name: CHECKS[p.annotation] for name, p in parameters.items() if p.annotation in CHECKS}
    if not checks:
        return function
    names = tuple(parameters)

    @wraps(function)
    def asked(*given: Options.args, **options: Options.kwargs) -> Answer:
        for name, value in (*zip(names, given, strict=False), *options.items()):
            if name in checks:
                checks[name](value, name)
        return function(*given, **options)

    return asked


def _number(value: object, key: str) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"{key} = {shown(value)}: a number is expected")


def _or_none(check: Check) -> Check:
    return lambda value, key: None if value is None else check(value, key)


CHECKS: Mapping[Any, Check] = {
    "int": whole_number,
    "float": _number,
    "int | None": _or_none(whole_number),
    "float | None": _or_none(_number),
}
