"""The order of a scheme, exactly, with the residual of every condition that the next order would need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from math import factorial

from sympy import Expr, Integer, Rational, S, expand, factor

from tableau2net.analysis.budget import ask
from tableau2net.analysis.order.by_assumptions import proved_by_simplifying
from tableau2net.analysis.order.by_spans import proved_by_spans
from tableau2net.analysis.order.evidence import Order, Residual, kind_of
from tableau2net.analysis.order.exponential_order import missed_by_steps
from tableau2net.analysis.reading.linear import stability_function
from tableau2net.analysis.reading.step_reading import BSeriesError, Reading
from tableau2net.analysis.reading.step_reading import reading as shared
from tableau2net.analysis.reading.trees import Forest, forest, forest_of
from tableau2net.analysis.space.moments import space_order
from tableau2net.errors import InputError
from tableau2net.scheme import CoefficientTable, ExponentialMultistep, Scheme, Stencil, as_scheme, by_name
from tableau2net.step import Along, Assignment, Combine, Evaluate, Input, Step, lower
from tableau2net.step.passes import prune

DEFAULT_LIMIT = 12
FEW_TREES = 8  # from this order on, an order that Butcher's simplifying assumptions prove is not searched for by trees
MANY_TREES = 9  # the same of an order that vectors prove, which span what its trees ask
MAX_WORK = 4e9  # bits that are multiplied at all trees of an order: some seconds
MAX_TREES = 40_000  # of coloured ones, of which there are many more: where a search without a limit of its own ends


@by_name(CoefficientTable)
def order(table: CoefficientTable, limit: int | None = None) -> int:
    """The order of a scheme or of a stencil, exact; with parameters, the order that holds for all their values.

    It is searched for until a condition fails, to `limit` at most (default 12; methods whose conditions reduce to
    quadrature, as linear multistep methods do, are searched until one fails). There are three times as many trees
    with each order: 32,973 of order 14, over a million of order 18. Of a stencil no limit is needed.
    Raises InputError when the coefficients lie outside what can be computed exactly.
    """
    return space_order(table).order if isinstance(table, Stencil) else order_conditions(as_scheme(table), limit).order


@by_name(Scheme)
def order_conditions(scheme: Scheme, limit: int | None = None, *, embedded: bool = False) -> Order:
    """The order with the evidence. `embedded`: of the embedded method (ValueError if there is none).

    As a part of a report that has no time for all of it: as far as it was found, not `complete`."""
    name = "embedded order" if embedded else "order"
    asked = (scheme, limit, embedded)  # one way to ask, so that one answer is kept
    return ask(name, lambda: conditions(*asked), *asked) or _as_far_as_it_is_known(name, scheme, embedded)


def _as_far_as_it_is_known(name: str, scheme: Scheme, embedded: bool) -> Order:
    known: Order | None = None
    for limit in range(1, DEFAULT_LIMIT + 1):
        asked = (scheme, limit, embedded)
        found = ask(f"{name} to {limit}", partial(conditions, *asked), *asked, silent=True)
        if found is None:
            break
        known = found
        if found.complete:
            break
    if known is None:
        raise InputError(
            f"the {name} of {scheme.name or 'the scheme'} is more work than it may be; shorten its numbers"
        )
    return known


@cache
def conditions(scheme: Scheme, limit: int | None, embedded: bool) -> Order:
    """`order_conditions`, remembered."""
    if limit is not None and limit < 1:
        raise InputError(f"limit = {limit}: an order is searched for up to 1 at least")
    step = lower(scheme)
    result = step.estimate if embedded else step.result
    if result is None:
        raise ValueError(f"{scheme.name} has no embedded method")
    if isinstance(scheme, ExponentialMultistep):
        return _of_exponential_steps(scheme, limit or 2 * scheme.steps + 2)
    if _is_quadrature(step):
        return search_order(scheme, embedded, limit or 2 * len(step.inputs) + 2 + step.derivative, quadrature=True)
    if (limit is None or limit > FEW_TREES) and 2 * getattr(scheme, "stages", 0) >= FEW_TREES:  # order ≤ 2 stages
        proved = proved_by_simplifying(scheme, embedded=embedded, least=FEW_TREES)
        if proved is not None and proved.order >= FEW_TREES and (limit is None or proved.order < limit):
            return proved
    if (limit is None or limit > MANY_TREES) and 2 * getattr(scheme, "stages", 0) >= MANY_TREES:
        proved = proved_by_spans(scheme, embedded=embedded, least=MANY_TREES)
        if proved is not None and (limit is None or proved.order < limit):
            return proved
    try:
        found = _searched(scheme, embedded, limit)
    except BSeriesError:
        return _linear(scheme)
    if found.order < 1 or nodes_are_row_sums(scheme):
        return found
    # conditions with derivatives in time as well: they lower the order that was found, or fail beside what ends it
    timed = search_order(scheme, embedded, found.order + found.complete, with_time=True)
    return replace(timed, autonomous=found.order) if timed.complete else found


def _searched(scheme: Scheme, embedded: bool, limit: int | None) -> Order:
    """The order by trees. Where a high one ends at a tree that is a root with leaves, a condition of quadrature, no
    other trees of its size are read: it is the one that is told."""
    if lower(scheme).derivative == 2:
        return search_order(scheme, embedded, limit)
    ended = search_order(scheme, embedded, limit, bushy=True)
    if ended.order < FEW_TREES or not ended.complete or scheme.parameters:
        return search_order(scheme, embedded, limit)
    found = search_order(scheme, embedded, ended.order)
    return ended if found.order == ended.order else found


def _of_exponential_steps(scheme: ExponentialMultistep, limit: int) -> Order:
    """The residual of the tree on which m nodes of L carry one of N with q − 1 leaves; the others are multiples."""
    for n in range(limit + 1):
        failing = []
        for q, m, value in missed_by_steps(scheme, n):
            levels = (*range(1, m + 1), *((m + 1, *[m + 2] * (q - 1)) if q else ()))
            colours = (2,) * m + (1,) * q
            failing.append(Residual(levels, _tidy(value * factorial(max(q - 1, 0))), colours))
        if failing:
            return Order(n - 1, kind_of(scheme), True, tuple(failing), n - 1)
    return Order(limit, kind_of(scheme), False, (), limit)


def search_order(
    scheme: Scheme,
    embedded: bool,
    limit: int | None,
    *,
    with_time: bool = False,
    bushy: bool = False,
    quadrature: bool = False,
) -> Order:
    step = lower(scheme)
    kind = kind_of(scheme)
    grown = forest_of(step, with_time=with_time, bushy=bushy or quadrature)
    reading = shared(step, grown, digits=scheme.digits, quadrature=quadrature)
    checked = _estimated(step) if embedded else _handed_on(step)
    delay = 0 if step.velocity else step.derivative - 1  # of order p, without y' y is kept to p + 1 (HNW I, III.10.4)

    def order_before(n: int) -> int:
        return max(-1, n - 1 - delay)

    for name, given in checked:
        constant = reading.empty[name]
        if constant is not None and (wrong := constant - reading.domain.convert((given.nordsieck or (S.One,))[0])):
            return Order(-1, kind, True, (Residual((), _tidy(reading.domain.expression(wrong))),), -1)
    for n in range(1, (limit or DEFAULT_LIMIT) + delay + 1):
        if limit is None and n > 1 and (grown.count(n) > MAX_TREES or reading.work(n) > MAX_WORK):
            return Order(order_before(n), kind, False, (), order_before(n))
        reading.extend(n)
        failing = tuple(sorted(_failing(step, reading, grown, n, checked), key=lambda r: min(r.tree) < 0))
        if failing:
            return Order(order_before(n), kind, True, failing, order_before(n))
    reached = limit or DEFAULT_LIMIT
    return Order(reached, kind, False, (), reached)


def _handed_on(step: Step) -> list[tuple[str, Input]]:
    """The values at the end of a step and what they stand for. Each can be wrong, one that is kept for ever too, or a
    field value that is taken a step too early; only the field at a stage is right by definition."""
    return [(name, given) for name, given in zip(step.outputs, step.inputs, strict=True) if not given.stage]


def _estimated(step: Step) -> list[tuple[str, Input]]:
    """What the embedded method gives, and what it stands for."""
    known = [(step.estimate, step.inputs[0]), (step.velocity_estimate, step.velocity)]
    return [(name, given) for name, given in known if name and given]


def _failing(
    step: Step, reading: Reading, grown: Forest, n: int, checked: list[tuple[str, Input]]
) -> Iterator[Residual]:
    for name, given in checked:
        for tree in grown.of_order(n):
            if reading.asks(given, tree) and not reading.matches(name, tree, given):
                value = _tidy(reading.residual(name, tree, given))
                of = "" if given in step.states else name
                yield Residual(grown.levels(tree), value, grown.colouring(tree), of)


def _linear(scheme: Scheme) -> Order:
    """The order on y' = λy: how far the stability function follows exp."""
    if lower(scheme).history or len(lower(scheme).states) > 1:
        raise InputError(
            f"{scheme.name or scheme.family}: a stage starts from a state that does not begin with y, so that no order "
            "can be told of a scheme that remembers more than y"
        )
    numerator, denominator = (p.all_coeffs()[::-1] for p in stability_function(scheme))
    series: list[Expr] = []
    for n in range(DEFAULT_LIMIT + 1):
        known = sum((q * series[n - j] for j, q in enumerate(denominator[1 : n + 1], 1)), S.Zero)
        series.append(expand((numerator[n] if n < len(numerator) else S.Zero) - known))
        wrong = expand(series[n] - Rational(1, factorial(n)))
        if wrong != 0:
            return Order(n - 1, "linear", True, (Residual(tuple(range(1, n + 1)), wrong),), n - 1)
    return Order(DEFAULT_LIMIT, "linear", False, (), DEFAULT_LIMIT)


def _tidy(residual: Expr) -> Expr:
    """An equation in parameters reads best in factors, a number multiplied out."""
    return factor(residual) if residual.free_symbols else expand(residual)


def _is_quadrature(step: Step) -> bool:
    """Whether the field is only evaluated at states that are exact to the order of the method itself (inputs, or
    the result), at their own time: then every condition of one order is the same number, and the bushy tree stands
    for all."""
    times = {i.name: -i.age for i in step.inputs if i.nordsieck is None} | {step.result: 1}
    alone = len(step.states) == 1 and bool(step.history) and step.velocity is None
    others = [op for op in step.flat() if not isinstance(op, Combine)]
    slopes = {i.name: Integer(-i.age) for i in step.inputs if i.kind == "f" and not i.stage}
    slopes |= {op.target: op.time for op in others if isinstance(op, Evaluate)}

    def on_solution(op: Assignment) -> bool:
        if not isinstance(op, Evaluate | Along) or op.value not in times or op.time != times[op.value]:
            return False
        return isinstance(op, Evaluate) or (op.moved == 1 and slopes.get(op.direction) == op.time)

    return alone and all(map(on_solution, others))


def nodes_are_row_sums(scheme: Scheme) -> bool:
    """Whether each evaluation's time is that of the state it is made at, so that t may be counted into y: into one of
    the states that a field reads, where there are several. Where it is not, there are conditions with derivatives in
    time."""
    step = lower(scheme)
    if not step.plain:
        return False  # what another operation does where time runs with the state is its own
    if step.derivative == 2:
        return _times_are_those_of_states(scheme)
    # said as the search says it, so that one answer is kept of both; where there are several states, without `reads`
    grown = forest(with_time=False, bushy=False, colours=step.colours, reads=None)
    reading = shared(step, grown, digits=scheme.digits)
    reading.extend(1)
    used = {op.target for op in prune(step).flat()}
    evaluations = [op for op in step.calls if op.target in used]
    trees = grown.of_order(1)
    if len(step.states) == 1:
        return not any(reading.value(op.value, tree) - reading.time(op.target) for op in evaluations for tree in trees)

    def runs_with(part: int, state: int) -> bool:
        """Whether t may be counted into a state for one field."""
        own = [op for op in evaluations if op.part == part]
        places = [(op.target, op.values[op.reads.index(state)]) for op in own]
        return not any(reading.value(value, state) - reading.time(target) for target, value in places)

    reads = {op.part: op.reads for op in evaluations}
    return all(any(runs_with(part, state) for state in states) for part, states in reads.items())


def _times_are_those_of_states(scheme: Scheme) -> bool:
    """The same for y'' = f: whether each evaluation's time is that of the y that it is made at."""
    step = prune(lower(scheme))
    reading = shared(step, forest_of(step), digits=scheme.digits)
    reading.extend(1)
    return not any(reading.value(op.values[0], 0) - reading.time(op.target) for op in step.calls)
