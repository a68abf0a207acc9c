"""Partial differential equations as data: u_t = terms in the derivatives of states, with exact coefficients.

The right-hand sides are text, ``-u*u_x + nu*u_xx``, read by the bounded grammar of coefficients (`exact.text`): states,
their derivatives ``u_x``, ``u_xy``, …, parameters, the coordinates x, y, z, pi, ``+ - * / **`` and a few functions. No
file can run code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

import sympy
from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.exact.text import parse, shown, symbol, text_of
from tableau2net.scheme.coefficient_table import About, CoefficientTable
from tableau2net.scheme.derivative_letters import (
    AXES,
    are_letters,
    in_order,
    letters_of,
    sum_of_orders,
    total_order,
)
from tableau2net.scheme.exact_rows import MAX_DIMENSION, as_list, whole_number
from tableau2net.scheme.keys import Grid
from tableau2net.scheme.layout import CellGrid, Label
from tableau2net.scheme.parameters import substitute
from tableau2net.scheme.registered import register_family
from tableau2net.scheme.stencil import Stencil

BOUNDARIES = ("periodic", "zero", "reflecting", "sbp")
FUNCTIONS = {name: getattr(sympy, name) for name in ("sin", "cos", "exp", "tanh", "sinh", "cosh", "atan")}
MAX_STATES = 8
_WORD = re.compile(r"[A-Za-z_]\w*")
_STATE = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}")


@dataclass(frozen=True)
class UsedStencil(CoefficientTable):
    """Which stencil stands for a derivative: ``of = "xx"`` and its name or file, or its own weights.

    stencil: the name of one, or the path of a file.  offsets, weights, centre: inline, as of a `Stencil`."""

    family: ClassVar[str] = "used stencil"
    stands_for: ClassVar[str] = "derivative"

    of: str
    stencil: str = ""
    weights: Grid | None = None
    offsets: tuple[int, ...] | None = None
    centre: tuple[int, ...] | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            of: str,
            stencil: str = "",
            weights: Any = None,
            offsets: Any = None,
            centre: Any = None,
            **about: Unpack[About],
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.of, str) or not self.of:
            raise InputError("of: the letters of a derivative are expected, x or xy say")
        if not isinstance(self.stencil, str) or (self.stencil == "") == (self.weights is None):
            raise InputError(f"{self.of}: write stencil = with a name or a file, or weights of its own; one of the two")
        for key in ("offsets", "centre"):
            if (value := getattr(self, key)) is not None:
                object.__setattr__(self, key, tuple(as_list(value, f"{key}: a list of whole numbers is expected")))

    def inline(self, dimension: int) -> Stencil:
        """The weights that are written here. A vector stands along the one axis of the derivative."""
        assert self.weights is not None
        terms = sum_of_orders(self.of, dimension)
        along = [m for m in terms[0] if m]
        one = not isinstance(self.weights[0], tuple) and len(along) == len(terms) == 1
        return Stencil(along[0] if one else terms, self.weights, self.offsets, self.centre)


@register_family
@dataclass(frozen=True)
class Equation(CoefficientTable):
    """u_t = … of each state.

    right: a right-hand side for each state, as text.  states: their names.  dimension: of space, 1 to 3.
    boundary: what lies beyond the grid, one for all axes or one each: "periodic", "zero", "reflecting" (the mirror
        stands half a step beyond the last point, as numpy's symmetric padding has it) or "sbp" (rows of the stencils).
    stencils: what stands for derivatives; for those that are not named, central ones are taken.
    Raises InputError for what is none.
    """

    family: ClassVar[str] = "equation"

    right: tuple[str, ...]
    states: tuple[str, ...] = ("u",)
    dimension: int = 1
    boundary: tuple[str, ...] = ("periodic",)
    stencils: tuple[UsedStencil, ...] | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            right: Any,
            states: Any = ("u",),
            dimension: int = 1,
            boundary: Any = ("periodic",),
            stencils: Sequence[UsedStencil] | None = None,
            **about: Unpack[About],
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        dimension = whole_number(self.dimension, "dimension")
        if not 1 <= dimension <= MAX_DIMENSION:
            raise InputError(f"dimension = {dimension}: 1 to {MAX_DIMENSION} are read")
        object.__setattr__(self, "dimension", dimension)
        for key in ("right", "states", "boundary"):
            object.__setattr__(self, key, _texts(getattr(self, key), key))
        self._check_names()
        if len(self.right) != len(self.states):
            raise InputError(f"right has {len(self.right)} entries for {len(self.states)} states: one for each")
        object.__setattr__(self, "boundary", boundaries(self.boundary, dimension))
        used = None if self.stencils is None else as_list(self.stencils, "stencils: a list of them is expected")
        if used is not None and not all(isinstance(each, UsedStencil) for each in used):
            raise InputError('stencils: write UsedStencil("x", "central-1-4") say')
        object.__setattr__(self, "stencils", tuple(used or ()) or None)
        given = [in_order(each.of, dimension) for each in self.stencils or ()]
        if twice := [name for name in given if given.count(name) > 1]:
            raise InputError(f"stencils: two stand for {twice[0]}")
        for each in self.stencils or ():
            if each.weights is not None:
                each.inline(dimension)
        self.rates  # noqa: B018  read once, so that what is wrong is said now

    def _check_names(self) -> None:
        if not 1 <= len(self.states) <= MAX_STATES or len(set(self.states)) < len(self.states):
            raise InputError(f"states: from 1 to {MAX_STATES} different names are read")
        taken = {*AXES, "t", "pi", *FUNCTIONS, "sqrt"}
        for name in self.states:
            if not _STATE.fullmatch(name) or name in taken or name in self.symbols:
                raise InputError(
                    f"states: {shown(name)!r} is no name for one; letters and digits that mean nothing else"
                )
        for name in self.symbols:
            if name in taken or _derivative_of(name, self.states):
                raise InputError(f"parameter {name}: the name has a meaning in an equation; choose another")

    @cached_property
    def rates(self) -> tuple[Expr, ...]:
        """The right-hand sides as expressions in the symbols of states, derivatives, coordinates and parameters."""
        return tuple(self._read(text, f"right[{i}]") for i, text in enumerate(self.right))

    def _read(self, text: str, key: str) -> Expr:
        try:
            value = parse(text, self._symbols_in(text), FUNCTIONS)
        except InputError as error:
            raise InputError(f"{key}: {error}") from None
        return substitute(value, {symbol("pi"): S.Pi})

    def _symbols_in(self, text: str) -> dict[str, Expr]:
        """The names of a text that mean something; ``u_yx`` is ``u_xy``."""
        known = self.symbols | {name: symbol(name) for name in (*self.states, *AXES[: self.dimension], "pi")}
        for word in set(_WORD.findall(text)) - known.keys():
            if state := _derivative_of(word, self.states):
                known[word] = self._derivative(state, word[len(state) + 1 :])
        return known

    def _derivative(self, state: str, letters: str) -> Expr:
        """A derivative of a state: one name where a stencil stands for it, else what is added."""
        terms = sum_of_orders(letters, self.dimension)
        named = in_order(letters, self.dimension)
        alone = len(terms) == 1 or named in {in_order(each.of, self.dimension) for each in self.stencils or ()}
        return sympy.Add(*(symbol(f"{state}_{name}") for name in ([named] if alone else map(letters_of, terms))))

    @property
    def derivatives(self) -> dict[str, tuple[str, str]]:
        """The derivatives that are read, by name (``u_xx``): the state, and the letters; states included, with none. By
        state, then by order."""
        read = {s.name for rate in self.rates for s in rate.free_symbols}
        found = {}
        for name in read:
            state = name if name in self.states else _derivative_of(name, self.states)
            if state:
                found[name] = (state, name[len(state) + 1 :])
        rank = {name: i for i, name in enumerate(self.states)}

        def place(name: str) -> tuple[int, int, str]:
            state, letters = found[name]
            return rank[state], total_order(letters), letters

        return {name: found[name] for name in sorted(found, key=place)}

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The coordinates that coefficients depend on."""
        read = {s.name for rate in self.rates for s in rate.free_symbols}
        return tuple(letter for letter in AXES[: self.dimension] if letter in read)

    @property
    def terms(self) -> dict[str, dict[Expr, Expr]]:
        """Of each state's rate the terms: what is multiplied (1, u*u_x, sin(u), …), and its exact coefficient."""
        unknown = {symbol(name) for name in self.derivatives}
        found: dict[str, dict[Expr, Expr]] = {}
        for state, rate in zip(self.states, self.rates, strict=True):
            own = found[state] = {}
            for term in sympy.Add.make_args(sympy.expand(rate)):
                coefficient, rest = term.as_independent(*unknown, as_Add=False)
                own[rest] = own.get(rest, S.Zero) + coefficient
            found[state] = {rest: c for rest, c in own.items() if not c.is_zero}
        return found

    @property
    def coefficients(self) -> dict[str, Expr]:
        """The coefficient of each term, by what it multiplies; with the state before it where there are several."""
        several = len(self.states) > 1
        return {
            (f"{state}_t: " if several else "") + text_of(rest): c
            for state, terms in self.terms.items()
            for rest, c in terms.items()
        }

    def grids(self) -> tuple[CellGrid, ...]:
        """A table of the terms of each state's rate: the coefficient, and what it multiplies."""
        rows = {state: tuple((c, _label(rest)) for rest, c in terms.items()) for state, terms in self.terms.items()}
        return tuple(CellGrid((1, 1), (own,), Label(f"{state}_t", f"{state}_t")) for state, own in rows.items())

    def _substituted(self, point: dict[Expr, Expr], **changes: Any) -> Self:
        return replace(self, right=tuple(text_of(substitute(rate, point)) for rate in self.rates), **changes)


def _label(rest: Expr) -> Label:
    return Label(text_of(rest), sympy.latex(rest))


def _derivative_of(name: str, states: Sequence[str]) -> str:
    """The state whose derivative has this name; empty for another name."""
    state, mark, letters = name.partition("_")
    return state if mark and state in states and are_letters(letters) else ""


def boundaries(given: object, dimension: int) -> tuple[str, ...]:
    """What lies beyond the ends of each axis. Raises InputError."""
    listed = _texts(given, "boundary")
    for word in listed:
        if word not in BOUNDARIES:
            raise InputError(f"boundary = {shown(word)!r}: write one of {', '.join(BOUNDARIES)}")
    if len(listed) not in (1, dimension):
        raise InputError(f"boundary: {len(listed)} words for {dimension} axes; write one for all, or one each")
    return listed * dimension if len(listed) == 1 else listed


def _texts(given: object, key: str) -> tuple[str, ...]:
    listed = [given] if isinstance(given, str) else as_list(given, f"{key}: a list of texts is expected")
    if not listed or not all(isinstance(text, str) for text in listed):
        raise InputError(f"{key}: a list of texts is expected")
    return tuple(str(text) for text in listed)


def names_in(texts: Sequence[str], states: Sequence[str]) -> list[str]:
    """The names in right-hand sides that are neither states, derivatives and coordinates nor functions, in order."""
    known = {*states, *AXES, "pi", "sqrt", *FUNCTIONS}
    words = dict.fromkeys(word for text in texts for word in _WORD.findall(text))
    return [word for word in words if word not in known and not _derivative_of(word, states)]
