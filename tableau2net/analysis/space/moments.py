"""The moments of a stencil, and its order: each moment that is not what it should be, as a tree is of a scheme in time.

M_k(w) = Σ_j w_j j^k/k!, over multi-indices in several dimensions (k! = Π k_i!). As
(Du)_i = h^{−|o|} Σ_k M_k(w) h^|k| ∂^k u, a stencil for ∂^o is of order p when M_k(w) = M_{k−o}(a) for all
|k| < |o| + p; a is 1 at the point itself unless the stencil is compact. Of derivatives that are added the right sides
add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import factorial, prod
from typing import Any

from sympy import Expr, Float, S, cancel

from tableau2net.analysis.order.evidence import kind_of
from tableau2net.errors import InputError
from tableau2net.exact.balls import Balls
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.exact.text import digits_in, is_long, text_of
from tableau2net.scheme import Stencil, by_name

Index = tuple[int, ...]
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class MomentResidual:
    """A moment that is not what the order needs. value: found − should.  of: the row at a boundary that misses it."""

    index: Index
    value: Expr
    found: Expr
    should: Expr
    of: str = ""

    @property
    def name(self) -> str:
        """``M_5``; in several dimensions ``M_(2,1)``."""
        return moment_name(self.index)

    def __str__(self) -> str:
        of = f" of {self.of}" if self.of else ""
        if is_long(self.value):
            return f"{self.name}{of} is off by a number of {digits_in(self.value):,} digits"
        return f"{self.name}{of} = {_written(self.found)}, should be {_written(self.should)}"


def _written(value: Expr) -> str:
    """Exactly; decimals to six digits."""
    return f"{float(value):.6g}" if value.atoms(Float) else text_of(value)


def moment_name(index: Index) -> str:
    """``M_5``, ``M_(2,1)``."""
    return f"M_{index[0]}" if len(index) == 1 else f"M_({','.join(map(str, index))})"


def derivative_text(index: Index) -> str:
    """``∂⁵``; on several axes ``∂₀⁴∂₁²``, axis by axis; ``1`` where nothing is differentiated."""
    axes = [str(k).translate(LOWERED) for k in range(len(index))] if len(index) > 1 else [""]
    powers = [(axis, str(n).translate(SUPERSCRIPTS) if n > 1 else "") for axis, n in zip(axes, index, strict=True) if n]
    return "".join(f"∂{axis}{power}" for axis, power in powers) or "1"


@dataclass(frozen=True)
class SpaceOrder:
    """What is known of the order of a stencil, as `Order` says it of a scheme.

    kind: "exact", "all parameters" or "decimal".  complete: False of the identity, which is of every order, and of
    decimals that could be; it is at least `order` then.  failing: the moments of the first degree that is not right."""

    order: int
    kind: str
    complete: bool
    failing: tuple[MomentResidual, ...]


@dataclass(frozen=True)
class _Weights:
    """Weights by offset as elements of a domain."""

    points: Mapping[Index, Element]
    domain: Domain | Balls

    def moment(self, k: Index) -> Element:
        """M_k; 0 where k is negative along an axis."""
        if min(k) < 0:
            return self.domain.zero
        total = self.domain.zero
        for offset, weight in self.points.items():
            if power := prod(j**n for j, n in zip(offset, k, strict=True)):
                total = total + weight * power
        return total * self.domain.rational(1, prod(map(factorial, k)))


def _domain(stencil: Stencil, *more: Expr) -> Domain | Balls:
    if stencil.digits is not None:
        return Balls(stencil.digits)
    return domain_of([*stencil.points.values(), *stencil.left_points.values(), *more])


@by_name(Stencil)
def moments(stencil: Stencil, degree: int) -> dict[Index, Expr]:
    """M_k(w) of a stencil for all |k| up to a degree, by multi-index."""
    domain = _domain(stencil)
    weights = _read(stencil.points, domain)
    found = {k: weights.moment(k) for n in range(degree + 1) for k in indices(n, stencil.dimension)}
    return {k: domain.expression(value) for k, value in found.items()}


def indices(degree: int, dimension: int) -> Iterator[Index]:
    """All multi-indices of a degree, the first axis' highest first."""
    if dimension == 1:
        yield (degree,)
        return
    for first in range(degree, -1, -1):
        for rest in indices(degree - first, dimension - 1):
            yield (first, *rest)


@lru_cache(maxsize=256)
def space_order(stencil: Stencil) -> SpaceOrder:
    """The order of a stencil for its derivative, with the moments that end it; in the inside, where it is bounded.

    Negative where not even that is left alone which has no such derivative: then D grows as h falls. Raises InputError
    for weights in no field that can be computed in, and for a compact stencil whose left weights sum to 0."""
    domain = _domain(stencil)
    return _order(stencil, _read(stencil.points, domain), _read(stencil.left_points, domain))


@lru_cache(maxsize=256)
def boundary_orders(stencil: Stencil) -> tuple[SpaceOrder, ...]:
    """The order of each row at the left end of a bounded stencil, about its own node; () without rows."""
    rows: list[dict[Index, Expr]] = [
        {(j - i,): w for j, w in enumerate(row.weights) if not w.is_zero}
        for i, row in enumerate(stencil.boundary or ())
    ]
    domain = _domain(stencil, *(w for row in rows for w in row.values()))
    one = _Weights({(0,): domain.one}, domain)
    return tuple(_order(stencil, _read(row, domain), one, f"row {i}") for i, row in enumerate(rows))


def boundary_order(stencil: Stencil) -> int | None:
    """The least order of the rows at the boundary; None without them."""
    return min((found.order for found in boundary_orders(stencil)), default=None)


def leading_error(stencil: Stencil) -> dict[Index, Expr]:
    """What Du has too much, to leading order: by k, the factor of h^{|k| − |o|} ∂^k u. {} of the identity."""
    below = _domain(stencil)
    mean = below.expression(_read(stencil.left_points, below).moment((0,) * stencil.dimension))
    return {r.index: cancel(r.value / mean) for r in space_order(stencil).failing}


def operator(stencil: Stencil, terms: int) -> dict[Index, Expr]:
    """What D is, as a series: by k, the factor of h^{|k| − |o|} ∂^k, zeros left out, up to h^terms.

    Of a compact stencil the quotient of both sides' series. Decimals as they stand."""
    domain = domain_of([*stencil.points.values(), *stencil.left_points.values()])
    above, below = _read(stencil.points, domain), _read(stencil.left_points, domain)
    found: dict[Index, Expr] = {}
    for k in (k for n in range(terms + sum(stencil.orders) + 1) for k in indices(n, stencil.dimension)):
        value = domain.expression(above.moment(k))
        if stencil.left is not None:
            earlier = (c * domain.expression(below.moment(_less(k, i))) for i, c in found.items() if i != k)
            value = cancel((value - sum(earlier, S.Zero)) / domain.expression(below.moment((0,))))
        found[k] = value
    return {k: value for k, value in found.items() if not value.is_zero}


def _read(points: Mapping[Index, Expr], domain: Domain | Balls) -> _Weights:
    return _Weights({offset: domain.convert(weight) for offset, weight in points.items()}, domain)


def _order(stencil: Stencil, above: _Weights, below: _Weights, of: str = "") -> SpaceOrder:
    """A condition must fail: ŵ − (iθ)^m â, along a line, is an exponential sum whose zero at 0 is of lower multiplicity
    than it has terms (Pólya, Szegő V.75). Decimals that are nearly 0 may hide that."""
    domain, derivative, terms = above.domain, stencil.orders, stencil.terms
    if not below.moment((0,) * len(derivative)):
        raise InputError(
            f"{stencil.name or 'stencil'}: left: the weights sum to 0, so that constants have no derivative"
        )
    last = len(above.points) + len(below.points) * (sum(derivative) + 1)
    for degree in range(last + 1):
        failing = [
            _residual(k, found, should, domain, of)
            for k in indices(degree, len(derivative))
            for found, should in [(above.moment(k), sum((below.moment(_less(k, o)) for o in terms), domain.zero))]
            if found - should
        ]
        if failing:
            order = degree - sum(derivative)
            return SpaceOrder(order, kind_of(stencil), True, tuple(failing))
    order = last + 1 - sum(derivative)
    return SpaceOrder(order, kind_of(stencil), False, ())


def _less(k: Index, derivative: Index) -> Index:
    return tuple(a - b for a, b in zip(k, derivative, strict=True))


def _residual(k: Index, found: Any, should: Any, domain: Domain | Balls, of: str) -> MomentResidual:
    value = domain.expression(found - should)
    wanted = domain.expression(should) if should else S.Zero
    return MomentResidual(k, value, domain.expression(found) if found else S.Zero, wanted, of)
