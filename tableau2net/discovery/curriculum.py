"""Fitting a right-hand side through the steps of a scheme: blocks of 1, 2, … steps, each started from the one before.

All steps of a block share the field, its loss is taken on the full batch, and L-BFGS minimises it (Z. Long et al. 2018,
section 2.4; 2019, section 2.4). The first block is the warm-up: kernels that are learnt stay as they start.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tableau2net.codegen import CompiledBlock, compile
from tableau2net.discovery.observations import Observations
from tableau2net.scheme import Scheme
from tableau2net.step import lower

HISTORY = 100  # of L-BFGS
LOST = 1e30  # a loss that is no number


@dataclass(frozen=True)
class FittedBlock:
    """What a block came to. block: of so many steps, 0 the warm-up.  loss: what was minimised, at its start and end.
    evaluations: of the loss and its gradient."""

    block: int
    start: float
    loss: float
    evaluations: int
    seconds: float


Penalty = Callable[[], Tensor]


@dataclass(frozen=True)
class Curriculum:
    """blocks: numbers of steps, 0 the warm-up.  pairs: stretches of data in a batch.  iterations: of L-BFGS, a block.

    scaled: whether differences are taken over Δt (PDE-Net 2.0), else over the deviation of the states."""

    blocks: tuple[int, ...]
    pairs: int
    iterations: int
    scaled: bool = False


def block_of(scheme: Scheme, field: nn.Module, steps: int, dt: float) -> CompiledBlock:
    """So many steps of a scheme with one field. A scheme that looks back starts by steps of RK4."""
    return _class_of(scheme)(field, steps, dt)


def _class_of(scheme: Scheme) -> type[CompiledBlock]:
    return compile(scheme, step_weights="shared", start="rk4" if lower(scheme).history else "euler")


def steps_of(scheme: Scheme, block: int) -> int:
    """How many steps a block takes: those of its start, and at least one of the scheme itself."""
    return max(block, 1) + int(_class_of(scheme).lookback)


def train(
    field: nn.Module,
    scheme: Scheme,
    observations: Observations,
    curriculum: Curriculum,
    penalty: Penalty | None = None,
    said: Callable[[FittedBlock], None] = lambda stage: None,
) -> list[FittedBlock]:
    """Fit the parameters of a field, block after block; they stay where the last block leaves them."""
    stages = []
    for block in curriculum.blocks:
        with _held(field, held=block == 0):
            stage = _fit(field, scheme, observations, curriculum, block, penalty if block else None)
        stages.append(stage)
        said(stage)
        if not math.isfinite(stage.loss):
            break
    return stages


def _fit(
    field: nn.Module,
    scheme: Scheme,
    observations: Observations,
    curriculum: Curriculum,
    block: int,
    penalty: Penalty | None,
) -> FittedBlock:
    steps = steps_of(scheme, block)
    windows = observations.windows(steps, curriculum.pairs)
    compiled = block_of(scheme, field, steps, observations.dt)
    over = observations.dt**2 if curriculum.scaled else float(windows[:, 0].var())
    parameters = [p for p in field.parameters() if p.requires_grad]
    losses: list[float] = []

    def loss() -> Tensor:
        states = trajectory(compiled, windows[:, 0])
        total = torch.stack([(u - windows[:, n]).square().mean() for n, u in enumerate(states[1:], 1)]).sum() / over
        return total if penalty is None else total + steps * penalty()

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        losses.append(value.item())
        if not math.isfinite(losses[-1]):
            for p in parameters:
                p.grad = torch.zeros_like(p)
            return torch.full_like(value, LOST).detach()
        torch.autograd.backward(value)
        return value

    begun = time.perf_counter()
    optimiser = torch.optim.LBFGS(
        parameters, max_iter=curriculum.iterations, max_eval=4 * curriculum.iterations, history_size=HISTORY,
        tolerance_grad=1e-12, tolerance_change=1e-15, line_search_fn="strong_wolfe",
    )  # fmt: skip
    optimiser.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        end = loss().item()
    return FittedBlock(block, losses[0], end, len(losses), time.perf_counter() - begun)


def trajectory(block: CompiledBlock, start: Tensor) -> list[Tensor]:
    """The states of a block, with the kernels of its field put together once."""
    with block.field.prepared():  # type: ignore[operator]
        return [state for state in block.trajectory(start) if isinstance(state, Tensor)]


@contextmanager
def _held(field: nn.Module, held: bool) -> Iterator[None]:
    """Kernels as they start, where they are held."""
    learnt = [module.learnt for module in field.modules() if getattr(module, "learnt", None) is not None]
    for parameter in learnt:
        parameter.requires_grad_(not held)
    try:
        yield
    finally:
        for parameter in learnt:
            parameter.requires_grad_(True)


def gauss_newton(
    field: nn.Module,
    parameter: nn.Parameter,
    scheme: Scheme,
    observations: Observations,
    block: int,
    pairs: int,
    iterations: int = 4,
) -> FittedBlock:
    """Fit a few parameters through the steps themselves, by the derivative of the states.

    Derivatives are central differences of the whole block, in float64: the point where it ends, J^T r = 0, hardly
    depends on them."""
    begun = time.perf_counter()
    steps = steps_of(scheme, block)
    windows = observations.windows(steps, pairs)
    compiled = block_of(scheme, field, steps, observations.dt)
    target = windows[:, 1:].flatten()
    calls = 0

    def states(at: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        with torch.no_grad():
            parameter.copy_(at)
            return torch.stack(trajectory(compiled, windows[:, 0])[1:], 1).flatten()

    at = parameter.detach().clone()
    now = states(at)
    first = value = float((now - target).square().mean())
    for _ in range(iterations):
        slopes = torch.stack([_slope(states, at, n) for n in range(len(at))], 1)
        moved = at + torch.linalg.lstsq(slopes, (target - now)[:, None]).solution[:, 0]
        then = states(moved)
        new = float((then - target).square().mean())
        if not new < value:  # nor a number
            break
        gain, at, now, value = value - new, moved, then, new
        if gain <= 1e-6 * value:
            break
    states(at)
    return FittedBlock(block, first, value, calls, time.perf_counter() - begun)


def _slope(states: Callable[[Tensor], Tensor], at: Tensor, n: int) -> Tensor:
    step = torch.zeros_like(at)
    step[n] = 1e-5 * max(1.0, abs(float(at[n])))
    return (states(at + step) - states(at - step)) / (2 * step[n])
