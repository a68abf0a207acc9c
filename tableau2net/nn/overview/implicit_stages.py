"""Of implicit stages: how far they are from solved, and whether a fixed-point iteration can get there."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from tableau2net.exact.text import float_of
from tableau2net.nn.blocks import Specification
from tableau2net.runtime.solve_residuals import residuals
from tableau2net.scheme import Scheme
from tableau2net.step import Combine, Solve, lower

SOLVED = 0.05  # of the length of a step: a residual that is told as none to speak of


def residual_of(block: nn.Module, inputs: tuple[object, ...], named: dict[str, object]) -> float | None:
    """The largest residual of a block's implicit stages, in lengths of the step; None where none are searched for."""
    with residuals() as found, torch.no_grad():
        block(*inputs, **named)
    return max(found, default=None)


def implicit_warnings(made: Specification, steepness: float | None, residual: float | None) -> Iterator[str]:
    """What is to be said of how the stages of a block are solved. Without figures of the block's own, so that blocks
    which share it are named in one line."""
    options = made.options
    if residual is None:
        return
    iterated = options.solver in ("fixed-point", "anderson") and steepness is not None
    if iterated and abs(made.h) * (steepness or 0) * _weight(made.scheme) >= 1:
        yield (
            "a fixed-point iteration for the implicit stages need not converge: h·L is 1 or more; a smaller h, "
            "solver='newton-krylov', or 'gradient' with a small descent"
        )
    if options.tolerance == 0 and residual > SOLVED:
        yield (
            f"implicit stages are not solved, after {options.iterations} of {options.solver}: what is left of them is "
            f"more than {SOLVED:.0%} of a step, so stability and order of the scheme are not the network's"
        )


def _weight(scheme: Scheme) -> float:
    """The largest sum of weights that slopes have in a stage which they depend on: ‖A‖ of what is solved at once."""
    sums = [0.0]
    for op in lower(scheme.at_defaults()).operations:
        if isinstance(op, Solve):
            slopes = {o.target for o in op.members if not isinstance(o, Combine)}
            rows = (o.terms for o in op.members if isinstance(o, Combine))
            sums += (sum(abs(float_of(c)) for c, v in row if v in slopes) for row in rows)
    return max(sums)
