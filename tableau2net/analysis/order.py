"""The order of a scheme, exactly, with the residual of every condition that the next order would need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sympy import Expr, expand, factor

from tableau2net.analysis.bseries import Reading
from tableau2net.analysis.trees import bracket, forest
from tableau2net.errors import InputError
from tableau2net.scheme import Scheme
from tableau2net.step import Evaluate, Step, lower

DEFAULT_LIMIT = 12


@dataclass(frozen=True)
class Residual:
    """An order condition that fails: a(t) − 1/γ(t) at the tree with this level sequence.

    The empty tree stands for the constant term: what the step leaves of y when f = 0, minus 1."""

    tree: tuple[int, ...]
    value: Expr

    def __str__(self) -> str:
        return f"{bracket(self.tree)}: {self.value}"


@dataclass(frozen=True)
class Order:
    """What is known of the order.

    order: the largest p with every condition up to p fulfilled; −1 when not even a constant solution is kept.
    kind: "exact", or "all parameters" when it holds identically in the scheme's parameters.
    complete: False when the search ended at its limit with nothing failing: the order is at least `order`.
    failing: the conditions of order `order` + 1 that do not hold.
    autonomous: the order where the field does not depend on time, which is higher if the nodes c are wrong.
    """

    order: int
    kind: str
    complete: bool
    failing: tuple[Residual, ...]
    autonomous: int


def order(scheme: Scheme, limit: int | None = None) -> int:
    """The order of a scheme, exact; with parameters, the order that holds for all their values.

    It is searched for until a condition fails, to `limit` at most (default 12; methods whose conditions reduce to
    quadrature, as linear multistep methods do, are searched until one fails). There are three times as many trees
    with each order: 32,973 of order 14, over a million of order 18.
    Raises InputError when the coefficients lie outside what can be computed exactly.
    """
    return order_conditions(scheme, limit).order


def order_conditions(scheme: Scheme, limit: int | None = None, *, embedded: bool = False) -> Order:
    """The order with the evidence. `embedded`: of the embedded method (ValueError if there is none)."""
    return conditions(scheme, limit, embedded)  # one way to ask, so that one answer is kept


@cache
def conditions(scheme: Scheme, limit: int | None, embedded: bool) -> Order:
    """`order_conditions`, remembered."""
    if limit is not None and limit < 1:
        raise InputError(f"limit = {limit}: an order is searched for up to 1 at least")
    step = lower(scheme)
    result = step.estimate if embedded else step.result
    if result is None:
        raise ValueError(f"{scheme.name} has no embedded method")
    if _is_quadrature(step):
        return _search(step, result, limit or 2 * len(step.inputs) + 2, bushy=True)
    limit = limit or DEFAULT_LIMIT
    found = _search(step, result, limit)
    if found.order < 1 or _nodes_are_row_sums(step):
        return found
    # the nodes are not the row sums: conditions with derivatives in time can only lower what was found
    timed = _search(step, result, found.order + (not found.complete), with_time=True)
    if timed.complete and timed.order <= found.order:
        return Order(timed.order, timed.kind, True, timed.failing, found.order)
    return found


def _search(step: Step, result: str, limit: int, *, with_time: bool = False, bushy: bool = False) -> Order:
    kind = "all parameters" if step.parameters else "exact"
    grown = forest(with_time=with_time, bushy=bushy)
    reading = Reading(step, grown)

    constant = reading.empty[result] - reading.domain.one
    if constant:
        return Order(-1, kind, True, (Residual((), _tidy(reading.domain.expression(constant))),), -1)
    for n in range(1, limit + 1):
        reading.extend(n)
        wrong = [t for t in grown.of_order(n) if not reading.matches(result, t)]
        if wrong:
            failing = tuple(Residual(grown.levels(t), _tidy(reading.residual(result, t))) for t in wrong)
            return Order(n - 1, kind, True, failing, n - 1)
    return Order(limit, kind, False, (), limit)


def _tidy(residual: Expr) -> Expr:
    """An equation in parameters reads best in factors, a number multiplied out."""
    return factor(residual) if residual.free_symbols else expand(residual)


def _is_quadrature(step: Step) -> bool:
    """Whether the field is only evaluated at states that are exact to the order of the method itself (inputs, or
    the result): then every condition of one order is the same number, and the bushy tree stands for all."""
    exact = {*(i.name for i in step.inputs), step.result}
    return bool(step.history) and all(op.value in exact for op in step.flat() if isinstance(op, Evaluate))


def _nodes_are_row_sums(step: Step) -> bool:
    """Whether each evaluation's time is that of the state it is made at, so that t may be counted into y."""
    reading = Reading(step, forest())
    reading.extend(1)
    return all(not (reading.series[value][0] - time) for _, value, time in reading.evaluations)
