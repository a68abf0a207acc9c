"""What every declared scheme has, whatever its family: names, parameters and the claims of its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, ClassVar, Self, TypedDict, get_type_hints

from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.exact.text import parse, shown, symbol
from tableau2net.scheme.exact_rows import as_list, exact_vector, left_out, named, whole_number
from tableau2net.scheme.keys import Key, key_of
from tableau2net.scheme.layout import CellGrid, Label, Recurrence
from tableau2net.scheme.lowering import StepWriter
from tableau2net.scheme.typeset import html, latex
from tableau2net.words import PARAMETER_LENGTH, check_line, check_name, check_parameter, quoted

MAX_DIGITS = 60
MAX_PARTS = 4


@dataclass(frozen=True)
class Distribution:
    """Where learning starts: ``uniform`` on [low, high] or ``normal`` with mean and standard deviation."""

    kind: str
    first: Expr
    second: Expr

    def __post_init__(self) -> None:
        if self.kind not in ("uniform", "normal"):
            known = "write uniform = [low, high] or normal = [mean, std]"
            raise InputError(f"init: {shown(self.kind)!r} is unknown, {known}")
        for key in ("first", "second"):
            object.__setattr__(self, key, named("init", getattr(self, key)))
        if not (self.first.is_number and self.second.is_number):
            raise InputError(f"init: the two values of {self.kind} are numbers")
        if self.kind == "uniform" and self.first > self.second:
            raise InputError(f"init: uniform = [low, high] needs low <= high, not {self.first} > {self.second}")
        if self.kind == "normal" and self.second < 0:
            raise InputError(f"init: a standard deviation is not negative, {self.second} is")


@dataclass(frozen=True)
class Parameter:
    """A named number that a scheme leaves open.

    `value` is used where coefficients are fixed, `range` is where the source allows it (closed interval),
    `init` is drawn from when it is learnt (without one, learning starts at `value`). Numbers are exact: whole numbers,
    fractions, text such as "1/2", as everywhere; `init` may be written ``{"uniform": [low, high]}``. Raises InputError.
    """

    name: str
    value: Expr
    range: tuple[Expr, Expr] | None = None
    init: Distribution | None = None

    def __post_init__(self) -> None:
        check_parameter(self.name)
        for key, value in (("value", named(f"parameter {self.name}", self.value)), ("init", _init(self))):
            object.__setattr__(self, key, value)
        if not self.value.is_number:
            raise InputError(f"parameter {self.name}: the value must be a number")
        if self.range is not None:
            bounds = exact_vector(self.range, f"parameter {self.name}: range", {self.name: self.symbol})
            if not (len(bounds) == 2 and all(bound.is_number for bound in bounds) and bounds[0] <= bounds[1]):
                raise InputError(f"parameter {self.name}: range is [low, high] with low <= high")
            object.__setattr__(self, "range", bounds)
            low, high = bounds
            if not low <= self.value <= high:
                seen = ", ".join(map(shown, bounds))
                raise InputError(f"parameter {self.name}: value {shown(self.value)} is outside its range [{seen}]")

    @property
    def symbol(self) -> Expr:
        """The sympy symbol that stands for this parameter in coefficients."""
        return symbol(self.name)


def _init(parameter: Parameter) -> Distribution | None:
    """Where learning starts, as it may be written. Raises InputError."""
    given: object = parameter.init
    if given is None or isinstance(given, Distribution):
        return given
    if isinstance(given, Mapping) and len(given) == 1:
        ((kind, values),) = given.items()
        both = exact_vector(values, f"parameter {parameter.name}: init", {})
        if len(both) == 2:
            return Distribution(kind, *both)
    raise InputError(f"parameter {parameter.name}: init is a Distribution, or {{'uniform': [low, high]}}")


class About(TypedDict, total=False):
    """What every family takes beside its numbers, see `Scheme`.

    Numbers are handed in as text, integers or fractions and lists of them, and are exact from then on: type checkers
    are told so by an ``__init__`` that the interpreter does not see."""

    name: str
    title: str
    reference: str
    parameters: Sequence[Parameter]
    claims: Mapping[str, Any]
    digits: int | None


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """A time-stepping method as data. Families add the coefficients; everything derived is a function elsewhere.

    A family is a frozen dataclass whose own fields are the keys of its files (`tableau2net.scheme.keys`), and says with
    `lower` what a step is. The rest has a default here; `register_scheme_family` makes its files known.

    `claims` holds what the source says (``{"order": 4}``): it is proved or refuted, never believed.
    `digits`: how many decimals the source printed, where it printed decimals that were cut off; conditions are then
    true "to 1e-digits", not exactly. None where the coefficients are meant as they stand."""

    family: ClassVar[str]
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
        object.__setattr__(self, "parameters", _parameters(self.parameters))
        if not isinstance(self.claims, Mapping) or not all(isinstance(key, str) for key in self.claims):
            raise InputError('claims: what the source says by name is expected, {"order": 4} say')
        if self.digits is not None:
            object.__setattr__(self, "digits", whole_number(self.digits, "digits"))
        names = [p.name for p in self.parameters]
        if len(set(names)) != len(names):
            raise InputError("a parameter is declared twice")
        if longest := [name for name in names if len(name) > PARAMETER_LENGTH]:
            raise InputError(f"parameter name {quoted(longest[0])}: at most {PARAMETER_LENGTH} characters are read")
        if self.digits is not None and not 1 <= self.digits <= MAX_DIGITS:
            raise InputError(f"digits = {shown(self.digits)}: between 1 and {MAX_DIGITS} decimals")
        if self.digits is not None and self.parameters:
            raise InputError("digits: a scheme with parameters is meant exactly; drop digits or the parameters")
        object.__setattr__(self, "claims", dict(self.claims))
        for key in self.file_keys():
            value = getattr(self, key.name)
            if key.kind == "number" and (key.required or not left_out(value)):
                object.__setattr__(self, key.name, key.exact(value, self.symbols))

    @classmethod
    def file_keys(cls) -> tuple[Key, ...]:
        """What a file of the family says beside what all files say: the family's own fields, exact numbers first.

        Raises TypeError for a field of a type that a file cannot hold."""
        return _keys(cls)  # type: ignore[arg-type]  # a class has a hash of its own, whatever that of its instances

    @property
    def symbols(self) -> dict[str, Expr]:
        """Parameter names and the sympy symbols they stand for."""
        return {p.name: p.symbol for p in self.parameters}

    @property
    def coefficients(self) -> dict[str, Expr]:
        """Every coefficient that the family declares, by name (``a21``, ``b1``, ``alpha0``, …), zeros included."""
        return {n: x for key, value in self._numbers() for n, x in key.named(value, self.first).items()}

    def with_coefficients(self, coefficients: Mapping[str, Expr], **changes: Any) -> Self:
        """The same scheme with other values under the names of `coefficients`."""
        own = {key.name: key.unnamed(value, coefficients, self.first) for key, value in self._numbers()}
        return replace(self, **(own | dict.fromkeys(self.following(), ()) | changes))

    def _numbers(self) -> list[tuple[Key, Any]]:
        """The keys that hold exact numbers, and what they hold."""
        held = ((key, getattr(self, key.name)) for key in self.file_keys() if key.kind == "number")
        return [(key, value) for key, value in held if value is not None]

    def following(self) -> Sequence[str]:
        """The vectors that say what would follow from the other keys without them, and are left out of changes."""
        return ()

    def lower(self, step: StepWriter) -> None:
        """Tell one step, line by line, to `step`."""
        raise TypeError(f"{type(self).__name__} has no method lower, which says what a step is")

    def reflected(self) -> Self:
        """The coefficients of the adjoint method; see `operations.adjoint`. Raises InputError where there are none."""
        raise InputError(f"adjoint: a {self.family} scheme has none that is written as a table")

    @classmethod
    def composed(cls, schemes: Sequence[Self], weights: Sequence[Expr]) -> Self:
        """The coefficients of a step w_1·h of the first scheme, then w_2·h of the second, and so on; see
        `operations.compose`. Raises InputError for a family that has no such thing."""
        raise InputError(f"compose: a {cls.family} scheme has no composition, it is not a one-step method")

    def grids(self) -> tuple[CellGrid, ...]:
        """The tables of the scheme, to stand side by side: the Butcher tableau (one a part), α and β by age, …; for a
        family without a customary one, a table for each of its keys."""
        return tuple(_table(key, value) for key, value in self._numbers())

    def formula(self) -> Recurrence | None:
        """The scheme as the formula that it is on paper, where it is a linear multistep method."""
        return None

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
                raise InputError(f"{self.name or 'scheme'} has no parameter {name!r} (it has: {known})")
        fixed = [replace(p, value=parse(values[p.name])) for p in self.parameters if p.name in values]
        point = {p.symbol: p.value for p in fixed}
        return self.with_coefficients(
            {n: substitute(c, point) for n, c in self.coefficients.items()},
            parameters=tuple(p for p in self.parameters if p.name not in values),
            claims={},  # they were said of the family
        )

    def at_defaults(self) -> Self:
        """The member of the family at the declared parameter values: no parameter is left."""
        if not (self.parameters or self.claims):
            return self
        return self.with_values(**{p.name: p.value for p in self.parameters})

    def freed(self) -> Self:
        """The family in which each nonzero coefficient is a parameter of its own, starting where it stands.

        A coefficient that a scheme's order needs (consistency, say) is free to leave it: the order that holds for
        all values is usually 0, and the report says so."""
        start = self.at_defaults().coefficients
        free = {n: c for n, c in start.items() if not c.is_zero and n in self.free_names()}
        return self.with_coefficients(
            {n: symbol(n) if n in free else c for n, c in start.items()},
            parameters=tuple(Parameter(n, c) for n, c in free.items()),
            claims={},
            digits=None,  # decimals are where learning starts
        )

    def free_names(self) -> Sequence[str]:
        """The coefficients that `freed` may open (those that a normalisation fixes are left out)."""
        return list(self.coefficients)


@cache
def _keys(family: type[object]) -> tuple[Key, ...]:
    common = {f.name for f in fields(Scheme)}
    annotations = get_type_hints(family)
    found = (key_of(f, annotations[f.name]) for f in fields(family) if f.name not in common)  # type: ignore[arg-type]
    return tuple(sorted(found, key=lambda key: key.kind != "number"))


def _table(key: Key, value: Any) -> CellGrid:
    rows = ((value,),) if key.depth == 0 else (value,) if key.depth == 1 else value
    width = max(map(len, rows), default=0)
    padded = tuple((*row, *[None] * (width - len(row))) for row in rows)
    return CellGrid((width,), (padded,), Label(key.name, rf"\mathrm{{{key.name}}}"))


def declared(schemes: Sequence[Scheme]) -> tuple[Parameter, ...]:
    """The parameters of several schemes; one that is in two of them is one."""
    return tuple({p.name: p for s in schemes for p in s.parameters}.values())


def substitute(value: Expr, point: Mapping[Expr, Expr]) -> Expr:
    """`value` at parameter values; exact. Raises InputError where it has a pole."""
    if not value.free_symbols:
        return value
    result = value.subs(point)
    if not result.is_finite if result.is_number else result.has(S.ComplexInfinity, S.NaN):
        raise InputError(f"coefficient {value} is not finite at {', '.join(f'{s} = {v}' for s, v in point.items())}")
    return result


def _parameters(given: object) -> tuple[Parameter, ...]:
    found = as_list(given, 'parameters: a list of them is expected, [Parameter("k", "1/2")] say')
    for value in found:
        if not isinstance(value, Parameter):
            raise InputError(f'parameters: a {type(value).__name__} is none, write Parameter("k", "1/2") say')
    return tuple(value for value in found if isinstance(value, Parameter))
