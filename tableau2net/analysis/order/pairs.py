"""Whether the difference of a pair says how large the error is."""

from __future__ import annotations

from functools import cache

import numpy as np

from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.exact.text import float_of
from tableau2net.scheme import RungeKutta, Scheme
from tableau2net.step import lower

ROUNDED = 1e-9  # weights that differ by less, relative to the largest, differ as decimals do that were cut off
ALIKE = 1e-12  # weights of linear terms that differ by less, relative to the tableau, do not


@cache
def useless_estimate(scheme: Scheme) -> str | None:
    """Why the embedded method of a scheme is none to control steps by; None where it is one, or there is none.

    It is none where it has no order, so that the difference stays as steps become small; where both have the same
    error in its first term, so that the difference is smaller than either; where the weights are the same but for
    rounding; and where both are the same method for y' = λy, so that the difference is 0 there, whatever the error."""
    if lower(scheme).estimate is None:
        return None
    own, other = order_conditions(scheme), order_conditions(scheme, embedded=True)
    if other.order < 1:
        return (
            f"the embedded method (b_hat) is of order {max(other.order, 0)}, so that no step makes the estimate small"
        )
    if own.order < 1:
        return f"the method is of order {max(own.order, 0)}: no step makes its error small"
    if own.order == other.order and own.failing == other.failing:
        return "the embedded method (b_hat) has the error of the method itself, so that their difference misses it"
    if _alike_but_for_rounding(scheme):
        return "the embedded method (b_hat) is the method itself but for rounding, so that their difference is no error"
    if _alike_where_linear(scheme):
        return "the embedded method (b_hat) is the method itself on y' = λy, so that their difference is 0 there"
    return None


def _alike_but_for_rounding(scheme: Scheme) -> bool:
    if not isinstance(scheme, RungeKutta) or scheme.parameters or scheme.b_hat is None:
        return False
    apart = max(abs(float_of(x - y)) for x, y in zip(scheme.b, scheme.b_hat, strict=True))
    return apart < ROUNDED * max(abs(float_of(x)) for x in scheme.b)


def _alike_where_linear(scheme: Scheme) -> bool:
    """(b − b_hat) A^k 1 = 0 for all k."""
    if not isinstance(scheme, RungeKutta) or scheme.parameters or scheme.b_hat is None:
        return False
    a = np.array([[float_of(x) for x in row] for row in scheme.A])
    difference = np.array([float_of(x) - float_of(y) for x, y in zip(scheme.b, scheme.b_hat, strict=True)])
    power, found = np.ones(len(a)), []
    for _ in range(len(a)):
        found.append(abs(difference @ power) / (np.abs(difference) @ np.abs(power) or 1.0))
        power = a @ power
    return bool(max(found) < ALIKE)
