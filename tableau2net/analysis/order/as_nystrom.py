"""The order of a splitting on y'' = f(t, y), where it can be higher than on all separable systems."""

from __future__ import annotations

from tableau2net.analysis.budget import remembered
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.errors import InputError
from tableau2net.scheme import CoefficientTable, PartitionedRungeKutta, Scheme, nystrom_of


@remembered
def nystrom_order(scheme: Scheme) -> int | None:
    """The order of a partitioned method of two states that read each other, where one of them is y and the other y' in
    y'' = f(t, y): by Nyström's trees, which are fewer. Of the two ways round that of the higher order; at the declared
    parameter values. None for other schemes."""
    if not isinstance(scheme, PartitionedRungeKutta) or scheme.reads != ((2,), (1,)):
        return None
    orders = [order for position in (1, 2) if (order := _order(scheme.at_defaults(), position)) is not None]
    return max(orders, default=None)


def nystrom_state(scheme: CoefficientTable) -> str:
    """Which of the two states is y where the order is `nystrom_order`; the second where it is the same either way."""
    assert isinstance(scheme, PartitionedRungeKutta)
    return "second" if _order(scheme.at_defaults(), 2) == nystrom_order(scheme) else "first"


def _order(scheme: PartitionedRungeKutta, position: int) -> int | None:
    try:
        return order_conditions(nystrom_of(scheme, position=position)).order
    except InputError:  # f is not taken where y is
        return None
