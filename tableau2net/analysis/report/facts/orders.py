"""What a report says of order and error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tableau2net.analysis.order.assumptions import Simplifying
from tableau2net.analysis.order.error_constants import Norm
from tableau2net.analysis.order.evidence import KINDS, Order
from tableau2net.analysis.order.pairs import useless_estimate
from tableau2net.analysis.reading.trees import bracket
from tableau2net.analysis.report.facts.pieces import Fact, Piece, decimal

if TYPE_CHECKING:
    from tableau2net.analysis.report.findings import Report

SHOWN_RESIDUALS = 4


def orders(report: Report) -> Iterator[Fact]:
    """The order, why it is not one more, and its kin."""
    yield Fact("order", (_order(report.order),))
    if report.order.failing:
        yield _next_order(report.order)
    own = report.independent_order
    if own is not None and own != report.order.order:
        yield Fact("order, own weights", (str(own),))
    if report.embedded:
        yield Fact("embedded order", (_order(report.embedded),))
        if (why := useless_estimate(report.scheme)) is not None:
            yield Fact("error estimate", (f"none: {why}",))
    if report.stage_order is not None:
        yield Fact("stage order", (str(report.stage_order),))
    if report.simplifying is not None:
        yield Fact("simplifying", (_simplifying(report.simplifying),))
    if report.effective_step is not None and report.effective_step != 1:
        yield Fact("effective step", (report.effective_step, " h"))


def _order(order: Order) -> str:
    if order.order < 0:
        return "none: a constant solution is not kept"
    found = str(order.order) if order.complete else f"at least {order.order}"
    found += f", {KINDS[order.kind].alone}"
    if order.autonomous > order.order:
        found += f" ({order.autonomous} without time: the nodes c are not the row sums)"
    return found


def _next_order(order: Order) -> Fact:
    """Why it is not one more: equations in the parameters, or the numbers that should be 0, each with its tree."""
    equations = any(r.value.free_symbols for r in order.failing)
    pieces: list[Piece] = []
    for residual in order.failing[:SHOWN_RESIDUALS]:
        pieces += [", " if pieces else "", residual.value, " = 0" if equations else ""]
        pieces.append(f" at {bracket(residual.tree, residual.colours)}{f' of {residual.of}' if residual.of else ''}")
    more = len(order.failing) - SHOWN_RESIDUALS
    if more > 0:
        pieces.append(f", {more} more")
    return Fact(f"order {order.order + 1} {'needs' if equations else 'misses by'}", tuple(pieces), detail=True)


def _simplifying(found: Simplifying) -> str:
    return f"B({found.B}), C({found.C}), D({found.D})"


def error_facts(report: Report) -> Iterator[Fact]:
    """Error norms, the metrics of a pair, and the error constant of a multistep method."""
    found = report.errors
    for name, norm in (
        ("principal error norm", found.principal),
        ("next error norm", found.second),
        ("embedded error norm", found.embedded),
    ):
        if norm is not None:
            yield Fact(name, (norm.euclidean,))
    sizes: list[tuple[str, Any]] = [(n, getattr(found, n)) for n in "BCDE"]
    metrics = [(n, x.euclidean if isinstance(x, Norm) else x) for n, x in sizes if x is not None]
    if metrics and not any(x.free_symbols for _, x in metrics):
        yield Fact("pair metrics", (", ".join(f"{n} ≈ {decimal(x)}" for n, x in metrics),))
    if found.error_constant is not None:
        yield Fact("error constant", (found.error_constant,))
