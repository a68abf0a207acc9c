"""The growth of rounding errors on the way back, by the coefficients that a module has now."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def rounding_growth(matrix: Sequence[Sequence[Tensor | float]], steps: int) -> float:
    """How many times an error may grow while `steps` steps are undone: the largest norm ‖B₁ ⋯ Bₙ‖_∞, n ≤ steps.

    matrix: B, the inverse of a step as h → 0, a sequence a row; an entry is a number, or a tensor of the learnt values:
        one, one a step, or one for each step and channel, of which the worst counts. Where no step is undone, or
        they have no value yet, on the meta device, the answer is 1: the states that come back are looked at again on
        the way back.
    """
    entries = [x for row in matrix for x in row]
    if steps < 1 or any(isinstance(x, Tensor) and x.is_meta for x in entries):
        return 1.0
    tables = [torch.as_tensor(x, dtype=torch.float64, device="cpu").detach() for x in entries]
    tables = [x.reshape(x.shape[0] if x.dim() else 1, -1) for x in tables]
    each = torch.stack(torch.broadcast_tensors(*tables), -1).unflatten(-1, (len(matrix), -1))  # type: ignore[no-untyped-call]
    product, worst = each.new_tensor(1.0), 1.0
    for n in range(steps):
        factor = each[n if each.shape[0] > 1 else 0]
        product = product @ factor if n else factor
        worst = max(worst, float(product.abs().sum(-1).nan_to_num(math.inf, posinf=math.inf).amax()))
    return worst


def check_growth(growth: float, steps: int, limit: float) -> None:
    """ValueError where a rounding error may grow more than is allowed."""
    if growth > limit:
        raise ValueError(
            f"backward='reversible': a rounding error grows {growth:.1e} times over {steps} steps back, beyond "
            f"growth_limit={limit:g}; take fewer steps, backward='checkpoint', or a higher growth_limit"
        )
