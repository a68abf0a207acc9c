"""Solutions of dX = f dt + Σ_k g^k dW_k in equal steps of a stochastic scheme, and paths that they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from tableau2net.codegen import compile_stochastic
from tableau2net.errors import InputError
from tableau2net.runtime.increments import increments
from tableau2net.scheme import StochasticRungeKutta

Field = Callable[[float, Tensor], Tensor]
Noise = Callable[[int, Tensor], Sequence[Tensor]]


def sdeint(
    scheme: StochasticRungeKutta | str | Path,
    drift: Field,
    diffusion: Field | Sequence[Field],
    y0: Tensor | Sequence[float],
    t0: float,
    t1: float,
    *,
    steps: int,
    key: int = 0,
    path: BrownianPath | None = None,
    every: bool = False,
) -> Tensor:
    """The state at t1 after so many equal steps; with every=True all states, (steps + 1, …).

    drift, diffusion: functions of (t, y) that give a tensor of y's shape. One diffusion is multiplied by a noise of its
    own for each entry (diagonal or additive noise; of a scheme for one noise, for each sample), several by one each for
    each sample, dimension 0. y0: a tensor, or numbers in float64. key: what the noise is drawn from, the same for the
    same key. path: in its place, a path that solutions with other steps share.

    Gradients are those of the steps, through the loop. Raises InputError for a scheme that does not fit."""
    if not (math.isfinite(t0) and math.isfinite(t1) and t0 != t1):
        raise InputError(f"t0={t0!r}, t1={t1!r}: two different finite times are expected")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise InputError(f"steps={steps!r}: it is a whole number, at least 1")
    noises = [diffusion] if callable(diffusion) else list(diffusion or ())
    if not (callable(drift) and noises and all(map(callable, noises))):
        raise InputError("drift and diffusion: functions of (t, y) are expected, of diffusions one or a list")
    y = y0 if isinstance(y0, Tensor) else torch.tensor(y0, dtype=torch.float64)
    block = compile_stochastic(scheme, noises=len(noises), step_weights="shared", time_dependent=True)(
        list(map(_Function, (drift, *noises))), steps, (t1 - t0) / steps, t0
    )
    noise = None if path is None else path.seen(steps, block.variables)  # type: ignore[arg-type]
    states = [y]
    for n in range(steps):
        states = [*(states if every else ()), block.taken(*block.field, n, states[-1], key, noise)]  # type: ignore[operator, misc]
    return torch.stack(states) if every else states[-1]


class _Function(nn.Module):
    """A function of (t, y) as a field."""

    def __init__(self, function: Field) -> None:
        super().__init__()
        self.function = function

    def forward(self, t: float, y: Tensor) -> Tensor:
        return self.function(t, y)


class BrownianPath:
    """One path of Brownian motion and of its integral in time over so many fine steps, seen by coarser ones: so the
    solutions of two step sizes are compared on the same noise. Of W and H of one noise, in the shape of `like`."""

    def __init__(self, fine: int, like: Tensor, key: int = 0, *, sample: bool = False) -> None:
        drawn = [increments(key, n, like, ("W", "H"), "gaussian", sample) for n in range(fine)]
        self.fine = fine
        self.w, self.h = (torch.stack(each) for each in zip(*drawn, strict=True))

    def seen(self, steps: int, variables: Sequence[str]) -> Noise:
        """What a scheme of so many steps draws. Raises InputError where the fine steps are no multiple, or where other
        variables than W and H are asked for."""
        if self.fine % steps:
            raise InputError(f"path: {self.fine} fine steps are no multiple of {steps}")
        if stray := [v for v in variables if v not in ("W", "H")]:
            raise InputError(f"path: {', '.join(stray)} of a scheme is not of one Gaussian noise; draw by a key")
        many = self.fine // steps
        w = self.w.reshape(steps, many, *self.w.shape[1:]) / math.sqrt(many)  # over √h, h that of a coarse step
        h = self.h.reshape(w.shape) / many**1.5
        before = torch.cumsum(w, 1) - w
        total = w.sum(1)
        inside = (before / many + w / (2 * many) + h).sum(1) - total / 2
        given = {"W": total, "H": inside}
        return lambda n, y: tuple(given[v][n] for v in variables)
