"""What a step costs beside its field: counted from the program, so the same on every machine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sympy import S, Symbol

from tableau2net.step.liveness import in_place, is_learnt, last_uses
from tableau2net.step.passes.common import members
from tableau2net.step.program import Combine, Evaluate, Step
from tableau2net.step.schedule import reading


@dataclass(frozen=True)
class Cost:
    """The counts for one step; what is inside a solve counts once, for one iteration.

    evaluations: of the field (of all fields together).
    kernels: element-wise operations that combinations are emitted as, an add each.
    tensor_passes: state-sized tensors that those read and write.
    live: the most state-sized tensors alive at once: the inputs, which whoever takes the step holds on to, what is
        accumulated, and what a field takes and gives.
    saved: state-sized tensors that autograd keeps because of the step: the states that fields are evaluated at, and
        what is multiplied by a learnt coefficient.
    """

    evaluations: int
    kernels: int
    tensor_passes: int
    live: int
    saved: int


def cost(step: Step, learnt: Collection[Symbol] | None = None, *, keep: Collection[str] = ()) -> Cost:
    """Count what one step costs.

    learnt: the symbols that are differentiated by; None: every one in the coefficients.
    keep: names that are asked for beside what is handed on."""
    combinations = [op for op in step.flat() if isinstance(op, Combine)]
    sizes = [size(op, step) for op in combinations]
    return Cost(
        evaluations=step.evaluations,
        kernels=sum(kernels for kernels, _ in sizes),
        tensor_passes=sum(passes for _, passes in sizes),
        live=_live(step, learnt, keep),
        saved=len(_saved(step, learnt)),
    )


def size(op: Combine, step: Step) -> tuple[int, int]:
    """The kernels of one combination, and the tensors that they read and write.

    A chain of adds begins with a state whose coefficient is 1, or with a product."""
    starts = any(c == S.One and step.kind(v) == "y" for c, v in op.terms)
    return chain(len(op.terms), starts)


def chain(terms: int, starts: bool) -> tuple[int, int]:
    """`size` of a combination with so many terms; `starts`: one of them is a state with the coefficient 1."""
    if not terms:
        return 1, 1  # zeros are written
    adds = terms - 1
    return (adds, 3 * adds) if starts else (adds + 1, 3 * adds + 2)


def _live(step: Step, learnt: Collection[Symbol] | None, keep: Collection[str]) -> int:
    over = in_place(step, learnt, keep=keep)
    last = last_uses(step) | dict.fromkeys((*(i.name for i in step.inputs), *keep), len(step.operations))
    alive = {i.name for i in step.inputs}
    most = len(alive)
    for number, op in enumerate(step.operations):
        inner = members(op)
        during = alive | {name for o in inner for name in (o.target, *reading(o))}
        most = max(most, len(during) - sum(o.target in over for o in inner))
        alive = {name for name in during if last[name] > number}
    return most


def _saved(step: Step, learnt: Collection[Symbol] | None) -> set[str]:
    saved: set[str] = set()
    for op in step.flat():
        if isinstance(op, Evaluate):
            saved |= set(op.values)
        else:
            saved |= {v for c, v in op.terms if is_learnt(c, learnt)}
    return saved
