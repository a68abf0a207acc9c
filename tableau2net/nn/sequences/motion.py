"""Motion over gaps: h' = f(t, h) from one time to another, of each member of a batch its own, by any scheme.

A gap of length Δ is gone through in a time s of its own from 0 to 1, in which h' = Δ f(t0 + sΔ, h). That changes no
step: every scheme's step of size 1/N on Δf is its step of size Δ/N on f. So one vectorised step moves members by steps
of different sizes, and one whose gap is empty stays where it is, to the bit.
"""

from __future__ import annotations

from numbers import Real
from pathlib import Path
from typing import Any, Literal, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.codegen import compile
from tableau2net.codegen.compile_options import StepOptions
from tableau2net.errors import InputError
from tableau2net.integration import integrate
from tableau2net.integration.interface import one_step
from tableau2net.integration.step_arguments import MOST
from tableau2net.nn.sequences.told_sizes import finite, whole
from tableau2net.scheme import RungeKutta, Scheme, as_scheme
from tableau2net.step import lower


class Rescaled(nn.Module):
    """The field Δ f(t0 + sΔ, y) of the time s in which a gap is 1 long; t0 and Δ are those of each member."""

    def __init__(self, field: nn.Module, t0: Tensor, gap: Tensor, time_dependent: bool) -> None:
        super().__init__()
        self.field, self.t0, self.gap, self.time_dependent = field, t0, gap, time_dependent

    def forward(self, s: float | Tensor, y: Tensor) -> Tensor:
        slope: Tensor = self.field(self.t0 + s * self.gap, y) if self.time_dependent else self.field(y)
        return self.gap * slope


class Motion(nn.Module):
    """The motion of h' = f(t, h) over gaps, by any scheme of one state and one field that is for y' = f.

    field: a module f(h), or f(t, h) with ``time_dependent=True``; t is then (B, 1, …), each member's own time.
    One of these says what steps there are:
    steps: so many equal ones in each gap. A scheme that remembers earlier steps starts anew in each, by `start`: what
        came before a jump is of no use behind it.
    longest: as many equal ones in a member's gap as keep them no longer than this.
    rtol, atol: as large ones as a tolerance allows each member, see `tableau2net.integrate` with norm="each". Of a
        scheme that is no explicit pair they are the same fractions of its gap for each member, norm="batch"; what a
        member comes to then depends on the others, within the tolerance.
    options: how steps are solved and taken back, see `tableau2net.compile`; not with a tolerance.

    Gradients flow to h, to the field's parameters, and through the lengths of gaps to times that want one; where a
    backward pass takes steps again, times cannot. Raises InputError for what does not fit.
    """

    def __init__(
        self,
        scheme: Scheme | str | Path,
        field: nn.Module,
        *,
        steps: int | None = None,
        longest: float | None = None,
        rtol: float | None = None,
        atol: float | None = None,
        time_dependent: bool = False,
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__()
        scheme = as_scheme(scheme)
        self.scheme = scheme.at_defaults() if scheme.parameters else scheme
        if lower(self.scheme).derivative == 2:
            raise InputError(
                f"{scheme.name or scheme.family} is a scheme for y'' = f, and this is h' = f; take another"
            )
        self.field, self.time_dependent = field, time_dependent
        self.steps, self.longest = steps, longest
        adaptive = rtol is not None or atol is not None
        if (steps is not None) + (longest is not None) + adaptive != 1:
            raise InputError("steps, longest, rtol: one of the three says what steps are taken in a gap")
        if steps is not None and (type(steps) is not int or not 1 <= steps <= MOST):
            raise InputError(f"steps = {steps!r}: a whole number, a gap takes at least one step, and at most {MOST}")
        if longest is not None and not (isinstance(longest, Real) and longest > 0):
            raise InputError(f"longest = {longest!r}: of a step, a positive number")
        finite(0, rtol=0 if rtol is None else rtol, atol=0 if atol is None else atol)
        if not callable(field):
            raise InputError(f"field: a module f(h) is wanted, or f(t, h) with time_dependent=True; got {field!r:.60}")
        if adaptive and options:
            raise InputError(f"{', '.join(sorted(options))}: with a tolerance there are rtol and atol alone")
        if steps is None and not one_step(self.scheme):
            raise InputError(f"{self.scheme.name or self.scheme.family} remembers earlier steps: give steps=")
        norm: Literal["each", "batch"] = "each" if _explicit_pair(self.scheme) else "batch"
        self.tolerance: dict[str, Any] = {"rtol": rtol, "atol": atol, "norm": norm}
        self.taken_again = options.get("backward", "store") != "store"
        block = compile(self.scheme, step_weights="shared", time_dependent=True, **options)
        if block.states != ("y",) or len(block.field_names) > 1:
            raise InputError(f"{self.scheme.name or self.scheme.family}: a state between jumps is one, with one field")
        self.made = block.made_of  # by which a copy in another process knows its class

    def forward(self, h: Tensor, t0: Tensor, t1: Tensor) -> Tensor:
        """h (B, …) at the times t0 (B,), moved to t1 (B,), which may be earlier ones."""
        if self.taken_again and (t0.requires_grad or t1.requires_grad):
            raise InputError("times want a gradient: with backward='store' they have one")
        shape = (-1,) + (1,) * (h.dim() - 1)
        gap, t0 = (t1 - t0).to(h.dtype).view(shape), t0.to(h.dtype).view(shape)
        if self.steps is not None:
            return self._stepped(h, t0, gap, self.steps)
        moving = (gap != 0).flatten().nonzero()[:, 0]
        if not len(moving):
            return h
        if self.longest is not None:
            return self._short_steps(h, t0, gap, self.longest)
        field = Rescaled(self.field, t0[moving], gap[moving], self.time_dependent)
        moved: Tensor = integrate(self.scheme, field, h[moving], 0.0, 1.0, **self.tolerance)
        return h.index_copy(0, moving, moved)

    def _stepped(self, h: Tensor, t0: Tensor, gap: Tensor, steps: int) -> Tensor:
        """Equal steps through a gap, by a module of their own: a backward pass may ask it for its field again."""
        block = self.made.make(self.made.scheme, self.made.options)
        moved: Tensor = block(Rescaled(self.field, t0, gap, self.time_dependent), steps, 1 / steps)(h)
        return moved

    def _short_steps(self, h: Tensor, t0: Tensor, gap: Tensor, longest: float) -> Tensor:
        """Steps that are short enough, of each member as many as its gap asks for; those that have arrived rest."""
        counts = (gap.detach().abs() / longest - 1e-6).ceil().clamp(min=1)
        if (most := float(counts.max())) > MOST:
            raise InputError(f"longest = {longest}: the longest gap is {most:.3g} such steps, at most {MOST} are taken")
        size = gap / counts
        for n in range(int(most)):
            h = self._stepped(h, t0 + n * size, torch.where(n < counts, size, 0), 1)
        return h


def _explicit_pair(scheme: Scheme) -> bool:
    """Whether steps can be chosen for each member of a batch by itself."""
    step = lower(scheme)
    return isinstance(scheme, RungeKutta) and step.explicit and step.estimate is not None


class Decay(nn.Module):
    """h exp(−γ Δ), γ ≥ 0 learnt for each number of the state, the exact flow of h' = −γ h: an exponential decay as
    motion. γ is the softplus of the parameter."""

    def __init__(self, size: int) -> None:
        super().__init__()
        whole(size=size)
        self.rate = nn.Parameter(torch.zeros(size))

    def forward(self, h: Tensor, t0: Tensor, t1: Tensor) -> Tensor:
        """h (B, size) at the times t0 (B,), decayed until t1 (B,)."""
        return h * torch.exp(-functional.softplus(self.rate) * (t1 - t0).to(h.dtype)[:, None])
