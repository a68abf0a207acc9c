"""What every table of coefficients has, in time or in space: names, parameters, and the claims of its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self, TypedDict, get_type_hints

from sympy import Expr

from tableau2net.errors import InputError
from tableau2net.exact.text import parse, shown
from tableau2net.scheme.exact_rows import left_out, whole_number
from tableau2net.scheme.keys import ANY_DEPTH, Key, key_of
from tableau2net.scheme.layout import CellGrid, Label, Recurrence
from tableau2net.scheme.parameters import Parameter, as_parameters, substitute
from tableau2net.scheme.saved import save
from tableau2net.scheme.typeset import html, latex
from tableau2net.words import check_line, check_name

MAX_DIGITS = 85


class About(TypedDict, total=False):
    """What every family takes beside its numbers, see `CoefficientTable`.

    Numbers are handed in as text, integers or fractions and lists of them, and are exact from then on: type checkers
    are told so by an ``__init__`` that the interpreter does not see."""

    name: str
    title: str
    reference: str
    parameters: Sequence[Parameter]
    claims: Mapping[str, Any]
    digits: int | None


@dataclass(frozen=True, kw_only=True)
class CoefficientTable:
    """Exact numbers under the names that a field gives them, as data. Families add the coefficients; everything derived
    is a function elsewhere.

    A family is a frozen dataclass whose own fields are the keys of its files (`tableau2net.scheme.keys`).

    `claims` holds what the source says (``{"order": 4}``): it is proved or refuted, never believed.
    `digits`: how many decimals the source printed, where it printed decimals that were cut off; conditions are then
    true "to 1e-digits", not exactly. None where the coefficients are meant as they stand."""

    family: ClassVar[str]
    stands_for: ClassVar[str] = "field"  # what there is one of for each, where a table has a list of them
    first: ClassVar[int] = 1  # the index of a vector's first entry, in the names of coefficients

    name: str = ""
    title: str = ""
    reference: str = ""
    parameters: tuple[Parameter, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict, hash=False)
    digits: int | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        check_line(self.title, "title")
        check_line(self.reference, "reference")
        object.__setattr__(self, "parameters", as_parameters(self.parameters))
        if not isinstance(self.claims, Mapping) or not all(isinstance(key, str) for key in self.claims):
            raise InputError('claims: what the source says by name is expected, {"order": 4} say')
        if self.digits is not None:
            object.__setattr__(self, "digits", whole_number(self.digits, "digits"))
        if self.digits is not None and not 1 <= self.digits <= MAX_DIGITS:
            raise InputError(f"digits = {shown(self.digits)}: between 1 and {MAX_DIGITS} decimals")
        if self.digits is not None and self.parameters:
            raise InputError("digits: a table with parameters is meant exactly; drop digits or the parameters")
        object.__setattr__(self, "claims", dict(self.claims))
        for key in self.file_keys():
            value = getattr(self, key.name)
            if key.kind == "number" and ((key.required and not key.instead) or not left_out(value)):
                object.__setattr__(self, key.name, key.exact(value, {**self.letters(), **self.symbols}))

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and written: all but the hash, which is another one in another process."""
        return {key: value for key, value in self.__dict__.items() if key != "_hash"}

    @classmethod
    def called(cls) -> str:
        """What one is called in a sentence."""
        return cls.family

    @classmethod
    def file_keys(cls) -> tuple[Key, ...]:
        """What a file of the family says beside what all files say: the family's own fields, exact numbers first.

        Raises TypeError for a field of a type that a file cannot hold."""
        return _keys(cls)  # type: ignore[arg-type]  # a class has a hash of its own, whatever that of its instances

    def contradicted(self) -> str | None:
        """What of a file contradicts the rest of it, in a line. Not asked of tables changed since."""
        return None

    @classmethod
    def letters(cls) -> Mapping[str, Expr]:
        """The symbols that coefficients may hold beside parameters: what is random in a stochastic scheme."""
        return {}

    @property
    def symbols(self) -> dict[str, Expr]:
        """Parameter names and the sympy symbols they stand for."""
        return {p.name: p.symbol for p in self.parameters}

    @property
    def coefficients(self) -> dict[str, Expr]:
        """Every coefficient that the family declares, by name (``a21``, ``b1``, ``alpha0``, …), zeros included; those
        of a table within it with its name behind (``weights1_left``)."""
        own = {n: x for key, value in self._numbers() for n, x in key.named(value, self.first).items()}
        return own | {f"{n}_{mark}": x for mark, part in self._tables().items() for n, x in part.coefficients.items()}

    def with_coefficients(self, coefficients: Mapping[str, Expr], **changes: Any) -> Self:
        """The same table with other values under the names of `coefficients`."""
        own = {key.name: key.unnamed(value, coefficients, self.first) for key, value in self._numbers()}
        given = {"parameters": changes.get("parameters", self.parameters)}
        parts = {
            mark: part.with_coefficients({n: coefficients[f"{n}_{mark}"] for n in part.coefficients}, **given)
            for mark, part in self._tables().items()
        }
        for key in self.file_keys():
            held = getattr(self, key.name)
            if key.kind == "table" and held is not None:
                several = isinstance(held, tuple)
                numbers = range(1, len(held) + 1) if several else ()
                own[key.name] = tuple(parts[f"{key.name}{i}"] for i in numbers) if several else parts[key.name]
        return replace(self, **(own | dict.fromkeys(self.following(), ()) | changes))

    def _numbers(self) -> list[tuple[Key, Any]]:
        """The keys that hold exact numbers, and what they hold."""
        held = ((key, getattr(self, key.name)) for key in self.file_keys() if key.kind == "number")
        return [(key, value) for key, value in held if value is not None]

    def _tables(self) -> dict[str, CoefficientTable]:
        """The tables within this one, by the name of their key, and with their number where there may be several."""
        held = ((key, getattr(self, key.name)) for key in self.file_keys() if key.kind == "table")
        found: dict[str, CoefficientTable] = {}
        for key, value in held:
            if isinstance(value, tuple):
                found |= {f"{key.name}{i}": part for i, part in enumerate(value, 1)}
            elif value is not None:
                found[key.name] = value
        return found

    def following(self) -> Sequence[str]:
        """The vectors that say what would follow from the other keys without them, and are left out of changes."""
        return ()

    def grids(self) -> tuple[CellGrid, ...]:
        """The tables of the scheme, to stand side by side: the Butcher tableau (one a part), α and β by age, …; for a
        family without a customary one, a table for each of its keys."""
        return tuple(_table(key, value) for key, value in self._numbers())

    def formula(self) -> Recurrence | None:
        """The scheme as the formula that it is on paper, where it is a linear multistep method."""
        return None

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the table to a TOML file that `load` reads back to an equal one: exact numbers, parameters and claims.

        Raises InputError, one line, for a path that does not end in .toml, a file that is there already, unless
        overwrite=True, a family that is not registered, and where nothing can be written."""
        save(self, path, overwrite=overwrite)

    def _repr_html_(self) -> str:
        return html(self)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {latex(self)}$"

    def with_values(self, /, **values: object) -> Self:
        """The member of a family at the given parameter values (numbers or text); the others stay open.

        Raises InputError for a name that is not a parameter or a value outside the declared range."""
        for name in values:
            if name not in self.symbols:
                known = ", ".join(self.symbols) or "none"
                raise InputError(f"{self.name or self.called()} has no parameter {name!r} (it has: {known})")
        fixed = [replace(p, value=parse(values[p.name])) for p in self.parameters if p.name in values]
        point = {p.symbol: p.value for p in fixed}
        open_ones = tuple(p for p in self.parameters if p.name not in values)
        return self._substituted(point, parameters=open_ones, claims={})  # these were said of the family

    def _substituted(self, point: dict[Expr, Expr], **changes: Any) -> Self:
        return self.with_coefficients({n: substitute(c, point) for n, c in self.coefficients.items()}, **changes)

    def at_defaults(self) -> Self:
        """The member of the family at the declared parameter values: no parameter is left."""
        if not (self.parameters or self.claims):
            return self
        return self.with_values(**{p.name: p.value for p in self.parameters})


@cache
def _keys(family: type[object]) -> tuple[Key, ...]:
    common = {f.name for f in fields(CoefficientTable)}
    annotations = get_type_hints(family)
    found = (key_of(f, annotations[f.name]) for f in fields(family) if f.name not in common)  # type: ignore[arg-type]
    return tuple(sorted(found, key=lambda key: key.kind != "number"))


def _table(key: Key, value: Any) -> CellGrid:
    if key.depth == ANY_DEPTH:
        while value and isinstance(value[0], tuple) and isinstance(value[0][0], tuple):  # planes below one another
            value = tuple(row for plane in value for row in plane)
        rows = value if value and isinstance(value[0], tuple) else (value,)
    else:
        rows = ((value,),) if key.depth == 0 else (value,) if key.depth == 1 else value
    width = max(map(len, rows), default=0)
    padded = tuple((*row, *[None] * (width - len(row))) for row in rows)
    return CellGrid((width,), (padded,), Label(key.name, rf"\mathrm{{{key.name}}}"))


def declared(tables: Sequence[CoefficientTable]) -> tuple[Parameter, ...]:
    """The parameters of several tables; one that is in two of them is one."""
    return tuple({p.name: p for table in tables for p in table.parameters}.values())
