"""How accurate a stencil is: its formula, its order with the moments that end it, and that of its boundary rows."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr

from tableau2net.analysis.order.evidence import KINDS
from tableau2net.analysis.report.finding import Finding, Findings, Json
from tableau2net.analysis.report.findings.stencil_rows import is_equal, of_stencil
from tableau2net.analysis.report.pieces import SUPERSCRIPTS, Fact, Piece, decimal, number
from tableau2net.analysis.space.moments import (
    Index,
    MomentResidual,
    SpaceOrder,
    boundary_orders,
    derivative_text,
    leading_error,
    operator,
    space_order,
)
from tableau2net.exact.text import exact_json
from tableau2net.scheme import Stencil
from tableau2net.scheme.typeset.difference import difference_text

SHOWN_RESIDUALS = 3
FEW = 9  # points of a stencil that is written out as a formula


def _order_facts(value: int, found: Findings) -> Iterator[Fact]:
    """The order, and the moments that keep it from being one more."""
    order: SpaceOrder = found.evidence[space_order]
    yield Fact("order", (_order(order),))
    yield from _misses(order)


def _order(order: SpaceOrder) -> str:
    held = f"{order.order}" if order.complete else f"at least {order.order}"
    why = {True: "", False: ": not consistent, the error does not fall with h"}[order.order > 0]
    why = why if order.order >= 0 else ": the error grows as h falls"
    return f"{held}, {KINDS[order.kind].alone}{why}"


def _misses(order: SpaceOrder) -> Iterator[Fact]:
    """M_5 = −1/30, should be 0; with parameters, what has to be 0."""
    pieces: list[Piece] = []
    for residual in order.failing[:SHOWN_RESIDUALS]:
        of = f" of {residual.of}" if residual.of else ""
        pieces += [
            ", " * bool(pieces),
            f"{residual.name}{of} {is_equal(residual.found)}",
            residual.found,
            ", should be ",
            residual.should,
        ]
    if (more := len(order.failing) - SHOWN_RESIDUALS) > 0:
        pieces.append(f", {more} more")
    if pieces:
        needs = any(r.value.free_symbols for r in order.failing)
        yield Fact(f"order {order.order + 1} {'needs' if needs else 'misses by'}", tuple(pieces), detail=True)


def moments_json(residuals: tuple[MomentResidual, ...]) -> list[Json]:
    """Moments that fail as ``[{"moment": [5], "residual": …, "found": …, "should": …}]``, exact; ``of`` which row at a
    boundary."""
    return [
        {"moment": list(r.index)}
        | {name: exact_json(getattr(r, attribute)) for name, attribute in _PARTS.items()}
        | ({"of": r.of} if r.of else {})
        for r in residuals
    ]


_PARTS = {"residual": "value", "found": "found", "should": "should"}


def _series(terms: dict[Index, Expr], orders: Index) -> Iterator[Piece]:
    """−1/30 h⁴ ∂⁵u + …"""
    for i, (k, factor) in enumerate(terms.items()):
        minus = not factor.is_Add and factor.could_extract_minus_sign()
        size = -factor if minus else factor
        yield (" − " if minus else " + ") if i else ("−" if minus else "")
        if number(size).startswith("≈"):
            yield f"{decimal(size)}… "
        else:
            yield from () if size == 1 else ("(", size, ") ") if size.is_Add else (size, " ")
        yield f"{_power(sum(k) - sum(orders))}{derivative_text(k).removeprefix('1')}u"


def _power(n: int) -> str:
    return "" if n == 0 else "h " if n == 1 else f"h{str(n).replace('-', '⁻').translate(SUPERSCRIPTS)} "


def _leading(terms: dict[Index, Expr], found: Findings) -> Iterator[Fact]:
    if terms and isinstance(found.table, Stencil):
        yield Fact("leading error", tuple(_series(terms, found.table.orders)))


def series_json(terms: dict[Index, Expr] | None) -> list[Json] | None:
    """A series in derivatives as ``[{"derivative": [5], "coefficient": …}]``."""
    return None if terms is None else [{"derivative": list(k), "coefficient": exact_json(c)} for k, c in terms.items()]


def operators(terms: int) -> tuple[Finding, ...]:
    """Du = ∂u − 1/30 h⁴ ∂⁵u + …, up to a power of h; nothing for 0."""

    def asked(stencil: Stencil) -> dict[Index, Expr] | None:
        return operator(stencil, terms) if terms else None

    def told(found: dict[Index, Expr] | None, every: Findings) -> Iterator[Fact]:
        if found is not None and isinstance(every.table, Stencil):
            yield Fact("operator", ("Du = ", *_series(found, every.table.orders), " + …"), detail=True)

    return (of_stencil("operator", "operator", asked, tell=told, json=series_json),)


def _boundary_facts(value: int | None, found: Findings) -> Iterator[Fact]:
    rows: tuple[SpaceOrder, ...] = found.evidence[boundary_orders]
    if value is None:
        return
    orders = ", ".join(str(row.order) for row in rows)
    yield Fact("boundary order", (f"{value}, {KINDS[rows[0].kind].alone}; row by row {orders}",))
    yield from (Fact(f"boundary {f.name}", f.value, detail=True) for f in _misses(min(rows, key=lambda r: r.order)))


def _first_at_boundary(stencil: Stencil) -> str:
    least = min(boundary_orders(stencil), key=lambda row: row.order)
    return f"boundary order {least.order + 1} fails at {least.failing[0]}" if least.failing else ""


def _kind(stencil: Stencil, declared: int) -> str:
    return space_order(stencil).kind


def _formula(stencil: Stencil) -> str | None:
    return difference_text(stencil) if len(stencil.points) <= FEW else None


FORMULA = (of_stencil("formula", "formula", _formula, detail=True),)
ACCURACY = (
    of_stencil("order", "order", lambda order: order.order, of=space_order, tell=_order_facts, reach=_kind),
    of_stencil("order_kind", "", lambda order: order.kind, of=space_order),
    of_stencil("order_complete", "", lambda order: order.complete, of=space_order),
    of_stencil("failing", "", lambda order: order.failing, of=space_order, json=moments_json),
    of_stencil("leading_error", "leading error", leading_error, tell=_leading, json=series_json),
    of_stencil(
        "boundary_order",
        "boundary order",
        lambda rows: min((row.order for row in rows), default=None),
        of=boundary_orders,
        tell=_boundary_facts,
        reach=_kind,
        why=_first_at_boundary,
    ),
    of_stencil(
        "boundary_orders",
        "",
        lambda rows: [row.order for row in rows] or None,
        of=boundary_orders,
    ),
)
