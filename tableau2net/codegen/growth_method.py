"""The method of a reversible class that says how much rounding errors grow on its way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tableau2net.codegen.emit import Emission
from tableau2net.codegen.expressions import scalar
from tableau2net.codegen.pull import written_out
from tableau2net.step import Step
from tableau2net.step.growth import backward_matrix


def growth_lines(
    step: Step, emission: Emission, factors: Sequence[str], steps: str, one_field: bool = False
) -> Iterator[str]:
    """The method `growth` of a class whose `step` is the given program, as lines.

    factors: the names of what its `hoisted` gives. steps: how many steps are undone, as text.
    """
    matrix = backward_matrix(written_out(step, emission.combination), one_field)
    assert matrix is not None
    rows = (f"({', '.join(map(scalar, row))}{',' * (len(row) == 1)})" for row in matrix)
    yield "def growth(self) -> float:"
    yield '    """How many times a rounding error may grow on the way back through all steps, as h → 0."""'
    if any(c.free_symbols for row in matrix for c in row):
        yield f"    {', '.join(factors)}{',' * (len(factors) == 1)} = self.hoisted()"
    yield f"    return rounding_growth(({', '.join(rows)}{',' * (len(matrix) == 1)}), {steps})"
