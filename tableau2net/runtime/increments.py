"""The random variables of a stochastic step, drawn from a key and the number of the step: again, they are the same."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

MASK = (1 << 64) - 1


def mixed(*numbers: int) -> int:
    """One key of several numbers, a seed and the number of a batch say: 63 bits, by the finaliser of splitmix64."""
    state = 0
    for number in numbers:
        state = (state + (number & MASK) + 0x9E3779B97F4A7C15) & MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
        state ^= state >> 31
    return state >> 1


def fresh_key() -> int:
    """A key by torch's own generator: `torch.manual_seed` fixes it, and checkpointing from outside draws it again."""
    return int(torch.randint(1 << 62, ()).item())


def whole_key(key: Any) -> int:
    """A key that is given. TypeError where it is no whole number."""
    if isinstance(key, bool) or not hasattr(key, "__index__"):
        raise TypeError(f"key: a whole number that noise is drawn from; got {key!r}")
    return operator.index(key)


def increments(
    key: int, step: int, like: Tensor, variables: Sequence[str], law: str, sample: bool = False
) -> tuple[Tensor, ...]:
    """The variables of a step, of unit time: W and H of a noise each ("W1"), signs V of noises ("V1", "V1_2").

    like: the state, whose shape, device and precision they have; half precision is drawn in single. sample: one number
    for each sample, dimension 0, instead of one for each entry."""
    generator = torch.Generator(like.device).manual_seed(mixed(key, step))
    shape = like.shape[:1] + (1,) * (like.dim() - 1) if sample else like.shape
    dtype = like.dtype if like.dtype in (torch.float32, torch.float64) else torch.float32
    found = []
    for name in variables:
        if name[0] == "V":
            drawn = torch.randint(2, shape, generator=generator, device=like.device).to(dtype) * 2 - 1
        elif name[0] == "W" and law != "gaussian":  # ±√3 with probability 1/6 each, else 0
            sixths = torch.randint(6, shape, generator=generator, device=like.device)
            drawn = ((sixths == 5).to(dtype) - (sixths == 0).to(dtype)) * math.sqrt(3)
        else:
            drawn = torch.randn(shape, generator=generator, device=like.device, dtype=dtype)
            drawn = drawn / math.sqrt(12) if name[0] == "H" else drawn
        found.append(drawn.to(like.dtype))
    return tuple(found)
