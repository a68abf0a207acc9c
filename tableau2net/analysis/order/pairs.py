"""Whether the difference of a pair says how large the error is."""

from __future__ import annotations

from functools import cache

import numpy as np

from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.reading.linear import stability_function
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.scheme import Rosenbrock, RungeKutta, Scheme, TransformedRosenbrock
from tableau2net.step import lower

ROUNDED = 1e-9  # weights that differ by less, relative to the largest, differ as decimals do that were cut off
ALIKE = 1e-12  # weights of linear terms that differ by less, relative to the tableau, do not


@cache
def useless_estimate(scheme: Scheme) -> str | None:
    """Why the embedded method of a scheme is none to control steps by; None where it is one, or there is none.

    It is none where it is a mistake (see `mistaken_pair`), and where it is blind on linear problems."""
    if (why := mistaken_pair(scheme)) is not None:
        return why
    if not blind_on_linear(scheme):
        return None
    exact = ", with the exact Jacobian" if isinstance(scheme, Rosenbrock | TransformedRosenbrock) else ""
    return f"the embedded method is the method itself on y' = λy{exact}, so that their difference is 0 there"


@cache
def mistaken_pair(scheme: Scheme) -> str | None:
    """Why the weights of an embedded method can be meant for no estimate; None where they can, or there are none.

    It has no order, so that the difference stays as steps become small; or both have the same error in its first term,
    so that the difference is smaller than either; or the weights are the same but for rounding."""
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
    return None


@cache
def blind_on_linear(scheme: Scheme) -> bool:
    """Whether a method for one field and its embedded one have the same stability function, to the digits of the table:
    the difference is then 0 on y' = λy, whatever the error. Of a W-method it is that of the exact Jacobian."""
    step = lower(scheme)
    if step.estimate is None or step.parts > 1 or step.history:
        return False
    within = ALIKE if scheme.digits is None else max(ALIKE, 10.0 ** (1 - scheme.digits))
    if isinstance(scheme, RungeKutta):
        return _alike_where_linear(scheme, within)
    try:
        (P, Q), (P_hat, Q_hat) = stability_function(scheme), stability_function(scheme, embedded=True)
    except InputError:  # functions of z that are not rational, several states
        return False
    left, right = P * Q_hat, P_hat * Q
    if (apart := left - right).is_zero or apart.free_symbols_in_domain:
        return bool(apart.is_zero)
    degree = max(left.degree(), right.degree())
    return all(
        abs(float_of(x - y)) <= within * (abs(float_of(x)) + abs(float_of(y)))
        for x, y in ((left.nth(k), right.nth(k)) for k in range(degree + 1))
    )


def _alike_but_for_rounding(scheme: Scheme) -> bool:
    if not isinstance(scheme, RungeKutta) or scheme.parameters or scheme.b_hat is None:
        return False
    apart = max(abs(float_of(x - y)) for x, y in zip(scheme.b, scheme.b_hat, strict=True))
    return apart < ROUNDED * max(abs(float_of(x)) for x in scheme.b)


def _alike_where_linear(scheme: RungeKutta, within: float) -> bool:
    """(b − b_hat) A^k 1 = 0 for all k."""
    if scheme.parameters or scheme.b_hat is None:
        return False
    a = np.array([[float_of(x) for x in row] for row in scheme.A])
    difference = np.array([float_of(x) - float_of(y) for x, y in zip(scheme.b, scheme.b_hat, strict=True)])
    power, found = np.ones(len(a)), []
    for _ in range(len(a)):
        found.append(abs(difference @ power) / (np.abs(difference) @ np.abs(power) or 1.0))
        power = a @ power
    return bool(max(found) < within)
