"""Symmetric (time-reversible) methods: those that are their own adjoint."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from tableau2net.analysis.reading.general_form import class_of, class_sums, coarsest_partition
from tableau2net.analysis.reading.tables import ExactTableau, SignedDomain, tables
from tableau2net.analysis.structure.second_order_structure import symmetric_nystrom
from tableau2net.exact.domain import Element
from tableau2net.scheme import (
    AdditiveRungeKutta,
    ContinuousRungeKutta,
    PartitionedRungeKutta,
    RungeKutta,
    RungeKuttaNystrom,
    Scheme,
)
from tableau2net.scheme.layout import Recurrence
from tableau2net.step.forms import Row


def symmetric(scheme: Scheme) -> bool | None:
    """Whether a method is its own adjoint, at the declared parameter values: a step of −h takes it back.

    Runge–Kutta, additive and partitioned: the adjoint table (HLW, II.3 and V.2) and the table give the same result for
    every f, whatever the order and number of their stages. Multistep: α_j = −α_{k−j} and β_j = β_{k−j}, and with the
    plus sign in α for y'' = f (HLW, XV.1.2 and XV.4; HNW I, III.10). None for other families."""
    point = scheme.at_defaults() if scheme.parameters else scheme
    if formula := point.formula():
        return _multistep(formula, point.digits)
    if isinstance(point, ContinuousRungeKutta):
        point = point.table
    if isinstance(point, RungeKutta):
        numbers, found = tables(point, [point])
    elif isinstance(point, AdditiveRungeKutta | PartitionedRungeKutta):
        numbers, found = tables(point, point.parts)
    else:
        return symmetric_nystrom(point) if isinstance(point, RungeKuttaNystrom) else None
    if point.digits is not None and _mirrored(numbers, found):
        return True
    reads = point.reads if isinstance(point, PartitionedRungeKutta) else None
    counted = None if reads is None else [[state - 1 for state in own] for own in reads]
    return _same_results(found, [_adjoint(t) for t in found], counted)


def _multistep(method: Recurrence, digits: int | None) -> bool:
    numbers = SignedDomain([x for row in (method.alpha, *method.betas) for x in row], digits)
    alpha, sign = numbers.row(method.alpha), -1 if method.derivative == 2 else 1
    pairs = [a + sign * mirrored for a, mirrored in zip(alpha, reversed(alpha), strict=True)]
    for beta in map(numbers.row, method.betas):
        pairs += [b - mirrored for b, mirrored in zip(beta, reversed(beta), strict=True)]
    return all(map(numbers.is_zero, pairs))


def _adjoint(table: ExactTableau) -> ExactTableau:
    """a*_ij = b_j − a_ij and b* = b with the stages as they are numbered, c* = 1 − c (HLW, II.3.3, without turning the
    order of the stages round)."""
    A = [[b - a for a, b in zip(row, table.b, strict=True)] for row in table.A]
    return ExactTableau(A, table.b, [1 - c for c in table.c])


def _same_results(first: list[ExactTableau], second: list[ExactTableau], reads: Sequence[Sequence[int]] | None) -> bool:
    """Whether two methods, each a table a field, give the same results for every f.

    Their evaluations are put into classes of equal values, both methods together; the results agree exactly if their
    weights agree class by class (see `general_form.coarsest_partition`). reads: for each field the states it reads,
    where each has a state of its own; None where all act on one state."""
    parts, s = range(len(first)), first[0].stages
    states = [[q] for q in parts] if reads is not None else [list(parts)]

    def row(method: int, state: list[int], coefficients: Sequence[Sequence[Element]]) -> Row:
        """A state's coefficients by evaluation: field q at stage j of a method is column (method, q, j)."""
        start = method * len(parts) * s
        return {
            start + q * s + j: x for q, own in zip(state, coefficients, strict=True) for j, x in enumerate(own) if x
        }

    rows: list[tuple[Row, ...]] = []
    keys: list[Hashable] = []
    for method, found in enumerate((first, second)):
        for part in parts:
            read = [states[q] for q in reads[part]] if reads is not None else states
            for i in range(s):
                rows.append(tuple(row(method, state, [found[q].A[i] for q in state]) for state in read))
                keys.append((part, found[part].c[i]))
    of = class_of(coarsest_partition(rows, keys))
    results = [
        [class_sums(row(m, state, [t[q].b for q in state]), of) for state in states]
        for m, t in enumerate((first, second))
    ]
    return results[0] == results[1]


def _mirrored(numbers: SignedDomain, found: list[ExactTableau]) -> bool:
    """a_{s+1−i,s+1−j} + a_ij = b_j and b_{s+1−j} = b_j (HLW, V.2.1): the stages in their printed order, where decimals
    were printed and equality is only near."""
    s = range(found[0].stages)
    return all(
        numbers.is_zero(t.A[-1 - i][-1 - j] + t.A[i][j] - t.b[j]) and numbers.is_zero(t.b[-1 - j] - t.b[j])
        for t in found
        for i in s
        for j in s
    )
