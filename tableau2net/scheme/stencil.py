"""Tables in space: the weights of a difference formula on a uniform grid u_i = u(ih).

Explicit (Du)_i = h^−m Σ_j w_j u_{i+j}; compact Σ_l a_l (Du)_{i+l} = h^−m Σ_j w_j u_{i+j} (Lele 1992, eq. 2.1). In
several dimensions offsets are multi-indices, one entry an axis, and h^−m is Π h_k^−m_k. With rows for the ends of an
interval it is D = H⁻¹Q, mirrored at the right end (Strand 1994).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, Unpack

from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.exact.text import shown
from tableau2net.scheme.coefficient_table import About, CoefficientTable
from tableau2net.scheme.exact_rows import MAX_DIMENSION, MAX_STAGES, as_list, whole_number
from tableau2net.scheme.keys import Grid, Numbers, entries_of
from tableau2net.scheme.layout import CellGrid
from tableau2net.scheme.registered import register_family
from tableau2net.scheme.stencil_grid import boundary_grid, inner_grids

MAX_DERIVATIVE = 16
MAX_TERMS = 32
Inner = TypeVar("Inner", bound=CoefficientTable)
Offset = tuple[int, ...]  # along each axis


@dataclass(frozen=True)
class Side(CoefficientTable):
    """The left side of a compact formula: Σ_l a_l (Du)_{i+l}. Raises InputError where it does not hold (Du)_i."""

    family: ClassVar[str] = "left side"

    offsets: tuple[int, ...]
    weights: tuple[Expr, ...]

    if TYPE_CHECKING:

        def __init__(self, offsets: Any, weights: Numbers, **about: Unpack[About]) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "offsets", _offsets(self.offsets, len(self.weights)))
        if dict(zip(self.offsets, self.weights, strict=True)).get(0, S.Zero).is_zero:
            raise InputError("weights: that of the point itself, offset 0, is not 0")


@dataclass(frozen=True)
class BoundaryRow(CoefficientTable):
    """The formula of a node near the left end: weights on the nodes 0, 1, …"""

    family: ClassVar[str] = "boundary row"
    stands_for: ClassVar[str] = "node"

    weights: tuple[Expr, ...]

    if TYPE_CHECKING:

        def __init__(self, weights: Numbers, **about: Unpack[About]) -> None: ...


@register_family
@dataclass(frozen=True)
class Stencil(CoefficientTable):
    """The weights of a derivative on a uniform grid.

    derivative: its order along each axis, (1, 0) say; a number for one axis; 0 for the value itself (a filter); several
    of one total order, ((2, 0), (0, 2)) say, for their sum on a grid of equal steps, one as often as it counts.
    weights: exact numbers; in two and three dimensions rows of them, and planes of rows, axis 0 outermost.
    offsets: where the weights stand, on one axis.  centre: the index of the point itself, on several.
    left: the left side of a compact formula, on one axis.
    boundary: rows of the nodes 0, 1, … at the left end; those of the right end are mirrored, with sign (−1)^derivative.
    norm: the first diagonal entries of H/h, which begin and end with these (mirrored) and are 1 between.
    Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "stencil"

    derivative: int | tuple[int, ...] | tuple[tuple[int, ...], ...]
    weights: Grid
    offsets: tuple[int, ...] | None = None
    centre: tuple[int, ...] | None = None
    left: Side | None = None
    norm: tuple[Expr, ...] | None = None
    boundary: tuple[BoundaryRow, ...] | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            derivative: Any,
            weights: Any,
            offsets: Any = None,
            centre: Any = None,
            left: Side | Mapping[str, Any] | None = None,
            norm: Numbers | None = None,
            boundary: Any = None,
            **about: Unpack[About],
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "derivative", _derivative(self.derivative))
        depth = _depth(self.weights)
        if depth != self.dimension:
            raise InputError(
                f"weights: numbers in {depth} lists, but derivative = {list(self.orders)} is of {self.dimension} axes"
            )
        if depth == 1:
            self._check_one_axis()
        else:
            self._check_axes()
        if all(weight.is_zero for weight in dict(entries_of(self.weights)).values()):
            raise InputError("weights: all of them are 0")

    def _check_one_axis(self) -> None:
        if self.centre is not None:
            raise InputError("centre: on one axis write offsets = [-1, 0, 1], one for each weight, instead")
        object.__setattr__(self, "offsets", _offsets(self.offsets, len(self.weights)))
        if self.left is not None:
            object.__setattr__(self, "left", self._inner(self.left, Side, "left"))
        if self.boundary is not None:
            rows = as_list(self.boundary, "boundary: a list is expected")
            held = tuple(self._inner(row, BoundaryRow, f"boundary[{i}]") for i, row in enumerate(rows))
            object.__setattr__(self, "boundary", held)
        if self.left is not None:
            object.__setattr__(self, "left", replace(self.left, parameters=self.parameters))
        ends = tuple(replace(row, parameters=self.parameters) for row in self.boundary or ())
        object.__setattr__(self, "boundary", ends or None)
        if self.left is not None and (self.norm or self.boundary):
            raise InputError("left: a compact formula has no boundary rows here; drop left or boundary and norm")
        if self.norm and not self.boundary:
            raise InputError("norm: it belongs to boundary rows; write [[boundary]] weights = …")

    def _inner(self, given: Any, kind: type[Inner], key: str) -> Inner:
        """A table within this one, or the keys of one, as a file has them."""
        wanted = [own.name for own in kind.file_keys()]
        if isinstance(given, Mapping) and set(given) == set(wanted):
            try:
                return kind(**given, parameters=self.parameters)
            except InputError as error:
                raise InputError(f"{key}: {error}") from None
        if not isinstance(given, kind):
            raise InputError(f"{key}: write a table of {' and '.join(wanted)}, as a file has it")
        return given

    def _check_axes(self) -> None:
        for key in ("offsets", "left", "norm", "boundary"):
            if getattr(self, key):
                raise InputError(f"{key}: it is for one axis; on {self.dimension} axes write centre")
            object.__setattr__(self, key, None)
        shape = _shape(self.weights)
        expected = f"centre: the index of the point itself in weights, {len(shape)} whole numbers below {list(shape)}"
        centre = tuple(whole_number(i, "centre") for i in as_list(self.centre, expected))
        if len(centre) != len(shape) or not all(0 <= i < n for i, n in zip(centre, shape, strict=True)):
            raise InputError(expected)
        object.__setattr__(self, "centre", centre)

    @property
    def terms(self) -> tuple[tuple[int, ...], ...]:
        """The derivatives that are added, each by its order along each axis: one, but for a Laplacian and its like."""
        return _terms(self.derivative)

    @property
    def orders(self) -> tuple[int, ...]:
        """The order of the derivative along each axis; of the first that is added, where they are several."""
        return self.terms[0]

    @property
    def dimension(self) -> int:
        """The number of axes."""
        return len(self.orders)

    @property
    def points(self) -> dict[Offset, Expr]:
        """The weights that are not 0, by offset along each axis."""
        held = {self._offset(at): w for at, w in entries_of(self.weights)}
        return {offset: w for offset, w in sorted(held.items()) if not w.is_zero}

    def _offset(self, at: tuple[int, ...]) -> Offset:
        """Where the entry of the weights with this index stands."""
        if self.offsets is not None:
            return (self.offsets[at[0]],)
        assert self.centre is not None
        return tuple(i - c for i, c in zip(at, self.centre, strict=True))

    @property
    def left_points(self) -> dict[Offset, Expr]:
        """The same for the left side: 1 at the point itself where the formula is explicit."""
        if self.left is None:
            return {(0,) * self.dimension: S.One}
        held = zip(self.left.offsets, self.left.weights, strict=True)
        return {(j,): a for j, a in sorted(held) if not a.is_zero}

    def grids(self) -> tuple[CellGrid, ...]:
        ends = (boundary_grid([row.weights for row in self.boundary], self.norm or ()),) if self.boundary else ()
        return (*inner_grids(self), *ends)


def _derivative(given: Any) -> tuple[int, ...] | tuple[tuple[int, ...], ...]:
    terms = tuple(map(_orders, _terms(given)))
    if len({(len(term), sum(term)) for term in terms}) > 1:
        raise InputError("derivative: those that are added are of one total order, [[2, 0], [0, 2]] say")
    if not 1 <= len(terms) <= MAX_TERMS:
        raise InputError(f"derivative: {len(terms)} are added, 1 to {MAX_TERMS} are read")
    return terms if len(terms) > 1 else terms[0]


def _terms(given: Any) -> tuple[Any, ...]:
    expected = "derivative: a whole number, or one for each axis, [1, 0] say"
    listed = (given,) if not hasattr(given, "__len__") else tuple(as_list(given, expected))
    return listed if any(hasattr(entry, "__len__") for entry in listed) else (listed,)


def _orders(given: Any) -> tuple[int, ...]:
    listed = as_list(given, "derivative: of those that are added each is a list, [[2, 0], [0, 2]] say")
    found = tuple(whole_number(m, "derivative") for m in listed)
    if not 1 <= len(found) <= MAX_DIMENSION:
        raise InputError(f"derivative: {len(found)} axes, 1 to {MAX_DIMENSION} are read")
    if not all(0 <= m <= MAX_DERIVATIVE for m in found):
        raise InputError(f"derivative = {shown(list(found))}: orders from 0 to {MAX_DERIVATIVE} are read")
    return found


def _offsets(given: Any, entries: int) -> tuple[int, ...]:
    listed = as_list(given, "offsets: a list of whole numbers is expected, one for each weight, [-1, 0, 1] say")
    offsets = tuple(whole_number(j, "offsets") for j in listed)
    if len(offsets) != entries:
        raise InputError(f"offsets has {len(offsets)} entries but weights has {entries}: one for each weight")
    if len(set(offsets)) != len(offsets):
        raise InputError("offsets: one stands there twice")
    if offsets and max(map(abs, offsets)) > MAX_STAGES:
        raise InputError(f"offsets: from -{MAX_STAGES} to {MAX_STAGES} are read")
    return offsets


def _depth(grid: Any) -> int:
    return 1 + _depth(grid[0]) if isinstance(grid, tuple) and grid else 0


def _shape(grid: Any) -> tuple[int, ...]:
    return (len(grid), *_shape(grid[0])) if isinstance(grid, tuple) else ()
