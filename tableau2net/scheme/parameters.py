"""The numbers that a table leaves open: their values, ranges, and where learning starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.exact.text import shown, symbol
from tableau2net.scheme.exact_rows import as_list, exact_vector, named
from tableau2net.words import PARAMETER_LENGTH, check_parameter, quoted


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
    """A named number that a table leaves open.

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


def as_parameters(given: object) -> tuple[Parameter, ...]:
    """A list of parameters, each named once. Raises InputError."""
    found = as_list(given, 'parameters: a list of them is expected, [Parameter("k", "1/2")] say')
    for value in found:
        if not isinstance(value, Parameter):
            raise InputError(f'parameters: a {type(value).__name__} is none, write Parameter("k", "1/2") say')
    parameters = tuple(value for value in found if isinstance(value, Parameter))
    names = [p.name for p in parameters]
    if len(set(names)) != len(names):
        raise InputError("a parameter is declared twice")
    if longest := [name for name in names if len(name) > PARAMETER_LENGTH]:
        raise InputError(f"parameter name {quoted(longest[0])}: at most {PARAMETER_LENGTH} characters are read")
    return parameters


def substitute(value: Expr, point: Mapping[Expr, Expr]) -> Expr:
    """`value` at parameter values; exact. Raises InputError where it has a pole."""
    if not value.free_symbols:
        return value
    result = value.subs(point)
    if not result.is_finite if result.is_number else result.has(S.ComplexInfinity, S.NaN):
        raise InputError(f"coefficient {value} is not finite at {', '.join(f'{s} = {v}' for s, v in point.items())}")
    return result
