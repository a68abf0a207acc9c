"""Scheme files: TOML in, a scheme out, and back. The format is described in docs/scheme-files.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sympy import Expr

from tableau2net.errors import InputError
from tableau2net.exact.text import parse, text_of
from tableau2net.files import decode_toml
from tableau2net.scheme.base import Distribution, Parameter, Scheme
from tableau2net.scheme.claimable import KINDS, claims_with
from tableau2net.scheme.general_linear import GeneralLinear
from tableau2net.scheme.multistep import AdditiveMultistep, Multistep
from tableau2net.scheme.parts import AdditiveRungeKutta, PartitionedRungeKutta
from tableau2net.scheme.runge_kutta import RungeKutta
from tableau2net.words import plain

MAX_BYTES = 256 * 1024
FORMAT = 1

# family name → class, keys it must have, keys it may have
FAMILIES: dict[str, tuple[type[Scheme], tuple[str, ...], tuple[str, ...]]] = {
    "runge-kutta": (RungeKutta, ("A", "b"), ("c", "b_hat")),
    "multistep": (Multistep, ("alpha", "beta"), ("derivative",)),
    "additive-runge-kutta": (AdditiveRungeKutta, ("parts",), ()),
    "partitioned-runge-kutta": (PartitionedRungeKutta, ("parts",), ("reads",)),
    "additive-multistep": (AdditiveMultistep, ("alpha", "betas"), ()),
    "general-linear": (GeneralLinear, ("A", "U", "B", "V"), ("c", "external")),
}
COMMON = ("format", "name", "family", "title", "reference", "digits", "claims", "parameters")


def read(path: str | Path) -> Scheme:
    """The scheme in a TOML file.

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
        text = content.decode("utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text") from None
    try:
        return loads(text, name=plain(path.stem))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def loads(text: str, name: str = "") -> Scheme:
    """The scheme in TOML text; `name` stands in where the text has none. Raises InputError."""
    return from_table({"name": name} | decode_toml(text, _Decimal))


class _Decimal(str):
    """A TOML float as the text that was written, so that 0.1 is read exactly."""


def from_table(table: Mapping[str, Any]) -> Scheme:
    """The scheme that a decoded TOML table declares. Raises InputError."""
    if table.get("format") != FORMAT:
        raise InputError(f"format = {table.get('format')!r}: this version reads format = {FORMAT}")
    family = table.get("family")
    if not isinstance(family, str) or family not in FAMILIES:
        raise InputError(f"family = {family!r}: write one of {', '.join(FAMILIES)}")
    cls, required, optional = FAMILIES[family]
    _known_keys(table, (*COMMON, *required, *optional), "")
    for key in required:
        if key not in table:
            raise InputError(f"key {key} is missing: a {family} scheme has {', '.join(required)}")
    digits = table.get("digits")
    if digits is not None and type(digits) is not int:
        raise InputError(f"digits = {digits!r}: a whole number is expected, how many decimals the source printed")
    parameters = _parameters(table.get("parameters", {}))
    symbols = {p.name: p.symbol for p in parameters}
    coefficients = {key: _value(table[key], key, parameters, symbols) for key in (*required, *optional) if key in table}
    return cls(
        **coefficients,
        **{key: table[key] for key in ("name", "title", "reference") if key in table},
        parameters=parameters,
        digits=digits,
        claims=_claims(table.get("claims", {})),
    )


def _known_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise InputError(f"unknown key {where}{key}; known here: {', '.join(known)}")


def _value(value: Any, key: str, parameters: tuple[Parameter, ...], symbols: Mapping[str, Expr]) -> Any:
    """What stands under a family's key: exact numbers in lists, but for these."""
    match key:
        case "derivative" | "reads":  # whole numbers, checked by the family
            return value
        case "parts":
            return _tableaus(value, parameters, symbols)
        case "external" if isinstance(value, list):  # "y" and the like are words, and lists are weights
            return tuple(_exact(x, symbols, f"{key}[{i}]") if isinstance(x, list) else x for i, x in enumerate(value))
    return _exact(value, symbols, key)


def _tableaus(value: Any, parameters: tuple[Parameter, ...], symbols: Mapping[str, Expr]) -> tuple[RungeKutta, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(part, dict) for part in value):
        raise InputError("parts: write a table for each field, [[parts]], with A and b")
    _, required, optional = FAMILIES["runge-kutta"]
    tableaus = []
    for i, part in enumerate(value):
        _known_keys(part, (*required, *optional), f"parts[{i}].")
        for key in required:
            if key not in part:
                raise InputError(f"key parts[{i}].{key} is missing")
        exact = {key: _exact(entry, symbols, f"parts[{i}].{key}") for key, entry in part.items()}
        try:
            tableaus.append(RungeKutta(**exact, parameters=parameters))
        except InputError as error:
            raise InputError(f"parts[{i}]: {error}") from None
    return tuple(tableaus)


def _exact(value: Any, symbols: Mapping[str, Expr], key: str) -> Any:
    """Numbers inside nested lists, read exactly; wrong shapes are left for the family to name."""
    if isinstance(value, list):
        return tuple(_exact(entry, symbols, f"{key}[{i}]") for i, entry in enumerate(value))
    try:
        return parse(str(value) if isinstance(value, _Decimal) else value, symbols)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None


def _claims(table: Any) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise InputError("claims: a table is expected, [claims]")
    known = claims_with(table)
    _known_keys(table, tuple(known), "claims.")
    claims = {}
    for key, value in table.items():
        if known[key] is Expr:
            claims[key] = _exact(value, {}, f"claims.{key}")
        elif type(value) is not known[key]:
            raise InputError(f"claims.{key} = {value!r}: {KINDS[known[key]]} is expected")
        else:
            claims[key] = value
    return claims


def _parameters(table: Any) -> tuple[Parameter, ...]:
    if not isinstance(table, dict) or not all(isinstance(entry, dict) for entry in table.values()):
        raise InputError("parameters: write a table for each, [parameters.k]")
    if len(table) > 64:
        raise InputError(f"parameters: {len(table)} of them, at most 64 are read")
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
                    value=_exact(entry["value"], {}, "value"),
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
    low, high = _exact(value, {}, key)
    return low, high


# ---------------------------------------------------------------------------------------------- writing


def dumps(scheme: Scheme) -> str:
    """The scheme as TOML text that `loads` reads back to an equal scheme."""
    _, required, optional = FAMILIES[scheme.family]
    lines = [f"format = {FORMAT}", f"name = {_string(scheme.name)}", f"family = {_string(scheme.family)}"]
    lines += [f"{key} = {_string(getattr(scheme, key))}" for key in ("title", "reference") if getattr(scheme, key)]
    if scheme.digits is not None:
        lines.append(f"digits = {scheme.digits}")
    for key in (*required, *optional):
        if key != "parts":
            lines += _entry(scheme, key)
    if scheme.claims:
        lines += ["", "[claims]", *(f"{key} = {_claim(value)}" for key, value in scheme.claims.items())]
    for part in getattr(scheme, "parts", ()):
        lines += ["", "[[parts]]", *(line for key in ("A", "b", "c", "b_hat") for line in _entry(part, key))]
    for p in scheme.parameters:
        lines += ["", f"[parameters.{p.name}]", f"value = {_array(p.value)}"]
        if p.range is not None:
            lines.append(f"range = {_array(p.range)}")
        if p.init is not None:
            lines.append(f"init = {{ {p.init.kind} = {_array((p.init.first, p.init.second))} }}")
    return "\n".join(lines) + "\n"


def _claim(value: Any) -> str:
    return _string(text_of(value)) if isinstance(value, Expr) else json.dumps(value)


def _entry(scheme: Scheme, key: str) -> list[str]:
    """The line of a key, none where there is nothing to say."""
    value = getattr(scheme, key)
    if value is None or (key == "derivative" and value == 1):
        return []
    return [f"{key} = {value if key == 'derivative' else _array(value)}"]


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON strings are TOML basic strings


def _array(value: Any) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return "[\n" + "".join(f"  {_array(row)},\n" for row in value) + "]"
    if isinstance(value, tuple):
        return "[" + ", ".join(_array(entry) for entry in value) + "]"
    if isinstance(value, int | str):
        return json.dumps(value)
    return _string(text_of(value))
