"""The same program with other names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tableau2net.step.passes.common import each
from tableau2net.step.program import Step


def rename(step: Step, names: Mapping[str, str]) -> Step:
    """The same program with other names for some of its values."""

    def new(name: str) -> str:
        return names.get(name, name)

    return replace(
        step,
        inputs=tuple(replace(i, name=new(i.name), stage=i.stage and new(i.stage)) for i in step.inputs),
        operations=each(step.operations, lambda op: op.renamed(new)),
        outputs=tuple(map(new, step.outputs)),
        estimate=new(step.estimate) if step.estimate else None,
        velocity_estimate=new(step.velocity_estimate) if step.velocity_estimate else None,
    )
