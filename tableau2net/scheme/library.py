"""Where tables come from: the files that ship, the constructed families, and a user's own files and folders."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar, overload

from tableau2net.errors import InputError
from tableau2net.extensions import changes, load_extensions, note_change
from tableau2net.scheme import file
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.coefficient_table import CoefficientTable
from tableau2net.scheme.constructed import patterns
from tableau2net.scheme.equation import Equation
from tableau2net.scheme.exponential import lawson
from tableau2net.scheme.registered import family_called
from tableau2net.scheme.runge_kutta import RungeKutta
from tableau2net.scheme.stencil import Stencil
from tableau2net.scheme.stochastic_runge_kutta import StochasticRungeKutta
from tableau2net.sinks import one_line
from tableau2net.words import check_name, one

Table = TypeVar("Table", bound=CoefficientTable)
LAWSON = "lawson-"  # before a scheme's name: its integrating-factor method


@cache
def folder() -> Path:
    """The folder of the shipped scheme files: inside the installed package, or the checkout's ``schemes/``."""
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "schemes", package.parent / "schemes"):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the scheme library is missing beside {package}: install tableau2net again")


@cache
def _files() -> dict[str, Path]:
    """The files of the library by name: ours, and what is added."""
    return {path.stem: path for path in sorted(folder().resolve().rglob("*.toml"))}


def register_scheme_folder(folder: str | Path) -> None:
    """Add the scheme files in a folder, and in those below it, to the library: each is named as its file is.

    Raises InputError where there is none, or where a name is taken."""
    found = sorted(Path(folder).resolve().rglob("*.toml"))
    if not found:
        raise InputError(f"{folder}: no .toml file is in this folder")
    _add(found)
    note_change(str(folder))  # a file that is added again may say something else


def _add(paths: Iterable[Path]) -> None:
    found = {path.stem: path for path in paths}
    for name, path in found.items():
        check_name(name, str(path))
        if _files().get(name, path) != path or patterns.is_member(name):
            raise InputError(f"{path}: a scheme of the library is called {name!r} already; rename the file")
    _files().update(found)


@cache
def _extend() -> None:
    """What other packages add: what their modules register, and the scheme files beside each module."""
    for module in load_extensions("schemes"):
        try:
            _add(sorted(_beside(module)))
        except InputError as error:  # as a module that cannot be imported: it keeps nobody from a scheme of ours
            told = f"{module.__name__} adds no scheme files: {one_line(str(error))}"
            warnings.warn(told, RuntimeWarning, stacklevel=3)


def _beside(module: ModuleType) -> Iterable[Path]:
    """The files in a module's folder, where that is its package's own and not that of everything installed."""
    place = module.__file__
    return Path(place).resolve().parent.glob("*.toml") if module.__package__ and place else ()


def list_schemes(pattern: str = "*") -> list[str]:
    """Names of schemes that `load` knows, matching a shell pattern (``"ssprk*"``), sorted. Of each family constructed
    for any number of stages or steps (``gauss-S``, ``bdf-K``, …) the first few members are listed."""
    return list_tables(pattern, Scheme)


def list_stencils(pattern: str = "*") -> list[str]:
    """The same of stencils: ``"central-*"``."""
    return list_tables(pattern, Stencil)


def list_tables(pattern: str = "*", kind: type[CoefficientTable] = CoefficientTable) -> list[str]:
    """The same of one kind of tables, or of all."""
    if not isinstance(pattern, str):
        raise InputError(f"list: a pattern is text such as 'ssp*', not a {type(pattern).__name__}")
    _extend()
    names = (name for name in {*_files(), *patterns.listed()} if fnmatchcase(name, pattern))
    return sorted(name for name in names if kind is CoefficientTable or issubclass(_family_of(name), kind))


def _family_of(name: str) -> type[CoefficientTable]:
    """The family of a listed name."""
    path = _files().get(name)
    return family_called(patterns.listed()[name][0].kind if path is None else _family_in(path))


@cache
def _family_in(path: Path) -> str:
    """The family that a file names. Files of ours stand in folders by kind, and need not be opened."""
    if path.is_relative_to(folder().resolve()):
        return _FOLDERS.get(path.relative_to(folder().resolve()).parts[0], RungeKutta.family)
    return file.read(path).family


@dataclass(frozen=True)
class CatalogueEntry:
    """A line of the library's catalogue: what a file says of itself, before anything is checked."""

    name: str
    family: str
    title: str
    claimed_order: int | None
    parameters: tuple[str, ...]
    strong_order: str | None = None  # of stochastic schemes
    weak_order: str | None = None


def catalogue(pattern: str = "*") -> list[CatalogueEntry]:
    """An entry for each of `list_tables`, without reading any coefficient."""
    return [_entry(name) for name in list_tables(pattern)]


_FOLDERS = {
    "stencils": Stencil.family,
    "equations": Equation.family,
    "stochastic": StochasticRungeKutta.family,
}  # what is in the others is some scheme

# what the catalogue needs of a shipped file; reading the tables of all of them as TOML takes ten times as long
_LINES = {
    "family": re.compile(r'^family = "(.*)"$', re.MULTILINE),
    "title": re.compile(r'^title = "(.*)"$', re.MULTILINE),
    "order": re.compile(r"^order = (\d+)$", re.MULTILINE),
    "strong_order": re.compile(r'^strong_order = "(.*)"$', re.MULTILINE),
    "weak_order": re.compile(r'^weak_order = "(.*)"$', re.MULTILINE),
    "parameters": re.compile(r"^\[parameters\.(\w+)\]$", re.MULTILINE),
}


def _entry(name: str) -> CatalogueEntry:
    path = _files().get(name)
    if path is None:
        made, n = patterns.listed()[name]
        title, claims, parameters = made.said(n)
        return CatalogueEntry(name, made.kind, title, claims.get("order"), parameters)
    if not path.is_relative_to(folder().resolve()):  # not written as ours are
        scheme = _load_named(name)
        return CatalogueEntry(name, scheme.family, scheme.title, scheme.claims.get("order"), tuple(scheme.symbols))
    text = path.read_text(encoding="utf-8")
    found = {key: line.findall(text) for key, line in _LINES.items()}
    order = int(found["order"][0]) if found["order"] else None
    noisy = (next(iter(found[key]), None) for key in ("strong_order", "weak_order"))
    return CatalogueEntry(name, found["family"][0], "".join(found["title"]), order, tuple(found["parameters"]), *noisy)


@overload
def load(source: str | Path) -> Scheme: ...
@overload
def load(source: str | Path, kind: type[Table]) -> Table: ...
def load(source: str | Path, kind: type[CoefficientTable] | None = None) -> CoefficientTable:
    """A scheme or a stencil by name (``"rk4"``, ``"bdf-5"``, ``"central-1-4"``), or from a file of one's own by path.

    kind: `Scheme`, `Stencil`, …, where another one is an error. Type checkers take what has no kind for a scheme.
    Raises InputError when there is none, with the nearest names, or when the file is not sound.
    """
    if not isinstance(source, str | Path):
        raise InputError(f"load: the name of a scheme or the path of a file is expected, not a {type(source).__name__}")
    text = str(source)
    is_path = isinstance(source, Path) or text.endswith(".toml") or "/" in text or "\\" in text
    return _checked(file.read(source) if is_path else _load_named(text), kind or CoefficientTable, text)


def as_scheme(source: CoefficientTable | str | Path) -> Scheme:
    """A scheme that is given itself, or as `load` takes it. Raises InputError for a stencil."""
    return as_table(source, Scheme)


def as_stencil(source: CoefficientTable | str | Path) -> Stencil:
    """A stencil that is given itself, or as `load` takes it. Raises InputError for a scheme."""
    return as_table(source, Stencil)


def as_table(source: CoefficientTable | str | Path, kind: type[Table]) -> Table:
    """A table of a kind that is given itself, or as `load` takes it. Raises InputError for one of another kind."""
    if isinstance(source, CoefficientTable):
        return _checked(source, kind, source.name)
    return load(source, kind)


def _checked(found: CoefficientTable, kind: type[Table], source: str) -> Table:
    if not isinstance(found, kind):
        wanted = "scheme" if kind is Scheme else kind.called()
        told = f"{source or 'this'} is {one(found.called())}, where {one(wanted)} is needed"
        both = "`tableau2net list` shows both"
        noise = "t2n.compile_stochastic, t2n.sdeint and sde_resnet take it"
        raise InputError(f"{told}; {noise if isinstance(found, StochasticRungeKutta) else both}")
    return found


def _load_named(name: str) -> CoefficientTable:
    return _loaded(name, changes())


@cache
def _loaded(name: str, _: int) -> CoefficientTable:
    """The table of a name, as long as what is registered is what it was."""
    found = _found(name)
    if found is None:
        _extend()
        found = _found(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, list_tables(), n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else "; `tableau2net list` shows the names"
    shown = name if len(name) <= 60 else name[:57] + "..."
    raise InputError(f"no scheme or stencil is called {shown!r}{hint}")


def _found(name: str) -> CoefficientTable | None:
    path = _files().get(name)
    if path is not None:
        return file.read(path)
    if name.startswith(LAWSON) and (base := _found(name.removeprefix(LAWSON))) is not None:
        return lawson(_checked(base, Scheme, base.name))
    return patterns.construct(name)
