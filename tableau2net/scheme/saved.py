"""Tables of coefficients as the TOML text that `scheme.file` reads, and as files. The format: docs/scheme-files.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from sympy import Expr

from tableau2net.errors import InputError
from tableau2net.exact.text import file_text
from tableau2net.files import write_atomically
from tableau2net.scheme.claimable import Printed
from tableau2net.scheme.keys import Key
from tableau2net.scheme.parameters import Parameter

MAX_BYTES = 256 * 1024  # more is not read
MAX_PARAMETERS = 64
FORMAT = 1
FAMILIES: dict[str, Any] = {}  # those that files can name: see `registered`


class Written(Protocol):
    """What can be written: a table of any family."""

    family: ClassVar[str]

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def reference(self) -> str: ...

    @property
    def digits(self) -> int | None: ...

    @property
    def claims(self) -> Mapping[str, Any]: ...

    @property
    def parameters(self) -> Sequence[Parameter]: ...

    @classmethod
    def file_keys(cls) -> tuple[Key, ...]: ...


def save(table: Written, path: str | Path, *, overwrite: bool = False) -> None:
    """See `CoefficientTable.save`."""
    if not isinstance(path, (str, Path)):
        raise InputError(f"path={path!r}: the name of a .toml file is expected")
    path = Path(path)
    if path.suffix != ".toml":
        raise InputError(f"{path}: name a .toml file, which load knows by its ending")
    if FAMILIES.get(table.family) is not type(table):
        told = f"{type(table).__name__} is no family that files name"
        raise InputError(f"{path}: {told}; register_scheme_family makes it one, or save what it is made of")
    if len(table.parameters) > MAX_PARAMETERS:
        raise InputError(f"{path}: {len(table.parameters)} parameters, at most {MAX_PARAMETERS} are read")
    text = dumps(table)
    if len(text.encode()) > MAX_BYTES:
        raise InputError(
            f"{path}: the table is larger than {MAX_BYTES // 1024} KiB as a file, which load reads none of"
        )
    if path.exists() and not overwrite:
        raise InputError(f"{path}: is there already; write overwrite=True to replace it")
    write_atomically(path, text)


def dumps(table: Written) -> str:
    """The table as TOML text that `loads` reads back to an equal one."""
    own = [key for key in table.file_keys() if key.kind != "table"]
    lines = [f"format = {FORMAT}", f"name = {_string(table.name)}", f"family = {_string(table.family)}"]
    lines += [f"{key} = {_string(getattr(table, key))}" for key in ("title", "reference") if getattr(table, key)]
    if table.digits is not None:
        lines.append(f"digits = {table.digits}")
    lines += [line for key in own for line in _entry(table, key)]
    lines += _claims_written("claims", table.claims) if table.claims else []
    for key in (key for key in table.file_keys() if key.kind == "table"):
        held = getattr(table, key.name)
        head = f"[[{key.name}]]" if isinstance(held, tuple) else f"[{key.name}]"
        for part in held if isinstance(held, tuple) else () if held is None else (held,):
            lines += ["", head, *(line for own in part.file_keys() for line in _entry(part, own))]
    for p in table.parameters:
        lines += ["", f"[parameters.{p.name}]", f"value = {_array(p.value)}"]
        if p.range is not None:
            lines.append(f"range = {_array(p.range)}")
        if p.init is not None:
            lines.append(f"init = {{ {p.init.kind} = {_array((p.init.first, p.init.second))} }}")
    return "\n".join(lines) + "\n"


def _claims_written(head: str, claims: Mapping[str, Any]) -> list[str]:
    """A table of claims, and below it those within it."""
    within = {key: value for key, value in claims.items() if isinstance(value, Mapping)}
    own = [f"{_bare(key)} = {_claim(value)}" for key, value in claims.items() if key not in within]
    tables = (_claims_written(f"{head}.{key}", value) for key, value in within.items())
    return [*(["", f"[{head}]", *own] if own else []), *(line for lines in tables for line in lines)]


def _bare(key: str) -> str:
    """A key as TOML has it: in quotation marks where it has a dot."""
    return _string(key) if "." in key else key


def _claim(value: Any) -> str:
    if isinstance(value, Expr | Printed):
        return _string(file_text(value) if isinstance(value, Expr) else value.text)
    return json.dumps(value)


def _entry(table: Written, key: Key) -> list[str]:
    """The line of a key, none where there is nothing to say."""
    value = getattr(table, key.name)
    if key.instead and getattr(table, key.instead) is not None:
        return []
    if value is None or (isinstance(value, int | tuple) and value == key.default):
        return []
    return [f"{key.name} = {_array(value)}"]


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON strings are TOML basic strings


def _array(value: Any) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return "[\n" + "".join(f"  {_array(row)},\n" for row in value) + "]"
    if isinstance(value, tuple):
        return "[" + ", ".join(_array(entry) for entry in value) + "]"
    if isinstance(value, int | str):
        return json.dumps(value)
    return _string(file_text(value))
