"""Reading the file of a table: TOML of a bounded size, every key of it checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from tableau2net.comparison.protocol import Published
from tableau2net.errors import InputError
from tableau2net.files import decode_toml
from tableau2net.tables.settings import check_setting
from tableau2net.tables.written import Axes, Match, Settings, TableNetwork, WrittenTable
from tableau2net.words import check_folder, plain

MAX_BYTES = 256 * 1024
FORMAT = 1
KEYS = ("format", "title", "out", "baseline", "common", "grid", "networks", "published", "match")
LONGEST = 120  # characters of a name


def read_table(path: Path) -> WrittenTable:
    """What the file of a table says. Raises InputError, one line with the file, the key and the fix."""
    try:
        return parse_table(_text(path), path)
    except InputError as error:
        said = str(error)
        raise InputError(said if said.startswith(f"{path}:") else f"{path}: {said}") from None


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():  # a folder, or a device that never ends
            raise InputError("not a file; name the TOML file of a table")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"larger than {MAX_BYTES // 1024} KiB, this is not the file of a table")
        return content.decode("utf-8")
    except OSError as error:
        raise InputError(f"{error.strerror or error}; name the TOML file of a table") from None
    except UnicodeDecodeError:
        raise InputError("not UTF-8 text") from None


def parse_table(text: str, path: Path) -> WrittenTable:
    """What the TOML text says of a table; schemes in files are looked for beside `path`. Raises InputError."""
    found = decode_toml(text)
    if found.get("format") != FORMAT or isinstance(found["format"], bool):
        raise InputError(f"format = {found.get('format')!r}: this version reads format = {FORMAT}")
    _known(found, KEYS, "")
    networks = found.get("networks", [])
    if not isinstance(networks, list) or not all(isinstance(network, dict) for network in networks):
        raise InputError("networks: write a [[networks]] block for each network")
    out = _line(found.get("out", f"runs/{plain(path.stem)}"), "out")
    check_folder(out, "out")
    table = WrittenTable(
        path=path,
        title=_line(found.get("title", plain(path.stem)), "title"),
        out=Path(out),
        baseline=_line(found["baseline"], "baseline") if "baseline" in found else None,
        common=_settings(_part(found, "common"), "common", path),
        axes=_axes(_part(found, "grid"), "grid", path),
        networks=tuple(_network(network, f"networks[{i}]", path) for i, network in enumerate(networks)),
        published=_protocol(_part(found, "published")),
        match=_match(_part(found, "match")) if "match" in found else None,
    )
    names = [network.name for network in table.networks]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"networks: {name!r} is there twice; give each network a name of its own")
    return table


def _known(found: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in found:
        if key not in known:
            raise InputError(f"unknown key {where}{key[:60]}; known here: {', '.join(known)}")


def _part(found: Mapping[str, Any], key: str) -> dict[str, Any]:
    part = found.get(key, {})
    if not isinstance(part, dict):
        raise InputError(f"{key}: write a table, [{key}]")
    return part


def _line(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > 4 * LONGEST:
        raise InputError(f"{where}: one line of text is expected")
    return value


def _flat(found: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of inner tables as "recipe.lr", whether they were written so or as a table."""
    flat: dict[str, Any] = {}
    for key, value in found.items():
        inner = {f"{key}.{own}": v for own, v in value.items()} if isinstance(value, dict) else {key: value}
        flat |= inner
    return flat


def _settings(found: Mapping[str, Any], where: str, path: Path) -> Settings:
    """Constants of runs, each checked."""
    return {key: _setting(key, value, f"{where}.{key}", path) for key, value in _flat(found).items()}


def _axes(found: Mapping[str, Any], where: str, path: Path) -> Axes:
    """Axes of a grid, each value checked."""
    axes = {}
    for key, values in _flat(found).items():
        if not isinstance(values, list) or not values:
            raise InputError(f"{where}.{key}: write a list of one value at least, as in seed = [0, 1, 2]")
        checked = tuple(_setting(key, value, f"{where}.{key}", path) for value in values)
        if any(value in checked[:i] for i, value in enumerate(checked)):
            raise InputError(f"{where}.{key}: has a value twice; leave one of the two out")
        axes[key] = checked
    return axes


def _setting(key: str, value: Any, where: str, path: Path) -> Any:
    check_setting(key, value, where)
    if key == "scheme" and (value.endswith(".toml") or "/" in value):
        return str(path.parent / value)  # of an absolute path, itself
    return value


def _network(found: Mapping[str, Any], where: str, path: Path) -> TableNetwork:
    if "name" not in found:
        raise InputError(f"{where}: name is missing; say what the network's line is called")
    name = _line(found["name"], f"{where}.name")
    if len(name) > LONGEST or not re.search(r"\w", name):
        raise InputError(f"{where}.name: write at most {LONGEST} characters, a letter or a digit among them")
    rest = {key: value for key, value in found.items() if key not in ("name", "grid", "published")}
    settings = _settings(rest, where, path)
    axes = _axes(_part(found, "grid"), f"{where}.grid", path)
    if said := settings.keys() & axes.keys():
        raise InputError(f"{where}: {min(said)} is said twice, as a constant and in grid; leave one of the two out")
    return TableNetwork(name, settings, axes, _published(found.get("published"), f"{where}.published"))


def _published(found: Any, where: str) -> float | Mapping[int, float] | None:
    """One number, or a number for each depth."""
    if isinstance(found, dict):
        if not all(re.fullmatch(r"\d{1,4}", depth) for depth in found):
            raise InputError(f"{where}: write a number for each depth, {{ 20 = 8.15, 32 = 7.31 }}, or one number")
        return {int(depth): _error(value, f"{where}.{depth}") for depth, value in found.items()}
    return None if found is None else _error(found, where)


def _error(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise InputError(f"{where} = {str(value)[:40]}: an error in per cent, 0 to 100, is expected")
    return float(value)


def _protocol(found: Mapping[str, Any]) -> Published | None:
    """Where published figures come from: text, and whole numbers of images and epochs."""
    _known(found, tuple(own.name for own in fields(Published)), "published.")
    for key, value in found.items():
        if key in ("source", "note"):
            _line(value, f"published.{key}")
        elif isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InputError(f"published.{key} = {str(value)[:40]}: a whole number is expected")
    return Published(**found) if found else None


def _match(found: Mapping[str, Any]) -> Match:
    _known(found, ("by", "to"), "match.")
    by = found.get("by")
    if by not in ("parameters", "evaluations"):
        raise InputError(f"match.by = {str(by)[:40]!r}: write parameters or evaluations")
    if "to" not in found:
        raise InputError("match.to is missing: name the network that the others are matched to")
    return Match(by, _line(found["to"], "match.to"))
