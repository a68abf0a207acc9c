"""Where schemes come from: the files that ship, the families without end, and a user's own files and folders."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from tableau2net.errors import InputError
from tableau2net.scheme import adams, file
from tableau2net.scheme.base import Scheme

LISTED_STEPS = range(1, 7)  # the members of an endless family that `list_schemes` shows


@cache
def folder() -> Path:
    """The folder of the shipped scheme files: inside the installed package, or the checkout's ``schemes/``."""
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "schemes", package.parent / "schemes"):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the scheme library is missing beside {package}: install tableau2net again")


@cache
def _shipped() -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder().rglob("*.toml"))}


def list_schemes(pattern: str = "*") -> list[str]:
    """Names that `load` knows, matching a shell pattern (``"ssprk*"``), sorted. Of each family constructed for any
    number of steps (``adams-bashforth-K``, …) the first few members are listed."""
    constructed = [f"{family}-{k}" for family in adams.FAMILIES for k in LISTED_STEPS if (family, k) != ("nystrom", 1)]
    return sorted(name for name in {*_shipped(), *constructed} if fnmatchcase(name, pattern))


@dataclass(frozen=True)
class Entry:
    """A line of the library's catalogue: what a file says of itself, before anything is checked."""

    name: str
    family: str
    title: str
    claimed_order: int | None
    parameters: tuple[str, ...]


def catalogue(pattern: str = "*") -> list[Entry]:
    """An entry for each of `list_schemes`, without reading any coefficient."""
    return [_entry(name) for name in list_schemes(pattern)]


def _entry(name: str) -> Entry:
    if name in _shipped():
        table = tomllib.loads(_shipped()[name].read_text(encoding="utf-8"))
        claims, parameters = table.get("claims", {}), table.get("parameters", {})
        return Entry(name, table["family"], table.get("title", ""), claims.get("order"), tuple(parameters))
    scheme = _load_named(name)
    return Entry(name, scheme.family, scheme.title, scheme.claims["order"], ())


def load(source: str | Path) -> Scheme:
    """A scheme by name (``"rk4"``, ``"bdf-5"``), or from a file of one's own by path.

    Raises InputError when there is none, with the nearest names, or when the file is not sound.
    """
    text = str(source)
    if isinstance(source, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        return file.read(source)
    return _load_named(text)


@cache
def _load_named(name: str) -> Scheme:
    if name in _shipped():
        return file.read(_shipped()[name])
    match = re.fullmatch(r"([a-z-]+)-(\d{1,6})", name)
    if match and match[1] in adams.FAMILIES:
        return adams.construct(match[1], int(match[2]))
    near = difflib.get_close_matches(name, list_schemes(), n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else "; `tableau2net list` shows the names"
    shown = name if len(name) <= 60 else name[:57] + "..."
    raise InputError(f"no scheme is called {shown!r}{hint}")


def sources(source: str | Path) -> Iterator[str | Path]:
    """What `source` stands for, one loadable source at a time: itself, or every ``.toml`` below a folder."""
    path = Path(source)
    if not path.is_dir():
        yield source
        return
    found = sorted(path.rglob("*.toml"))
    if not found:
        raise InputError(f"{path}: no .toml file in this folder")
    yield from found
