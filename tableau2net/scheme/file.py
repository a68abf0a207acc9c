"""Files of coefficient tables: TOML in, a table out. The format is described in docs/scheme-files.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sympy import Expr, oo

from tableau2net.errors import InputError
from tableau2net.exact.text import parse, shown
from tableau2net.extensions import told_of
from tableau2net.files import decode_toml
from tableau2net.scheme.claimable import DECIMAL, DECIMAL_WITHIN, KINDS, Printed, claims_with
from tableau2net.scheme.coefficient_table import CoefficientTable
from tableau2net.scheme.exact_rows import Functions
from tableau2net.scheme.keys import Key
from tableau2net.scheme.parameters import Distribution, Parameter
from tableau2net.scheme.registered import COMMON, family_called
from tableau2net.scheme.saved import FORMAT, MAX_BYTES, MAX_PARAMETERS
from tableau2net.words import check_name, one, plain


def read(path: str | Path) -> CoefficientTable:
    """The scheme, stencil, … in a TOML file.

    Raises:
        InputError: one line with the file, the key and the fix, for anything that is not a sound scheme file.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():  # a folder, or a device that never ends
            raise InputError(f"{path}: {'is a directory' if path.is_dir() else 'not a file'}; name a scheme file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: larger than {MAX_BYTES // 1024} KiB, this is not a scheme file")
        text = content.decode("utf-8-sig")  # some editors begin a file with a mark
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text") from None
    try:
        return loads(text, name=plain(path.stem))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error.__cause__  # a stranger's own


def loads(text: str, name: str = "") -> CoefficientTable:
    """The table in TOML text; `name` stands in where the text has none. Raises InputError."""
    return from_table({"name": name} | decode_toml(text, _Decimal))


class _Decimal(str):
    """A TOML float as the text that was written, so that 0.1 is read exactly."""


def from_table(table: Mapping[str, Any]) -> CoefficientTable:
    """What a decoded TOML table declares. Raises InputError."""
    if table.get("format") != FORMAT:
        raise InputError(f"format = {table.get('format')!r}: this version reads format = {FORMAT}")
    family = family_called(table.get("family"))
    keys = family.file_keys()
    _known_keys(table, (*COMMON, *(key.name for key in keys)), "")
    required = [key for key in keys if key.required]
    for key in required:
        if key.name not in table and key.instead not in table:
            others = any(k.instead in table for k in required) and not any(k.name in table for k in required)
            names = ", ".join((k.instead if others else "") or k.name for k in required)
            raise InputError(
                f"key {(key.instead if others else '') or key.name} is missing: {one(family.called())} has {names}"
            )
    digits = table.get("digits")
    if digits is not None and type(digits) is not int:
        raise InputError(f"digits = {digits!r}: a whole number is expected, how many decimals the source printed")
    parameters = _parameters(table.get("parameters", {}))
    symbols = {**family.letters(), **{p.name: p.symbol for p in parameters}}
    own = {key.name: _value(table[key.name], key, parameters, symbols) for key in keys if key.name in table}
    claims = _claims(table.get("claims", {}))
    with told_of(family, family.__name__):
        found = family(
            **own,
            **{key: table[key] for key in ("name", "title", "reference") if key in table},
            parameters=parameters,
            digits=digits,
            claims=claims,
        )
        why = found.contradicted()
    if why:
        raise InputError(why)
    return found


def _known_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise InputError(f"unknown key {where}{key}; known here: {', '.join(known)}")


def _value(
    value: Any, key: Key, parameters: tuple[Parameter, ...], symbols: Mapping[str, Expr], where: str = ""
) -> Any:
    """What stands under a family's key, for the family to check: numbers are exact, in lists of any shape."""
    where += key.name
    if key.kind == "plain":
        return _lists(value)
    if key.kind == "table":
        return _tables(value, key, parameters, symbols, where)
    return (
        _words(value, key.depth, symbols, where) if key.kind == "word" else _exact(value, *key.grammar(symbols), where)
    )


def _lists(value: Any) -> Any:
    return tuple(map(_lists, value)) if isinstance(value, list) else value


def _words(value: Any, depth: int, symbols: Mapping[str, Expr], key: str) -> Any:
    """Words as they are, and lists of exact numbers in their places."""
    if depth and isinstance(value, list):
        return tuple(_words(entry, depth - 1, symbols, f"{key}[{i}]") for i, entry in enumerate(value))
    return _exact(value, symbols, {}, key) if depth or isinstance(value, list) else value


def _tables(
    value: Any, key: Key, parameters: tuple[Parameter, ...], symbols: Mapping[str, Expr], where: str
) -> CoefficientTable | tuple[CoefficientTable, ...]:
    """The table, or the list of tables, under a key."""
    keys = key.table.file_keys()
    required = [own.name for own in keys if own.required]
    if key.depth == 0:
        if not isinstance(value, dict):
            raise InputError(f"{where}: write a table, [{where}], with {' and '.join(required)}")
        return _inner(value, key.table, parameters, symbols, where)
    if not isinstance(value, list) or not value or not all(isinstance(part, dict) for part in value):
        each = f"a table for each {key.table.stands_for}"
        raise InputError(f"{where}: write {each}, [[{where}]], with {' and '.join(required)}")
    return tuple(_inner(part, key.table, parameters, symbols, f"{where}[{i}]") for i, part in enumerate(value))


def _inner(
    part: dict[str, Any],
    family: type[CoefficientTable],
    parameters: tuple[Parameter, ...],
    symbols: Mapping[str, Expr],
    where: str,
) -> CoefficientTable:
    """A table within another, in the parameters of the whole."""
    keys = family.file_keys()
    _known_keys(part, tuple(own.name for own in keys), f"{where}.")
    for own in keys:
        if own.required and own.name not in part and own.instead not in part:
            raise InputError(f"key {where}.{own.name} is missing")
    held = {own.name: _value(part[own.name], own, parameters, symbols, f"{where}.") for own in keys if own.name in part}
    try:
        return family(**held, parameters=parameters)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _exact(value: Any, symbols: Mapping[str, Expr], functions: Functions, key: str) -> Any:
    """Numbers inside nested lists, read exactly; wrong shapes are left for the family to name."""
    if isinstance(value, list):
        return tuple(_exact(entry, symbols, functions, f"{key}[{i}]") for i, entry in enumerate(value))
    try:
        return parse(str(value) if isinstance(value, _Decimal) else value, symbols, functions)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None


def _claims(table: Any) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise InputError("claims: a table is expected, [claims]")
    known = claims_with(table)
    _known_keys(table, tuple(known), "claims.")
    claims: dict[str, Any] = {}
    for key, value in table.items():
        if known[key] is Mapping and isinstance(value, dict):
            for name in value:
                check_name(name, f"claims.{key}")
            claims[key] = {name: _claimed(x, f"claims.{key}.{name}") for name, x in value.items()}
        elif known[key] is Expr:
            claims[key] = _claimed(value, f"claims.{key}")
        elif type(value) is not known[key]:
            raise InputError(f"claims.{key} = {value!r}: {KINDS[known[key]]} is expected")
        else:
            claims[key] = value
    return claims


def _claimed(value: Any, key: str) -> Any:
    """A number that is claimed: exact, in decimals as they are printed, or infinite."""
    if value == "oo":
        return oo
    if isinstance(value, str) and DECIMAL.fullmatch(value):
        return Printed(str(value))
    if isinstance(value, str) and DECIMAL_WITHIN.search(value):
        raise InputError(
            f"{key}: {shown(value)!r}: decimals are claimed as they are printed, such as 1.3926, and are true to the "
            "last of them; exact numbers without decimals, such as 7/5"
        )
    return _exact(value, {}, {}, key)


def _parameters(table: Any) -> tuple[Parameter, ...]:
    if not isinstance(table, dict) or not all(isinstance(entry, dict) for entry in table.values()):
        raise InputError("parameters: write a table for each, [parameters.k]")
    if len(table) > MAX_PARAMETERS:
        raise InputError(f"parameters: {len(table)} of them, at most {MAX_PARAMETERS} are read")
    parameters = []
    for name, entry in table.items():
        where = f"parameters.{name}"
        _known_keys(entry, ("value", "range", "init"), f"{where}.")
        if "value" not in entry:
            raise InputError(f"{where}: value is missing, the number used where coefficients are fixed")
        try:
            init = entry.get("init")
            parameters.append(
                Parameter(
                    name=name,
                    value=_exact(entry["value"], {}, {}, "value"),
                    range=None if "range" not in entry else _pair(entry["range"], "range"),
                    init=None if init is None else _distribution(init),
                )
            )
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    return tuple(parameters)


def _distribution(entry: Any) -> Distribution:
    if not isinstance(entry, dict) or len(entry) != 1:
        raise InputError("init: write init = { uniform = [low, high] } or { normal = [mean, std] }")
    ((kind, pair),) = entry.items()
    return Distribution(kind, *_pair(pair, f"init.{kind}"))


def _pair(value: Any, key: str) -> tuple[Expr, Expr]:
    if not isinstance(value, list) or len(value) != 2:
        raise InputError(f"{key}: two numbers are expected")
    low, high = _exact(value, {}, {}, key)
    return low, high
