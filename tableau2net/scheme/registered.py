"""The families that files can name: ours, and those of other packages."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import TypeVar, cast

from tableau2net.errors import InputError
from tableau2net.extensions import check_free, load_extensions
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.coefficient_table import CoefficientTable
from tableau2net.scheme.saved import FAMILIES
from tableau2net.words import check_name

Family = TypeVar("Family", bound=type[CoefficientTable])
SchemeFamily = TypeVar("SchemeFamily", bound=type[Scheme])

COMMON = ("format", "name", "family", "title", "reference", "digits", "claims", "parameters")  # keys of every file


def register_scheme_family(family: SchemeFamily) -> SchemeFamily:
    """Make a family known by its `family` name, to files and whatever reads them; a class decorator::

        @register_scheme_family
        @dataclass(frozen=True)
        class Mine(Scheme):
            family = "mine"
            ...

    Raises TypeError for a class that is none, InputError where another one has the name."""
    told = f"register_scheme_family: {family.__name__}"
    if not (isinstance(family, type) and issubclass(family, Scheme) and is_dataclass(family)):
        raise TypeError(f"{told} is no frozen dataclass below Scheme")
    if family.lower is Scheme.lower and hasattr(family, "family"):
        raise TypeError(f"{told} needs a method lower, which says what a step is")
    return register_family(family, told)


def register_family(family: Family, told: str = "") -> Family:
    """The same for a family of tables that are no schemes; `told` begins the errors."""
    told = told or f"register_family: {family.__name__}"
    name: str = getattr(family, "family", "")
    check_name(name, f"{told}.family")
    if not name:
        raise TypeError(f"{told} needs a name, family = …")
    if taken := [key.name for key in family.file_keys() if key.name in COMMON]:
        raise TypeError(f"{told}: every file has {taken[0]}; call the field something else")
    check_free(f"{told}.family", name, family, FAMILIES.get(name))
    FAMILIES[name] = family
    _hashed_once(family)
    return family


def _hashed_once(family: type[CoefficientTable]) -> None:
    """Let each table of a family count the hash of all its numbers, by which caches find it, once."""
    counted = family.__hash__
    if counted is None:
        return

    def hashed(table: CoefficientTable) -> int:
        found = table.__dict__.get("_hash")
        if found is None:
            found = table.__dict__["_hash"] = counted(table)
        return found

    family.__hash__ = hashed  # type: ignore[method-assign, assignment]


def families() -> dict[str, type[CoefficientTable]]:
    """Every family by name, those of other packages included."""
    load_extensions("schemes")
    return dict(FAMILIES)


def family_called(name: object) -> type[CoefficientTable]:
    """The family of a name. Raises InputError, with the names that there are."""
    if isinstance(name, str) and (found := FAMILIES.get(name)):
        return cast(type[CoefficientTable], found)
    known = families()
    if not isinstance(name, str) or name not in known:
        raise InputError(f"family = {name!r}: write one of {', '.join(known)}")
    return known[name]
