"""Candidates for the same work, and the row of figures of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.counting import held_bytes, kernels, passes, peak_tensors, saved_bytes
from benchmarks.timing import Run, clearing, minima, with_backward, without_gradient

Forward = Callable[[], Tensor]


@dataclass(frozen=True)
class Candidate:
    """One way to do the work.

    modules: they hold its parameters.  eager: whether its ATen operators can be counted.
    timed: what to take the time of, forward and with backward, where that is not a call of `forward`.
    """

    name: str
    forward: Forward
    modules: tuple[nn.Module, ...]
    eager: bool = True
    note: str = ""
    timed: tuple[Run, Run] | None = None


@dataclass(frozen=True)
class Row:
    """What was measured of a candidate; None is what cannot be counted. Bytes are multiples of those of the state.

    passes: kernels that touch a tensor of half the state's size or more.  held: what lives between the forward and the
    backward pass, whoever holds it, the state and the result included.  device_mb: the peak of a GPU's allocator.
    """

    name: str
    forward_ms: float
    both_ms: float
    kernels: int | None
    passes: int | None
    saved: float | None
    held: float | None
    peak: int | None
    device_mb: float | None
    note: str = ""


def measured(candidates: Sequence[Candidate], state: Tensor, runs: int) -> list[Row]:
    """A row for each candidate; runs = 0 leaves times out (they are nan) and only counts."""
    gradient = torch.randn_like(candidates[0].forward())
    tidy = clearing([state], [m for c in candidates for m in c.modules])
    nothing = {c.name: math.nan for c in candidates}
    forward, both = nothing, nothing
    if runs:
        alone = {c.name: c.timed[0] if c.timed else without_gradient(c.forward) for c in candidates}
        full = {c.name: c.timed[1] if c.timed else with_backward(c.forward, gradient) for c in candidates}
        forward, both = minima(alone, runs, state.device), minima(full, runs, state.device, tidy)
    tidy()
    return [row(c, state, 1e3 * forward[c.name], 1e3 * both[c.name]) for c in candidates]


def row(c: Candidate, state: Tensor, forward_ms: float, both_ms: float) -> Row:
    """The counts of a candidate beside its times."""
    size = state.untyped_storage().nbytes()
    if c.timed is not None:
        return Row(c.name, forward_ms, both_ms, None, None, None, None, None, None, c.note)
    saved, memory = saved_bytes(c.forward, c.modules) / size, device_megabytes(c, state)
    if not c.eager:
        return Row(c.name, forward_ms, both_ms, None, None, saved, None, None, memory, c.note)
    return Row(
        c.name,
        forward_ms,
        both_ms,
        len(kernels(c.forward)),
        passes(c.forward, state.numel() // 2),
        saved,
        held_bytes(c.forward, c.modules) / size,
        peak_tensors(c.forward, state),
        memory,
        c.note,
    )


def device_megabytes(c: Candidate, state: Tensor) -> float | None:
    """The peak of the GPU's allocator over a forward and a backward pass, above what was there before."""
    if state.device.type != "cuda":
        return None
    clearing([state], c.modules)()
    torch.cuda.synchronize(state.device)
    torch.cuda.reset_peak_memory_stats(state.device)
    before = torch.cuda.memory_allocated(state.device)
    result = c.forward()
    torch.autograd.backward(result, torch.ones_like(result))
    torch.cuda.synchronize(state.device)
    clearing([state], c.modules)()
    return (torch.cuda.max_memory_allocated(state.device) - before) / 2**20
