"""The keys of a family in a scheme file: the fields of its dataclass that are its own, each read by its type.

Exact numbers are annotated as ``Expr``, vectors of them as ``tuple[Expr, ...]``, matrices as tuples of vectors, and
what has an entry for each point of a grid in one to three dimensions as `Grid`. ``int``, ``bool`` and ``str``, and
tuples of them, are kept as they are, for the family to check; ``int | tuple[int, ...]`` is one or a list of them.
``str | tuple[Expr, ...]`` is a word or a vector. `OperatorFunction` in the place of ``Expr`` is a function of z, a sum
of φ-functions. Another table's class is such a table, a tuple of it a list of them.
With ``| None`` a key may be left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, is_dataclass
from decimal import Decimal
from fractions import Fraction
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

from sympy import Expr

from tableau2net.exact.exponentials import FUNCTIONS, Z
from tableau2net.scheme.exact_rows import Functions, exact_grid, exact_matrix, exact_number, exact_vector

Matrix = tuple[tuple[Expr, ...], ...]
Grid: TypeAlias = tuple[Expr, ...] | Matrix | tuple[Matrix, ...]  # of one, two or three dimensions
ANY_DEPTH = -1  # of a grid


class OperatorFunction(Expr):
    """How a function of z = hL is annotated: an ``Expr`` in z, exp and φ; see `exact.exponentials`."""


Number: TypeAlias = Expr | Fraction | Decimal | int | str  # as it may be handed in
Numbers = Iterable[Number]
Kind = Literal["number", "plain", "word", "table"]


@dataclass(frozen=True)
class Key:
    """A key of a family.

    kind: exact numbers, what is kept as it is, words among vectors, or tables of another family.
    depth: how many lists the values stand in, ANY_DEPTH for those of a `Grid`.
    default: MISSING where the key must be there.  table: that family.
    instead: the key that may be given in its place.
    functions: whether the numbers may be functions of z, sums of φ-functions."""

    name: str
    kind: Kind
    depth: int
    default: Any = MISSING
    table: Any = None
    instead: str = ""
    functions: bool = False

    @property
    def required(self) -> bool:
        return self.default is MISSING or bool(self.instead)

    def exact(self, value: object, symbols: Mapping[str, Expr]) -> Any:
        """Numbers as they are handed to the family, read. Raises InputError."""
        grammar = self.grammar(symbols)
        if self.depth == 0:
            return exact_number(value, self.name, *grammar)
        if self.depth == 1:
            return exact_vector(value, self.name, *grammar)
        if self.depth == ANY_DEPTH:
            return exact_grid(value, self.name, symbols)
        return tuple(exact_matrix(value, self.name, *grammar))

    def grammar(self, symbols: Mapping[str, Expr]) -> tuple[Mapping[str, Expr], Functions]:
        """The names and the functions that text may use."""
        return ({**symbols, str(Z): Z}, FUNCTIONS) if self.functions else (symbols, {})

    def named(self, value: Any, first: int) -> dict[str, Expr]:
        """The numbers by name: ``theta``, ``b1``, ``a21``; `first` is the index of a vector's first entry."""
        letter = self.name.lower()
        if self.depth == 0:
            return {letter: value}
        if self.depth == 1:
            return {f"{letter}{i}": x for i, x in enumerate(value, first)}
        if self.depth == ANY_DEPTH:
            return {f"{letter}{'_'.join(map(str, at))}": x for at, x in entries_of(value, first)}
        return named_matrix(letter, value)

    def unnamed(self, shape: Any, entries: Mapping[str, Expr], first: int) -> Any:
        """The numbers that stand under the names of `named`, in that shape."""
        letter = self.name.lower()
        if self.depth == 0:
            return entries[letter]
        if self.depth == 1:
            return tuple(entries[f"{letter}{i}"] for i, _ in enumerate(shape, first))
        if self.depth == ANY_DEPTH:
            return _replaced(shape, iter(self.named(shape, first)), entries)
        return matrix_named(letter, shape, entries)


def entries_of(grid: Any, first: int = 0) -> Iterator[tuple[tuple[int, ...], Expr]]:
    """The entries of a grid, each with its index."""
    for i, entry in enumerate(grid, first):
        if isinstance(entry, tuple):
            yield from (((i, *rest), x) for rest, x in entries_of(entry, first))
        else:
            yield (i,), entry


def _replaced(shape: Any, names: Iterator[str], entries: Mapping[str, Expr]) -> Any:
    return tuple(_replaced(e, names, entries) if isinstance(e, tuple) else entries[next(names)] for e in shape)


def key_of(field: Field[Any], annotation: Any) -> Key:
    """The key of a dataclass field. Raises TypeError where no file could hold it."""
    default = field.default if field.default_factory is MISSING else field.default_factory()
    kind, depth, table = _kind(annotation, field.name)
    if kind == "number" and depth > 2:
        raise TypeError(f"{field.name}: numbers in {depth} lists; a number, a vector or a matrix is read")
    functions = table is OperatorFunction
    instead = field.metadata.get("instead", "")
    return Key(field.name, kind, depth, default, None if functions else table, instead, functions)


def _kind(annotation: Any, name: str) -> tuple[Kind, int, Any]:
    arms = [arm for arm in get_args(annotation) if arm is not NoneType]
    if get_origin(annotation) in (Union, UnionType):
        if len(arms) == 1:
            return _kind(arms[0], name)
        if set(arms) == {str, tuple[Expr, ...]}:
            return "word", 0, None
        if set(arms) == set(get_args(Grid)):
            return "number", ANY_DEPTH, None
        if int in arms and set(arms) <= {int, tuple[int, ...], tuple[tuple[int, ...], ...]}:
            return "plain", 0, None
    elif get_origin(annotation) is tuple and len(arms) == 2 and arms[1] is Ellipsis:
        kind, depth, table = _kind(arms[0], name)
        return kind, depth + 1, table
    elif annotation is Expr:
        return "number", 0, None
    elif annotation is OperatorFunction:
        return "number", 0, OperatorFunction
    elif annotation in (int, bool, str):
        return "plain", 0, None
    elif is_dataclass(annotation):
        return "table", 0, annotation
    raise TypeError(f"{name}: {annotation} is no type of a scheme's key; see tableau2net.scheme.keys")


def named_matrix(letter: str, matrix: Matrix) -> dict[str, Expr]:
    """The entries by name: ``a21``, and ``a10_2`` where one digit an index is not enough."""
    name = _index(letter, matrix)
    return {name.format(i, j): x for i, row in enumerate(matrix, 1) for j, x in enumerate(row, 1)}


def matrix_named(letter: str, shape: Matrix, entries: Mapping[str, Expr]) -> Matrix:
    """The matrix of the given shape whose entries stand under the names of `named_matrix`."""
    name = _index(letter, shape)
    return tuple(tuple(entries[name.format(i, j)] for j, _ in enumerate(row, 1)) for i, row in enumerate(shape, 1))


def _index(letter: str, matrix: Matrix) -> str:
    small = max(map(len, (matrix, *matrix))) < 10
    return letter + ("{}{}" if small else "{}_{}")
