"""The order of a scheme as a method for optimal control: that of the scheme with its costate."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tableau2net.analysis.budget import ask
from tableau2net.analysis.order.conditions import conditions, order_conditions
from tableau2net.analysis.order.evidence import Order
from tableau2net.analysis.reading.tables import tables
from tableau2net.analysis.reading.trees import forest
from tableau2net.errors import InputError
from tableau2net.scheme import PartitionedRungeKutta, RungeKutta, Scheme, costate

MAX_TREES = 5_000  # with nodes of two colours, of one order: those of order 7 are 4,116


@dataclass(frozen=True)
class Control:
    """What is known of a scheme as a method for optimal control.

    order: with the control eliminated, and what ends it; None where there is no partner table (`why` says why), or no
        time to find it.
    fixed: the order where the controls are given."""

    order: Order | None
    fixed: int
    why: str = ""


def control_order(scheme: Scheme) -> Control | None:
    """The order of a Runge–Kutta scheme by which a control problem is discretised, and then solved: of the pair of
    state and costate, once the control is eliminated by ∂H/∂u = 0 at each stage. None for other families.

    It is at most the scheme's own, which is asked first. A scheme that is its own partner keeps it, as Gauss methods
    do."""
    if not isinstance(scheme, RungeKutta):
        return None
    own = order_conditions(scheme)
    try:
        pair = costate(scheme)
    except InputError as error:
        return Control(None, own.order, str(error).removeprefix("costate: "))
    if own.order < 1 or _same_tables(pair):
        return Control(own, own.order)
    trees = forest(with_time=False, bushy=False, colours=2, reads=((0, 1), (0, 1)))
    limit = next((n for n in range(1, own.order) if trees.count(n + 1) > MAX_TREES), own.order)
    found = ask("order as optimal control", lambda: conditions(pair, limit, False), pair)
    if found and found.order == own.order:
        found = replace(found, complete=own.complete)
    return Control(found, own.order)


def _same_tables(pair: PartitionedRungeKutta) -> bool:
    """Whether a scheme is its own partner; where parameters are open that is not asked."""
    if pair.parameters:
        return False
    numbers, (own, partner) = tables(pair, pair.parts)
    rows = zip(own.A, partner.A, strict=True)
    return all(numbers.is_zero(a - b) for ours, theirs in rows for a, b in zip(ours, theirs, strict=True))
