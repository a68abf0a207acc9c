"""The order as far as a claim of it needs to be known."""

from __future__ import annotations

from tableau2net.analysis.order.by_assumptions import order_by_simplifying
from tableau2net.analysis.order.conditions import DEFAULT_LIMIT, order_conditions
from tableau2net.analysis.order.evidence import Order
from tableau2net.scheme import Scheme

MAX_CLAIMED = 16  # the order to which trees are tried for a claim: 376,464 of them


def claimed_order(scheme: Scheme, declared: int, *, embedded: bool = False) -> Order:
    """The order, far enough to see that a claimed one is not exceeded. Raises InputError as `order_conditions` does."""
    return order_conditions(scheme, _limit(scheme, declared), embedded=embedded)


def _limit(scheme: Scheme, declared: int) -> int | None:
    """For a file from a stranger, no further than trees go."""
    if declared < DEFAULT_LIMIT:
        return None
    without_trees = scheme.formula() is not None or order_by_simplifying(scheme) is not None
    return declared + 1 if without_trees else min(declared + 1, MAX_CLAIMED)
