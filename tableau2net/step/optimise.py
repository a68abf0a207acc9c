"""The pipeline: from the program as lowered to the program that is emitted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tableau2net.step.passes import arrange, fsal, isolate, prune, share, unify
from tableau2net.step.program import Step


@dataclass(frozen=True)
class Passed:
    """The program after a pass; after "lower", as it was given."""

    name: str
    step: Step


def optimise(
    step: Step, *, shared_stages: bool = True, one_field: bool = False, keep: Collection[str] = ()
) -> tuple[Passed, ...]:
    """The program as given and after each pass in turn; the last one is what is emitted.

    shared_stages: the stages of a step share their weights, so that equal evaluations are one.
    one_field: so do the steps, so that the last evaluation can be the next step's first.
    keep: names of values that must be there at the end beside what is handed on (the embedded estimate among them).
    """
    found: list[Passed] = []

    def passed(name: str, after: Step) -> Step:
        found.append(Passed(name, after))
        return after

    passed("lower", step)
    step = passed("prune", prune(step, step.estimate in keep, keep))
    step = passed("unify", unify(step, shared_stages=shared_stages, keep=keep))
    if one_field and shared_stages:
        step = passed("fsal", fsal(step, keep=keep))
    step = passed("isolate", isolate(step))
    step = passed("share", share(step, keep=keep))
    passed("arrange", arrange(step, keep=keep))
    return tuple(found)
