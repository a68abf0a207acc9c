"""Running statistics of a block carried over to another grid of states."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tableau2net.nn.dynamic.time_grid import Grid

Points = tuple[Grid, Sequence[nn.Module]]  # of a step: when it is evaluated, and the buffers it has there


@torch.no_grad()
def carry_statistics(before: Sequence[Points], after: Sequence[Points], in_order: bool) -> None:
    """Gives every new point the buffers that the old ones have at its time: linear between two, constant outside.

    in_order: the old ones are then those of the same evaluation of a step (the last but one, say); else, or where there
        are none, all of them.
    Counts are those of the point before. On the same grid all is as it was, to the bit.
    """
    if [times for times, _ in before] == [times for times, _ in after]:
        pairs = [pair for (_, old), (_, new) in zip(before, after, strict=True) for pair in zip(old, new, strict=True)]
        for source, target in pairs:
            _put(target, source, source, 0.0)
        return
    for times, points in after:
        for number, (time, point) in enumerate(zip(times, points, strict=True)):
            old = _line(before, number - len(times) if in_order else None)
            right = bisect_right([t for t, _ in old], time)
            (t0, a), (t1, b) = old[max(right - 1, 0)], old[min(right, len(old) - 1)]
            _put(point, a, b, (time - t0) / (t1 - t0) if t1 > t0 else 0.0)


def _line(before: Sequence[Points], number: int | None) -> list[tuple[float, nn.Module]]:
    """Old points by time: those of one evaluation of every step, counted from its last, or all."""
    found = [
        (time, point)
        for times, points in before
        for i, (time, point) in enumerate(zip(times, points, strict=True))
        if number is None or i - len(times) == number
    ]
    return sorted(found, key=lambda pair: pair[0]) if found else _line(before, None)


def _put(target: nn.Module, a: nn.Module, b: nn.Module, part: float) -> None:
    others: dict[str, Tensor] = dict(b.named_buffers())
    mine = dict(target.named_buffers())
    for name, buffer in a.named_buffers():
        mixed = torch.lerp(buffer, others[name], part) if part and buffer.is_floating_point() else buffer
        mine[name].copy_(mixed)
