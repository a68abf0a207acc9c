"""Shared partial sums: rows of a dense tableau have much in common, and each term is a pass over memory."""

from __future__ import annotations

from collections.abc import Callable, Collection

from tableau2net.step.combine import Combine
from tableau2net.step.passes.extract import extract
from tableau2net.step.passes.matrix import Rows, rows_of, step_of
from tableau2net.step.passes.prune import prune
from tableau2net.step.passes.rebase import rebase
from tableau2net.step.program import Step

MAX_TERMS = 1500  # of all combinations, where one with roots counts `ROOTS`: of more, it takes many seconds
ROOTS = 4
ORDERS: tuple[tuple[Callable[[Rows], None], ...], ...] = ((rebase, extract, rebase), (extract, rebase, extract))


def terms(step: Step) -> int:
    """How many terms are looked through for sums in common."""
    combinations = [op for op in step.flat() if isinstance(op, Combine)]
    return sum(1 if c.is_Rational else ROOTS for op in combinations for c, _ in op.terms)


def share(step: Step, *, keep: Collection[str] = ()) -> Step:
    """Write combinations with states known before them and with new partial sums, so that fewer tensors are passed.

    Only coefficients that are numbers are touched, nothing inside a solve is, and no coefficient becomes more than
    four times the largest that the combination had: larger ones would amplify rounding. A partial sum may be alive
    for longer than what it replaces. A program of more terms than `MAX_TERMS` is left as it is.
    """
    if terms(step) > MAX_TERMS:
        return step
    known = rows_of(step)
    best = known
    for moves in ORDERS:
        rows = known.copy()
        for move in moves:
            move(rows)
        if rows.total() < best.total() and rows.total()[1] <= known.total()[1]:
            best = rows
    if best is known:
        return step
    return prune(step_of(best, step), step.estimate is not None, keep)
