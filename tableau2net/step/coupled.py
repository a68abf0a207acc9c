"""The coupled form of a one-step method, which can be undone without solving anything (McCallum & Foster,
arXiv 2410.11648): two states that lead each other, one by the method, one by the method backwards."""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.step.combine import Combine, collected
from tableau2net.step.evaluate import Evaluate
from tableau2net.step.inverse import ITSELF
from tableau2net.step.operation import Assignment, Operation, Terms
from tableau2net.step.passes import prune
from tableau2net.step.passes.common import fresh
from tableau2net.step.program import Step

COUPLING = S(999) / 1000  # λ as its authors use it: errors on the way back grow by e in a thousand steps


def coupled(step: Step, strength: Expr = COUPLING) -> Step:
    """``y⁺ = λ y + (1 − λ) z + Ψ_h(z)``, ``z⁺ = z − Ψ_{−h}(y⁺)``, for the step ``y + Ψ_h(y)`` and λ = strength.

    z stands for the same solution as y and begins where it does. Each of the system's states has its own. The order is
    that of the method, the cost twice its evaluations, and z and y are found again from z⁺ and y⁺ by the same
    evaluations. Raises InputError for a step that is not explicit, remembers something, is not for y' = f, or does not
    begin its sum with y, and for λ outside 0 < λ ≤ 1.
    """
    step = _with_new_states(prune(step))
    _check(step, strength)
    forth = _Copy(step, "", S.One)
    back = _Copy(step, "_back", S.NegativeOne)
    operations: list[Operation] = []
    states = [i.name for i in step.states]
    copies = [f"z{name[1:]}" for name in states]
    operations += forth.stages(dict(zip(states, copies, strict=True)))
    for state, copy, new in zip(states, copies, step.results, strict=True):
        mixed = ((strength, state), (1 - strength, copy))
        operations.append(Combine(new, mixed + forth.increment(new)))
    operations += back.stages(dict(zip(states, step.results, strict=True)))
    for copy, new in zip(copies, step.results, strict=True):
        minus = tuple((-c, v) for c, v in back.increment(new))
        operations.append(Combine(f"{copy}_new", ((S.One, copy), *minus)))
    inputs = [replace(i, name=copy, nordsieck=ITSELF) for i, copy in zip(step.states, copies, strict=True)]
    return replace(
        step,
        inputs=(*step.states, *inputs),
        operations=tuple(operations),
        outputs=(*step.results, *(f"{copy}_new" for copy in copies)),
        estimate=None,
    )


def _with_new_states(step: Step) -> Step:
    """The step with a value of its own for a state that is handed on as it was."""
    taken = {i.name for i in step.inputs}
    new = {name: fresh(f"{name}_new", taken) for name in step.results if name in taken}
    copies = (Combine(name, ((S.One, old),)) for old, name in new.items())
    outputs = tuple(new.get(name, name) for name in step.outputs)
    return replace(step, operations=(*step.operations, *copies), outputs=outputs)


def _check(step: Step, strength: Expr) -> None:
    if not (strength.is_number and strength.is_real and 0 < strength <= 1):
        raise InputError(f"coupling={strength}: write a number above 0 and at most 1, such as '999/1000'")
    if (
        not (step.plain and step.explicit)
        or step.history
        or step.derivative != 1
        or any(i.nordsieck for i in step.inputs)
    ):
        raise InputError("coupling: only explicit one-step methods for y' = f have the coupled form")


class _Copy:
    """The operations of a step under other names, at another state, with another sign of h."""

    def __init__(self, step: Step, mark: str, sign: Expr) -> None:
        self.step, self.mark, self.sign = step, mark, sign
        self.made = {op.target: f"{op.target}{mark}" for op in step.flat()}
        self.read = {v for op in step.flat() for v in op.operands}
        self.names: dict[str, str] = {}

    def stages(self, states: dict[str, str]) -> list[Operation]:
        """All that the new states are made of."""
        self.names = {**self.made, **states}
        last = set(self.step.results) - self.read
        return [self._copied(op) for op in self.step.flat() if op.target not in last]

    def _copied(self, op: Assignment) -> Assignment:
        if isinstance(op, Combine):
            return Combine(self.made[op.target], self._terms(op.terms))
        assert isinstance(op, Evaluate)
        time = op.time if self.sign == 1 else 1 - op.time  # backwards from the end of the step
        values = tuple(self.names[v] for v in op.values)
        return replace(op, target=self.made[op.target], values=values, time=time)

    def _terms(self, terms: Terms) -> Terms:
        return tuple((c * self.sign if self.step.kind(v) == "f" else c, self.names[v]) for c, v in terms)

    def increment(self, new: str) -> tuple[tuple[Expr, str], ...]:
        """Ψ: the combination that makes a new state, without the state."""
        state = self.step.states[self.step.results.index(new)].name
        made = next((op for op in self.step.flat() if op.target == new and isinstance(op, Combine)), None)
        return self._terms(collected((*(made.terms if made else ((S.One, new),)), (S.NegativeOne, state))))
