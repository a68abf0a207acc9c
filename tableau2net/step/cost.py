"""What a step costs beside its field: counted from the program, so the same on every machine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sympy import Symbol

from tableau2net.step.liveness import in_place, last_uses
from tableau2net.step.program import Step


@dataclass(frozen=True)
class Cost:
    """The counts for one step; what is inside a solve counts once, for one iteration.

    evaluations: of the field (of all fields together).
    kernels: element-wise operations that combinations are emitted as, an add each; and what other operations count.
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
    states = [name for name, kind in step.kinds.items() if kind == "y"]
    sizes = [op.size(states) for op in step.flat()]
    return Cost(
        evaluations=step.evaluations,
        kernels=sum(kernels for kernels, _ in sizes),
        tensor_passes=sum(passes for _, passes in sizes),
        live=_live(step, learnt, keep),
        saved=len({v for op in step.flat() for v in op.saved(learnt)}),
    )


def _live(step: Step, learnt: Collection[Symbol] | None, keep: Collection[str]) -> int:
    over = in_place(step, learnt, keep=keep)
    last = last_uses(step) | dict.fromkeys((*(i.name for i in step.inputs), *keep), len(step.operations))
    alive = {i.name for i in step.inputs}
    most = len(alive)
    for number, op in enumerate(step.operations):
        during = alive | {name for o in op.members for name in (o.target, *o.operands)}
        most = max(most, len(during) - sum(o.target in over for o in op.members))
        alive = {name for name in during if last[name] > number}
    return most
