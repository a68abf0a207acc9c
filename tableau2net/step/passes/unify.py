"""Values that are the same value: copies, equal combinations, equal evaluations."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass, field, replace

from sympy import S

from tableau2net.step.combine import Combine, collected
from tableau2net.step.operation import Assignment, Call, Operation, Solve
from tableau2net.step.passes.common import regrouped
from tableau2net.step.passes.rename import rename
from tableau2net.step.program import Step


def unify(step: Step, *, shared_stages: bool = True, keep: Collection[str] = ()) -> Step:
    """Make one value of a copy and its original, of equal combinations, and of equal evaluations.

    shared_stages: the stages of a step share their weights, so that evaluations at the same values and time are equal;
    otherwise only those with the same slot are.
    keep: names of values that must stay, each under its own name.
    """
    while True:
        classes = _Classes(step, shared_stages, frozenset(keep))
        operations = tuple(op for op in map(classes.absorb, step.operations) if op is not None)
        if not classes.same:
            return step
        step = replace(step, operations=operations)
        step = rename(step, classes.names())
        step = replace(step, operations=regrouped(step.operations))


@dataclass
class _Classes:
    """Which value each merged one is, as found in one walk over the program."""

    step: Step
    shared_stages: bool
    keep: frozenset[str]
    same: dict[str, str] = field(default_factory=dict)  # a merged value → the first of its class
    first: dict[Hashable, str] = field(default_factory=dict)  # what is computed → the first value that is it

    def __post_init__(self) -> None:
        self.kinds = self.step.kinds
        # class → the name that it must bear
        self.held = {name: name for name in (*(i.name for i in self.step.inputs), *self.keep)}

    def absorb(self, op: Operation) -> Operation | None:
        """The operation, without what an earlier value is already."""
        left = tuple(o for o in op.members if not self._known(o))
        if not isinstance(op, Solve):
            return left[0] if left else None
        return Solve(left) if left else None

    def _known(self, op: Assignment) -> bool:
        original = self._original(op)
        if original is None or original == op.target:
            return False
        if op.target in self.held:
            if original in self.held:
                return False  # two names that must both stay
            self.held[original] = self.held[op.target]
        self.same[op.target] = original
        return True

    def _original(self, op: Assignment) -> str | None:
        if not isinstance(op, Combine):
            slot = op.slot if isinstance(op, Call) and not self.shared_stages else None
            return self.first.setdefault((op.meaning, tuple(map(self._of, op.operands)), slot), op.target)
        terms = collected((c, self._of(v)) for c, v in op.terms)
        if len(terms) == 1 and terms[0][0] == S.One and self.kinds[terms[0][1]] == "y":
            return terms[0][1]
        return self.first.setdefault(frozenset(terms), op.target)

    def _of(self, name: str) -> str:
        while name in self.same:
            name = self.same[name]
        return name

    def names(self) -> dict[str, str]:
        """For every value the name of its class: the one it must bear, else an output's, else the first value's."""
        wanted = [*self.step.outputs, *self.step.estimates]
        names = dict(self.held)
        for name in wanted:
            names.setdefault(self._of(name), name)
        return {value: names.get(self._of(value), self._of(value)) for value in self.kinds}
