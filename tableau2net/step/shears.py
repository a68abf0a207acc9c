"""Steps that keep volume whatever their fields are: chains of shears."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from sympy import S

from tableau2net.exact.cancelled import Expressions
from tableau2net.step.evaluate import Evaluate
from tableau2net.step.forms import forms
from tableau2net.step.passes import prune
from tableau2net.step.program import Step


def is_shears(step: Step) -> bool:
    """Whether a step is a chain of shears, each of which adds to one state what a field makes of others as they are by
    then: the determinant of its Jacobian is 1, exactly, whatever the fields. RevNet, Verlet and their compositions
    are."""
    step = prune(step)
    if step.history or len(step.states) < 2 or step.derivative != 1 or not (step.explicit and step.plain):
        return False
    names = [given.name for given in step.states]
    known = forms(step.flat(), Expressions())
    made = {name: {a: x.value for a, x in form.items() if not x.value.is_zero} for name, form in known.items()}
    ends = [made.get(name, {name: S.One}) for name in step.results]
    if any(end.get(name) != 1 or set(names) & set(end) != {name} for name, end in zip(names, ends, strict=True)):
        return False
    adds = [set(end) - {name} for name, end in zip(names, ends, strict=True)]  # evaluations, by the state they go to
    calls = [op for op in step.flat() if isinstance(op, Evaluate)]
    if sorted(a for each in adds for a in each) != sorted(op.target for op in calls):
        return False
    behind: dict[str, set[str]] = {op.target: set() for op in calls}  # what each evaluation has to come after
    for op in calls:
        for state, value in zip(op.reads, op.values, strict=True):
            seen = made.get(value, {value: S.One})
            if op.target in adds[state] or any(ends[state].get(atom) != c for atom, c in seen.items()):
                return False
            behind[op.target] |= set(seen) - {names[state]}
            for later in adds[state] - set(seen):
                behind[later].add(op.target)
    return _orderly(behind)


def _orderly(behind: dict[str, set[str]]) -> bool:
    try:
        TopologicalSorter(behind).prepare()
    except CycleError:
        return False
    return True
