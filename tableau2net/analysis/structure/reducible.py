"""Runge–Kutta methods with stages that could be left out: Dahlquist–Jeltsch and Hundsdorfer–Spijker reducibility."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from tableau2net.analysis.reading.general_form import class_of, class_sums, coarsest_partition, influential
from tableau2net.exact.domain import domain_of
from tableau2net.scheme import RungeKutta, Scheme, by_name
from tableau2net.step.forms import Row


@dataclass(frozen=True)
class Reducible:
    """Stages of a method that it could do without, numbered from 1.

    unused: they do not influence the result (Dahlquist & Jeltsch 1979; HW II, IV.12, Definition 12.15), those found
    once equal stages were made one included.
    equal: classes of stages whose values agree for every f (Hundsdorfer & Spijker 1981; HW II, IV.12, Def. 12.17).
    stages: how many the irreducible method has; 0 where the result takes no account of f.
    """

    unused: tuple[int, ...]
    equal: tuple[tuple[int, ...], ...]
    stages: int


def reducible(scheme: Scheme) -> Reducible | None:
    """What can be left out of a Runge–Kutta method at its declared parameter values; None if nothing can, and for
    other families. An embedded estimate counts as a result."""
    if not isinstance(scheme, RungeKutta):
        return None
    groups = _groups(scheme)
    if len(groups) == scheme.stages:
        return None
    used = {i for members in groups for i in members}
    return Reducible(
        unused=tuple(i + 1 for i in range(scheme.stages) if i not in used),
        equal=tuple(tuple(i + 1 for i in members) for members in groups if len(members) > 1),
        stages=len(groups),
    )


@by_name(RungeKutta)
@cache
def reduced(scheme: RungeKutta) -> RungeKutta:
    """The irreducible method that gives the same results for every f, at the declared parameter values.

    A method that takes no account of f at all (b = 0) keeps one stage of weight 0."""
    point = scheme.at_defaults() if scheme.parameters else scheme
    groups = _groups(scheme)
    if len(groups) == scheme.stages:
        return point
    point = point.bare()
    if not groups:
        return replace(point, A=((0,),), b=(0,), c=(0,), b_hat=None if point.b_hat is None else (0,), claims={})

    def merged(row: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(sum(row[i] for i in members) for members in groups)  # type: ignore[misc]

    first = [members[0] for members in groups]
    return replace(
        point,
        A=tuple(merged(point.A[i]) for i in first),
        b=merged(point.b),
        c=tuple(point.c[i] for i in first),
        b_hat=None if point.b_hat is None else merged(point.b_hat),
        claims={},
    )


def main(scheme: RungeKutta) -> RungeKutta:
    """The irreducible method without its embedded estimate."""
    return reduced(replace(scheme, b_hat=None) if scheme.b_hat is not None else scheme)


@cache
def _groups(scheme: RungeKutta) -> list[list[int]]:
    """The stages that matter, in classes of equal ones, by their numbers in the scheme; in order."""
    point = scheme.at_defaults() if scheme.parameters else scheme
    results = [point.b] + ([point.b_hat] if point.b_hat is not None else [])
    domain = domain_of([x for row in (*point.A, *results, point.c) for x in row])
    rows: list[Row] = [{j: x for j, c in enumerate(row) if (x := domain.convert(c))} for row in (*point.A, *results)]
    keys: list[object] = [domain.convert(c) for c in point.c] + [None] * len(results)  # equal at equal times
    members = [[i] for i in range(len(rows))]
    while True:
        n = len(rows)
        last = tuple(range(n - len(results), n))
        kept = influential(tuple(rows), last)
        index = {old: new for new, old in enumerate(kept)}
        rows = [{index[j]: x for j, x in rows[i].items()} for i in kept]
        keys, members = [keys[i] for i in kept], [members[i] for i in kept]
        # each result is a row of its own, even where two are equal
        marks = [*keys[: len(kept) - len(results)], *((None, i) for i in range(len(results)))]
        classes = coarsest_partition([(row,) for row in rows], marks)
        of = class_of(classes)
        rows = [class_sums(rows[found[0]], of) for found in classes]
        keys = [keys[found[0]] for found in classes]
        members = [sorted(i for j in found for i in members[j]) for found in classes]
        if len(rows) == n:
            return members[: n - len(results)]
