"""By how much a block stretches volume: log |det ∂y_N/∂y_0|, exact or by a series of traces."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tableau2net.codegen.unrolled import as_state, as_tuple
from tableau2net.errors import InputError
from tableau2net.nn.invertible.taken import States, StepMap, Taken, apart, check_rows, one_step, repeatable, taken_steps
from tableau2net.nn.invertible.undo import InverseBlock, halved, joined, step_rate
from tableau2net.scheme.rosenbrock import Rosenbrock, TransformedRosenbrock
from tableau2net.step.shears import is_shears

UNROLLED = ", or compile with solver='fixed-point', gradient='unrolled'"
MOST_NUMBERS = 4096  # of a row whose Jacobian is written out: 128 MB


class LogDet(NamedTuple):
    """What a block makes of states, and of volume.

    states: the block's value, one state or a tuple of them.
    log_det: (N,), log |det| of the Jacobian of each row of the batch; of implicit steps as the table has them, whose
        stages are solved here as far as rounding allows (a field's own solver does as it does).
    error: how much is cut off of a series at most, for each row; 0 of what is exact but for rounding. A mean over
        probes has its statistical error beside it.
    """

    states: Tensor | States
    log_det: Tensor
    error: float


def log_det(
    block: nn.Module,
    *states: Tensor | States,
    terms: int | None = None,
    probes: int = 1,
    seed: int | None = None,
    lipschitz: float | None = None,
) -> LogDet:
    """The block's value with log |det ∂y_N/∂y_0| of each row, which are independent of each other.

    block: of a one-step scheme, its `inverse`, or an ``nn.Sequential`` of such.
    states: what the block is called with; several may be one tuple.
    terms: left out, the determinant of the whole Jacobian (d vector–Jacobian products for d numbers a row); exactly 0
        for chains of shears (RevNet, Verlet), whose steps keep volume. Else so many terms of
        Σ_k (−1)^{k+1} tr(J^k)/k with J = Φ' − 1 of each step Φ, for Euler J = h ∂f (Behrmann et al. 2019).
    probes: random signs v with E vᵀJ^k v = tr J^k, so many a row (Hutchinson); the mean over them is unbiased for the
        terms that are taken.  seed: of these; left out, torch's own generator goes on.
    lipschitz: of each field, for `error`; left out, what is known of them (`lipschitz_bound`).

    It has gradients where they are enabled. Raises InputError for a block that remembers steps, for more than 4,096
    numbers a row without `terms`, for a series that need not converge, as the fields' Lipschitz constants do not
    make ‖J‖ < 1, and where gradients are enabled for implicit stages that cannot be differentiated twice.
    """
    if not (_counts(probes) and (terms is None or _counts(terms))):
        raise InputError(f"log_det: terms={terms!r}, probes={probes!r}: both are whole numbers, at least 1")
    states = _flat(states)
    if isinstance(block, nn.Sequential):
        return _chain(block, states, terms, probes, seed, lipschitz)
    if isinstance(block, InverseBlock):
        before = block(*states)
        found = log_det(block.block, *as_tuple(before), terms=terms, probes=probes, seed=seed, lipschitz=lipschitz)
        return LogDet(before, -found.log_det, found.error)
    return _Volume(one_step(block, "log_det"), block, terms, probes, seed, lipschitz)(states)


def _counts(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1


def _flat(states: tuple[Tensor | States, ...]) -> States:
    """The states, given one by one or as a tuple."""
    given: tuple[object, ...] = states[0] if len(states) == 1 and isinstance(states[0], tuple) else states
    tensors = tuple(y for y in given if isinstance(y, Tensor))
    if not given or len(tensors) < len(given):
        raise InputError(
            f"log_det: states are tensors, and ({', '.join(type(y).__name__ for y in given)}) was given; write "
            "log_det(block, y), or log_det(block, y1, y2) where there are two"
        )
    return tensors


def _chain(
    blocks: nn.Sequential,
    states: States,
    terms: int | None,
    probes: int,
    seed: int | None,
    lipschitz: float | None,
) -> LogDet:
    total, error = states[0].new_zeros(len(states[0])), 0.0
    for i, block in enumerate(blocks):
        own = None if seed is None else seed + i
        found = log_det(block, *states, terms=terms, probes=probes, seed=own, lipschitz=lipschitz)
        states, total, error = as_tuple(found.states), total + found.log_det, error + found.error
    return LogDet(as_state(states), total, error)


@dataclass(frozen=True)
class _Volume:
    of: StepMap
    block: nn.Module
    terms: int | None
    probes: int
    seed: int | None
    lipschitz: float | None

    def __call__(self, states: States) -> LogDet:
        wanted = any(tensor.requires_grad for tensor in (*states, *self.block.parameters())) and torch.is_grad_enabled()
        with torch.inference_mode(False), torch.set_grad_enabled(wanted):  # products with a Jacobian want a graph
            return self._found(tuple(y.clone() if y.is_inference() else y for y in states))

    def _found(self, states: States) -> LogDet:
        parts = halved(self.block, states)
        if len(parts) != len(self.of.program.states):
            wanted = ", ".join(given.name for given in self.of.program.states)
            raise InputError(f"log_det: the block's states are {wanted}, and {len(parts)} tensors were given")
        total, error = parts[0].new_zeros(len(parts[0])), 0.0
        seed = int(torch.randint(2**62, ())) if self.terms and self.seed is None else self.seed or 0
        generator = torch.Generator(parts[0].device).manual_seed(seed)
        shears = is_shears(self.of.program)
        check_rows(self.block, "log_det", *parts)
        # an implicit step is evaluated more than once, so its fields are to stay what they are
        with nullcontext() if self.of.plain else repeatable(self.block, "log_det", parts):
            for taken in taken_steps(self.block, *parts):
                if shears:
                    parts = self.of(taken, *parts)
                elif self.terms is None:
                    parts, one = self._exact(taken if self.to_rounding is None else replace(taken, own=None), parts)
                    total = total + one
                else:
                    error += self._cut_off(taken, sum(p.shape[1:].numel() for p in parts))
                    parts, one = self._series(taken, parts, generator)
                    total = total + one
            after = joined(self.block, parts) if self.to_rounding is None or shears else self.block(*states)
        return LogDet(after, total, error)

    @cached_property
    def to_rounding(self) -> StepMap | None:
        """The step with its stages solved as far as rounding allows; None where the block's own is taken as it stands:
        a step of no search, one that its field solves. A search that is unrolled stays one, which has a gradient."""
        how = self.of.solve
        if self.of.plain or how["solver"] in ("resolvent", "field"):
            return None
        if how["gradient"] == "unrolled":
            return replace(
                self.of,
                solve={**how, "tolerance": min(how["tolerance"], 1e-12), "iterations": max(1000, how["iterations"])},
            )
        return replace(
            self.of, solve={"solver": "newton-krylov", "tolerance": min(how["tolerance"], 1e-12), "iterations": 200}
        )

    def _exact(self, taken: Taken, before: States) -> tuple[States, Tensor]:
        of = self.to_rounding or self.of
        if of.plain and not of.program.explicit and of.solve["gradient"] == "start":
            raise InputError(
                "log_det: gradient='start' counts the steps of a descent as constants, so autograd has not the block's "
                "Jacobian; compile with gradient='unrolled', or with a tolerance"
            )
        if not of.plain and not apart(self.block):
            table = of.adjoint({})
            if table is not None and table.program.explicit:
                after = of(taken, *before)
                _, one = _with_log_det(lambda *y: table(taken.back(of.stages), *y), after)
                return after, -one
        linear = isinstance(of.scheme, (Rosenbrock, TransformedRosenbrock))  # stages, whose solves nothing unrolls
        again = (of.plain or self.of.solve["gradient"] == "unrolled") and not linear
        return _with_log_det(lambda *y: of(taken, *y), before, again, "" if linear else UNROLLED)

    def _series(self, taken: Taken, before: States, generator: torch.Generator) -> tuple[States, Tensor]:
        after, pulled = _pulled(lambda *y: self.of(taken, *y), before)
        one = torch.zeros_like(after[0][:, :1].flatten(1)[:, 0])
        for _ in range(self.probes):
            signs = tuple(torch.randint(0, 2, y.shape, generator=generator, device=y.device) for y in before)
            probe = tuple(2 * s.to(y.dtype) - 1 for s, y in zip(signs, before, strict=True))
            row = probe
            for k in range(1, (self.terms or 0) + 1):
                row = tuple(pull - r for pull, r in zip(pulled(row), row, strict=True))
                inner = sum((r * v).flatten(1).sum(1) for r, v in zip(row, probe, strict=True))
                one = one + (inner if k % 2 else -inner) / (k * self.probes)
        return (after, one) if torch.is_grad_enabled() else (_detached(after), one.detach())

    def _cut_off(self, taken: Taken, dimension: int) -> float:
        """d Σ_{k > terms} q^k/k, with q the Lipschitz constant of Φ − 1 at most."""
        q = step_rate(self.of, taken, self.lipschitz)
        if not q < 1:
            raise InputError(
                f"log_det: the series converges where a step's Lipschitz constant is below 1, and here it is at most "
                f"{q:.3g}; give fields with lipschitz=, a smaller h, or terms=None"
            )
        return dimension * (-math.log1p(-q) - sum(q**k / k for k in range(1, (self.terms or 0) + 1)))


def _pulled(step: Callable[..., States], before: States) -> tuple[States, Callable[[States], States]]:
    """A step and its vector–Jacobian product, with a graph of its own where gradients are wanted."""
    wanted = torch.is_grad_enabled()
    with torch.enable_grad():
        leaves = tuple(y if wanted and y.requires_grad else y.detach().requires_grad_() for y in before)
        after = step(*leaves)

    def pulled(rows: States) -> States:
        with torch.enable_grad():
            return torch.autograd.grad(
                after, leaves, rows, retain_graph=True, create_graph=wanted, allow_unused=True, materialize_grads=True
            )

    return after, pulled


def _with_log_det(
    step: Callable[..., States], before: States, again: bool = True, remedy: str = ""
) -> tuple[States, Tensor]:
    """A step and log |det| of its Jacobian, row by row of it.

    again: whether its derivative can be differentiated again; else what is said to do, beside no_grad."""
    if torch.is_grad_enabled() and not again:
        raise InputError(f"log_det: implicit stages have no second derivative; call it under no_grad{remedy}")
    after, pulled = _pulled(step, before)
    size = sum(y.shape[1:].numel() for y in before)
    if size > MOST_NUMBERS:
        raise InputError(
            f"log_det: a row of {size:,} numbers has a Jacobian of {size:,}² (at most {MOST_NUMBERS:,} are taken); "
            "write terms=, a series that wants no Jacobian"
        )
    rows = []
    for i, y in enumerate(before):
        for j in range(y.shape[1:].numel()):
            unit = tuple(torch.zeros_like(new, memory_format=torch.contiguous_format) for new in after)
            unit[i].flatten(1)[:, j] = 1
            rows.append(torch.cat([g.flatten(1) for g in pulled(unit)], 1))
    one = torch.linalg.slogdet(torch.stack(rows, 1))[1]
    return (after, one) if torch.is_grad_enabled() else (_detached(after), one.detach())


def _detached(states: States) -> States:
    return tuple(y.detach() for y in states)
