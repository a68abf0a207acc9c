"""The inverse of a block: its steps undone, the last one first.

A step of a one-step method is undone by a step of the adjoint method of length −h (HLW II.3). Where that one is
explicit (RevNet, Verlet, implicit Euler) it is taken; so it is where both are implicit. An explicit step Φ whose
adjoint is implicit is undone by solving Φ(y) = z for y as it stands: the unknown is the state alone, whatever the
stages are. So is an implicit one that a fixed number of iterations stands for, which is not the step of its table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypedDict, Unpack, overload

import torch
from torch import Tensor, nn

from tableau2net.codegen import CompiledBlock
from tableau2net.codegen.compile_options import Method, StepOptions
from tableau2net.codegen.unrolled import as_state, as_tuple
from tableau2net.errors import InputError
from tableau2net.nn.dynamic import DynamicBlock
from tableau2net.nn.fields.lipschitz import lipschitz_bound
from tableau2net.nn.invertible.taken import States, StepMap, Taken, apart, check_rows, one_step, repeatable, taken_steps
from tableau2net.runtime.stage_solve import ConvergenceError, Solver, solve
from tableau2net.step.contraction import contraction


class Undone(NamedTuple):
    """What an inverse found, and how good it is.

    states: the states before the block, one or a tuple of them.
    residual: ‖block(y) − z‖ of each row, as the block gives it.
    bound: on ‖y − y*‖ of each row, from the residual and the Lipschitz constants of the fields; infinite where these
        are not known, or do not make the steps contractions.
    """

    states: Tensor | States
    residual: Tensor
    bound: Tensor


class Solving(TypedDict, total=False):
    """How steps are solved for that are to be, see `inverse`."""

    solver: Method
    tolerance: float
    iterations: int


@overload
def inverse(block: InverseBlock, **solving: Unpack[Solving]) -> nn.Module: ...
@overload
def inverse(block: nn.Sequential, **solving: Unpack[Solving]) -> nn.Sequential: ...
@overload
def inverse(block: CompiledBlock | DynamicBlock, **solving: Unpack[Solving]) -> InverseBlock: ...
@overload
def inverse(block: nn.Module, **solving: Unpack[Solving]) -> nn.Module: ...


def inverse(
    block: nn.Module, *, solver: Method = "newton-krylov", tolerance: float = 1e-13, iterations: int = 200
) -> nn.Module:
    """The module that undoes a block: ``inverse(block)(block(y))`` is y.

    block: of any one-step scheme, with the states, fields, step and coefficients that it has; a dynamic block; an
        ``nn.Sequential`` of such; or an inverse, whose inverse is the block. Parameters are the block's own: what is
        learnt of one is learnt of both.
    solver, tolerance, iterations: of steps that are to be solved for, see `tableau2net.runtime.stage_solve.Solver`;
        "fixed-point" is the iteration of i-ResNets, y ← z − h f(y) (Behrmann et al. 2019). What rounding does not let
        the tolerance reach is not asked for.

    Gradients go through it by the implicit function theorem, to z, the fields and the coefficients. Where a step is not
    solved, it raises ConvergenceError with the residual. What it returns has the block's value z; whether another state
    has it too is known where the fields' Lipschitz constants bound it (`InverseBlock.checked`).

    Raises InputError for a scheme that remembers earlier steps, and for what is no block; RuntimeError, when called,
    for fields that are not the same function twice (BatchNorm, dropout and power iterations in training mode).
    """
    if isinstance(block, InverseBlock):
        return block.block
    if isinstance(block, nn.Sequential):
        each = [inverse(b, solver=solver, tolerance=tolerance, iterations=iterations) for b in reversed(block)]
        return nn.Sequential(*each)
    if solver not in ("newton-krylov", "anderson", "fixed-point"):
        raise InputError(f"inverse: solver={solver!r}: write 'newton-krylov', 'anderson' or 'fixed-point'")
    try:
        how = Solver(solver, tolerance, iterations, "implicit")
    except ValueError as error:
        raise InputError(f"inverse: {error}") from None
    return InverseBlock(block, how)


class InverseBlock(nn.Module):
    """What `inverse` returns; ``inverse(*states)`` are the states before the block.

    block: that it undoes, and whose parameters it has."""

    def __init__(self, block: nn.Module, solver: Solver) -> None:
        super().__init__()
        self.of = one_step(block, "inverse")
        self.solver = solver
        self.block = block
        own: StepOptions = {"tolerance": solver.tolerance, "iterations": solver.iterations}
        table = self.of.adjoint({"solver": solver.method, **own})  # type: ignore[typeddict-item]
        by_table = table is not None and (table.program.explicit or not self.of.plain)
        self.table = table if by_table and (self.of.program.explicit or not self.of.plain) else None
        if self.table is None and not self.of.plain:
            raise InputError(f"inverse: {self.of.scheme.family} schemes have no adjoint, and this one is implicit")

    def forward(self, *states: Tensor) -> Tensor | States:
        parts = halved(self.block, states)
        with repeatable(self.block, "inverse", parts):
            steps = taken_steps(self.block, *parts)
            for n in reversed(range(len(steps))):
                try:
                    parts = self._before(steps[n], parts)
                except ConvergenceError as error:
                    found = str(error).removeprefix("implicit stages: ").partition(";")[0]
                    raise ConvergenceError(
                        f"inverse of step {n + 1} of {len(steps)}: {found}; the step may have no inverse there, which "
                        "it has where h times the Lipschitz constant of its fields is below 1 (lipschitz_)"
                    ) from None
        return joined(self.block, parts)

    def checked(self, *states: Tensor, lipschitz: float | None = None) -> Undone:
        """The states before the block, with what the block makes of them and how far off they are at most.

        lipschitz: of each field; left out, what is known of them (`lipschitz_bound`)."""
        check_rows(self.block, "inverse", *states)
        with torch.no_grad():
            found = self(*states)
            again = as_tuple(self.block(*as_tuple(found)))
            apart = [(a - z).flatten(1) for a, z in zip(again, states, strict=True)]
            residual = torch.linalg.vector_norm(torch.cat(apart, 1), dim=1)
        rates = [step_rate(self.of, taken, lipschitz) for taken in taken_steps(self.block, *states)]
        if not all(rate < 1 for rate in rates):
            return Undone(found, residual, torch.full_like(residual, math.inf))  # of no residual at all too
        return Undone(found, residual, residual * math.prod(1 / (1 - q) for q in rates))

    def _before(self, taken: Taken, after: States) -> States:
        """The states before a step."""
        if self.table is not None and not apart(self.block):
            return self.table(taken.back(self.of.stages), *after)
        if apart(self.block) and (taken.own is None or not self.of.plain):
            raise InputError(
                "inverse: BatchNorm has statistics of each evaluation, in the order of the step, and the inverse of "
                "this one evaluates in another; GroupNorm has none"
            )

        def moved(*states: Tensor) -> tuple[States, States]:
            return tuple(y + (z - new) for y, z, new in zip(states, after, self.of(taken, *states), strict=True)), ()

        return solve(moved, after, self.solver, list(taken.fields.values()))[0]


def step_rate(of: StepMap, taken: Taken, lipschitz: float | None = None) -> float:
    """The Lipschitz constant of Φ − id at most, for fields of at most that constant, or of what is known of them;
    infinite where nothing is."""
    if lipschitz is None:
        found = [lipschitz_bound(field) for field in taken.fields.values()]
        if None in found:
            return math.inf
        lipschitz = max((c for c in found if c is not None), default=0.0)
    if any(value.dim() for value in taken.learnt.values()):
        return math.inf  # a coefficient for each channel
    values = {name: float(value) for name, value in taken.learnt.items()}
    values = values or {p.name: float(p.value) for p in of.scheme.parameters}
    at = {p.symbol: values[p.name] for p in of.scheme.parameters}
    rate = contraction(of.program, abs(taken.h) * lipschitz, lambda c: float(c.subs(at)))
    return math.inf if rate is None else rate


def halved(block: nn.Module, states: Sequence[Tensor]) -> States:
    """The states that a step takes: a dynamic block of two has both in one tensor."""
    return tuple(states[0].chunk(2, 1)) if getattr(block, "halves", 1) == 2 else tuple(states)


def joined(block: nn.Module, states: States) -> Tensor | States:
    """The states as the block gives them."""
    if getattr(block, "halves", 1) == 2:
        return torch.cat(states, 1)
    return as_state(states)
