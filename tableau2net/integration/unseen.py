"""Jumps of f that no stage sees: between an end of a step and the stage that is nearest to it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tableau2net.integration.system import System
from tableau2net.runtime.vectors import Layout
from tableau2net.scheme import RungeKutta, Scheme

SMOOTH = 10.0  # times what slopes are off from their polynomial inside: beyond its ends it may be off by as much more
DAMPED = 0.5  # of a step: the implicit Euler step that keeps the error of stiff parts as small as it is (HW II, IV.8)


class Unseen:
    """What such a jump may have done to two steps of half the size, which one of the whole is compared with.

    f at the ends is compared with the polynomial through the slopes of the halves; what the slopes of the whole are off
    from that says how far smooth slopes may be."""

    def __init__(self, nodes: Sequence[float], system: System) -> None:
        halves = [c / 2 for c in nodes] + [(1 + c) / 2 for c in nodes]
        self.system, (self.field,) = system, system.fields
        self.whole = _weights(halves, nodes)
        gaps = ((0, min(halves)), (1, 1 - max(halves)))
        self.ends = [(end, gap, _weights(halves, [end])) for end, gap in gaps if gap > 0]
        self.known: tuple[float, Tensor, Tensor] | None = None  # f at the end of the last step, asked there

    @classmethod
    def of(cls, scheme: Scheme, system: System) -> Unseen | None:
        """None where a stage is at each end, or the scheme is none of one field whose stages are at different times."""
        if not isinstance(scheme, RungeKutta) or len(system.fields) != 1 or len(system.states) != 1:
            return None
        nodes = [float(c) for c in scheme.c]
        inside = all(0 < c <= 1 for c in nodes) and len(set(nodes)) == len(nodes)
        return cls(nodes, system) if inside and not system.step.explicit else None

    @torch.no_grad()
    def error(
        self, t: float, h: float, y: Tensor, new: Tensor, halves: Sequence[Tensor], whole: Sequence[Tensor]
    ) -> Tensor:
        """By how much y may be off, from the slopes of the halves and of the whole."""
        rows = torch.stack([k.detach() for k in halves])
        off = torch.stack([k.detach() for k in whole]) - torch.tensordot(self.whole.to(rows), rows, 1)
        smooth = torch.stack([self._damped(h, x).abs() for x in off]).amax(0).mul_(SMOOTH)
        found = torch.zeros_like(smooth)
        for end, gap, weights in self.ends:
            slope = self._slope(t + end * h, (y, new)[end])
            jump = self._damped(h, slope - torch.tensordot(weights.to(rows), rows, 1)[0]).abs()
            found += (jump - smooth).clamp_min_(0).nan_to_num_(0, 0).mul_(gap * abs(h))
        return found

    def _slope(self, t: float, y: Tensor) -> Tensor:
        """f, which the step before or the same one tried larger may have asked."""
        found = self.field.known(t, y)
        if found is None and self.known is not None and self.known[0] == t and self.known[1] is y:
            found = self.known[2]
        if found is None:
            found = self.field.within(t, y).detach()
            self.known = t, y, found
        return found.detach()

    def _damped(self, h: float, slope: Tensor) -> Tensor:
        """A slope less what a stiff f makes of rounding and errors of y; as it is, where there is no matrix."""
        if self.field not in self.system.solver.jacobians:
            return slope
        layout = Layout.of((slope,))
        factors = self.system.solver.factorised((self.field,), (0,), ((DAMPED * h,),))
        (found,) = layout.split(factors.solve(layout.join((slope,))))
        return found


def _weights(nodes: Sequence[float], times: Sequence[float]) -> Tensor:
    """What values at nodes count at times, in the polynomial through them: those of one time twice as its first."""
    distinct = sorted({round(c, 12): n for n, c in reversed([*enumerate(nodes)])}.values())
    found = torch.zeros(len(times), len(nodes), dtype=torch.float64)
    for i, t in enumerate(times):
        for n in distinct:
            others = [nodes[m] for m in distinct if m != n]
            found[i, n] = torch.tensor([(t - x) / (nodes[n] - x) for x in others], dtype=torch.float64).prod()
    return found
