"""Methods with a table for each field, reduced to the evaluations that matter: equal ones made one, idle ones left out.

A field's value at a stage is one column; two are the same for every f where they are of one field, at one time, at
states that are the same combination of the same columns (Hundsdorfer & Spijker 1981), and one is idle where no result
depends on it (Dahlquist & Jeltsch 1979). Fields need not keep the same stages: where the first reads only the second's
state and the other way round, each has evaluations of its own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from tableau2net.analysis.reading.general_form import class_of, class_sums, coarsest_partition, influential
from tableau2net.analysis.reading.tables import ExactTableau
from tableau2net.exact.domain import Element
from tableau2net.step.forms import Row


@dataclass(frozen=True)
class Evaluations:
    """What is left of a method with a state for each field, its evaluations numbered anew.

    field, time: of each evaluation the field, and when it is made.
    rows: for each evaluation, by the states that its field reads, what they are made of, by evaluation.
    weights: for each state, what the result is made of."""

    field: list[int]
    time: list[Hashable]
    rows: list[dict[int, Row]]
    weights: list[Row]


def irreducible(
    found: Sequence[ExactTableau], reads: Sequence[Sequence[int]], times: Sequence[Sequence[Hashable]]
) -> Evaluations:
    """The evaluations of a partitioned method that matter; reads: for each field the states it reads, from 0; times:
    for each field when its stages are."""
    s = found[0].stages

    def row(state: int, coefficients: Sequence[Element]) -> Row:
        return {state * s + j: x for j, x in enumerate(coefficients) if x}

    field = [q for q in range(len(found)) for _ in range(s)]
    time = [t for own in times for t in own]
    rows = [{state: row(state, found[state].A[i]) for state in reads[q]} for q in range(len(found)) for i in range(s)]
    weights = [row(state, t.b) for state, t in enumerate(found)]
    while True:
        n = len(rows)
        together: list[Row] = [{j: x for own in mine.values() for j, x in own.items()} for mine in rows]
        kept = influential((*together, *weights), tuple(range(n, n + len(weights))))[: -len(weights)]
        index = {old: new for new, old in enumerate(kept)}
        rows = [{q: {index[j]: x for j, x in own.items()} for q, own in rows[i].items()} for i in kept]
        weights = [{index[j]: x for j, x in own.items()} for own in weights]
        field, time = [field[i] for i in kept], [time[i] for i in kept]
        keys: list[Hashable] = list(zip(field, time, strict=True))
        classes = coarsest_partition([tuple(mine.values()) for mine in rows], keys)
        of = class_of(classes)
        rows = [{q: class_sums(own, of) for q, own in rows[c[0]].items()} for c in classes]
        weights = [class_sums(own, of) for own in weights]
        field, time = [field[c[0]] for c in classes], [time[c[0]] for c in classes]
        if len(rows) == n:
            return Evaluations(field, time, rows, weights)
