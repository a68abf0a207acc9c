"""Implicit stages of an initial value problem: Newton's method with a Jacobian kept over steps, or without a matrix.

What a person's program would keep between steps is kept here, for one integration: the Jacobian of the field, the
factors of I − h A ⊗ J, how fast the last search converged, and the last stages, from which the next are guessed
(Hairer & Wanner, Solving Ordinary Differential Equations II, IV.8).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.control import Tolerance
from tableau2net.integration.factors import DENSE, Factors, Weights, factors_of
from tableau2net.integration.jacobian import DENSE_YET, Jacobians, Matrix
from tableau2net.runtime.anderson import VectorMap
from tableau2net.runtime.implicit_gradient import Stages, Tensors, with_implicit_gradient
from tableau2net.runtime.krylov import gmres
from tableau2net.runtime.random_state import RandomState
from tableau2net.runtime.resolved import resolved
from tableau2net.runtime.stage_solve import ConvergenceError, Solver, solve
from tableau2net.runtime.transforms import one_at_a_time, transformed
from tableau2net.runtime.vectors import Layout, StateMeasure, length

SOON = 10  # evaluations of the stages in one search
ITERATIONS = 10  # of a search with one matrix
SLOW = 0.03  # a rate of convergence at which the next search begins with a new Jacobian
FASTEST = 1e-3  # rate that is relied on before there is a second step to compare with
REMEMBERED, GUESSED_FROM = 6, 3  # stages
FAR = 30.0  # what the last stages may count in a guess, in all: more is far away from them
RESOLVENT = "resolvent"
NOT_TRANSFORMED = (
    "torch.func and forward mode do not see through implicit stages: take backward() or torch.autograd.grad, or an "
    "explicit scheme"
)
KEPT = 4  # factorisations: those of step doubling, and of as many stages with a factor of their own
ROUNDING = 1e-12  # relative to the state: steps of this size that do not become smaller are not Newton's any more

Solved = tuple[Tensors, Tensors]


class Controlled(StateMeasure):
    """A residual in the norm in which steps are controlled, as far down as rounding lets it go."""

    def __init__(self, layout: Layout, wanted: Tolerance) -> None:
        super().__init__(layout)
        self.wanted = wanted

    def __call__(self, residual: Tensor, point: Tensor) -> float:
        rounding = super().weights(residual, point) * (self.layout.reachable() / self.wanted.fraction)
        weights = torch.maximum(self.wanted.scale(self.layout, point), rounding)
        return self.wanted.norm_of(residual / weights, self.layout)


class StageSolver:
    """Called by the generated step with the equations of its implicit stages; returns the stages and their slopes.

    method: "auto", "resolvent" (the field's own), or one of `runtime.stage_solve`. tolerance: of that, relative to the
    state; by default as fine as `wanted`, the tolerance of the steps, makes sensible, and where there is none nearly
    to rounding.
    """

    def __init__(self, method: str, tolerance: float | None, wanted: Tolerance | None) -> None:
        self.method, self.tolerance, self.wanted = method, tolerance, wanted
        self.sources: dict[Any, Jacobians] = {}
        self.jacobians: dict[Any, Matrix] = {}
        self.factors: dict[tuple[Any, ...], Factors] = {}
        self.layouts: dict[Any, Layout] = {}
        self.hard = False  # whether a search without a matrix took long
        self.differentiable = False  # whether slopes or states want a gradient
        self.rate = 1.0  # of the last search
        self.stale = True  # whether it was slow
        self.last: list[tuple[float, Tensor]] = []

    @property
    def exacting(self) -> bool:
        """Whether nearly all digits are asked for."""
        return self.wanted is None or self.tolerance is not None

    def __call__(
        self, stages: Stages, guess: Tensors, fields: Sequence[Any], of: Sequence[int], weights: Weights, times: Any
    ) -> Solved:
        """States y with G(y) = y, and the slopes there, where ``stages(*y)`` is ``(G(y), slopes)``.

        fields: of each slope; of: the state that it is the slope at; weights: of each slope in each state, with h in
        them; times: of the slopes. Without weights the equations are known by their values alone."""
        if self.method == RESOLVENT:
            return self.by_the_field(stages, guess, fields, weights)
        if transformed(guess):
            raise InputError(NOT_TRANSFORMED)
        key = (len(guess), guess[0].shape, guess[0].dtype) if weights else None
        layout = self.layouts.get(key) or self.layouts.setdefault(key, Layout.of(guess)) if key else Layout.of(guess)
        numbers = guess[0].numel() * (1 + guess[0].is_complex())
        if self.method != "auto" or not weights:
            return self.without_a_matrix(stages, guess, layout)
        if numbers > DENSE and not self.hard:
            found = self.tried_without(stages, guess, layout)
            if found is not None:
                return found
        if numbers > DENSE_YET and not self.narrow(fields, of, guess[0], times):
            return self.without_a_matrix(stages, guess, layout)
        return _Search(self, stages, guess, layout, fields, of, weights, times).solved()

    def narrow(self, fields: Sequence[Any], of: Sequence[int], state: Tensor, times: Sequence[float]) -> bool:
        """Whether the matrix of a large state is a band."""
        if tuple(of) != tuple(range(len(fields))) or any(field is not fields[0] for field in fields):
            return False
        source = self.sources.setdefault(fields[0], Jacobians(fields[0].within))
        return source.narrow(times[0], state)

    def by_the_field(self, stages: Stages, guess: Tensors, fields: Sequence[Any], weights: Weights) -> Solved:
        """The same of one stage, whose field solves y = known + c·f(y) itself."""
        if len(guess) != 1 or len(fields) != 1 or not weights:
            raise InputError(
                f"solver = {RESOLVENT!r}: an implicit stage is of one field, and no two are solved together"
            )
        (new,), (slope,) = stages(*guess)
        ((factor,),) = weights
        known = new - factor * slope
        solved = resolved(fields[0].function, known, factor)
        return (solved,), ((solved - known) / factor,)

    def without_a_matrix(self, stages: Stages, guess: Tensors, layout: Layout) -> Solved:
        """The same by a solver that knows the equations by their values."""
        method = "newton-krylov" if self.method == "auto" else self.method
        if self.tolerance is None and self.wanted is not None:
            return solve(
                stages, guess, Solver(method, self.wanted.fraction, 50, "implicit"), (), Controlled(layout, self.wanted)
            )
        return solve(stages, guess, Solver(method, self.tolerance or 1e-10, 50, "implicit"))

    def tried_without(self, stages: Stages, guess: Tensors, layout: Layout) -> Solved | None:
        """The same; None where it does not converge. Where it takes long, as with fields that are stiff in many
        directions, a matrix is the quicker way from now on."""
        evaluations = 0

        def counted(*states: Tensor) -> Solved:
            nonlocal evaluations
            evaluations += 1
            return stages(*states)

        try:
            return self.without_a_matrix(counted, guess, layout)
        except ConvergenceError:
            evaluations = SOON + 1
            return None
        finally:
            self.hard = evaluations > SOON

    def factorised(self, fields: Sequence[Any], of: Sequence[int], weights: Weights) -> Factors:
        """The matrix of the stages from the Jacobians at hand, factorised once."""
        key = (*fields, *of, weights)
        if key not in self.factors:
            if len(self.factors) >= KEPT:
                self.factors.pop(next(iter(self.factors)))
            self.factors[key] = factors_of([self.jacobians[f] for f in fields], of, weights)
        return self.factors[key]

    def renew(self, fields: Sequence[Any], layout: Layout, point: Tensor, times: Sequence[float]) -> None:
        """The Jacobians at a point."""
        self.factors.clear()
        self.jacobians.clear()
        self.stale = False
        state = layout.split(point)[0]
        for field, t in zip(fields, times, strict=True):
            if field not in self.jacobians:
                source = self.sources.setdefault(field, Jacobians(field.within))
                self.jacobians[field] = source.at(t, state)

    def guessed(self, plain: Tensor, of: Sequence[int], times: Sequence[float], count: int) -> Tensor:
        """At each time the polynomial through the nearest of the last stages; as given, where they are too far."""
        if len(self.last) < GUESSED_FROM:
            return plain
        at, nodes = dict(zip(of, times, strict=True)), [t for t, _ in self.last]
        rows = []
        for i in range(count):
            near = sorted(range(len(nodes)), key=lambda n: abs(nodes[n] - at[i]))[:GUESSED_FROM]
            weights = _lagrange([nodes[n] for n in near], at[i])
            if sum(map(abs, weights)) > FAR:
                return plain
            first = self.last[near[0]][1] * weights[0]
            for n, weight in zip(near[1:], weights[1:], strict=True):
                first.add_(self.last[n][1], alpha=weight)
            rows.append(first)
        return rows[0] if count == 1 else torch.cat(rows)

    def remember(self, t: float, state: Tensor) -> None:
        """A stage that was found, in the place of one at about the same time."""
        others = [(s, y) for s, y in self.last if abs(s - t) > 1e-12 * abs(t)]
        self.last = [*others[1 - REMEMBERED :], (t, state)]


def _lagrange(nodes: Sequence[float], t: float) -> list[float]:
    """What the values at three nodes count at t."""
    a, b, c = nodes
    return [
        (t - b) * (t - c) / ((a - b) * (a - c)),
        (t - a) * (t - c) / ((b - a) * (b - c)),
        (t - a) * (t - b) / ((c - a) * (c - b)),
    ]


class _Search:
    """One system of stages."""

    def __init__(
        self,
        solver: StageSolver,
        stages: Stages,
        guess: Tensors,
        layout: Layout,
        fields: Sequence[Any],
        of: Sequence[int],
        weights: Weights,
        times: Sequence[float],
    ) -> None:
        self.solver, self.stages, self.guess, self.layout = solver, stages, guess, layout
        self.fields, self.of, self.weights, self.times = fields, of, weights, times
        self.plain = layout.join(guess).detach()
        self.random = RandomState(guess[0].device)

    def solved(self) -> Solved:
        """The stages, and slopes that they are made of exactly, though f at them be no more exact than h J allows."""
        solver, plain = self.solver, self.plain
        point = solver.guessed(plain, self.of, self.times, len(self.guess))
        renewed = solver.stale or any(f not in solver.jacobians for f in self.fields)
        if renewed:
            solver.renew(self.fields, self.layout, plain, self.times)
        found = self._searched(point)
        if found is None and not (renewed and point is plain):
            solver.renew(self.fields, self.layout, plain, self.times)
            found = self._searched(plain)
        if found is None:
            solver.stale = True
            if solver.wanted is not None:
                raise ConvergenceError("implicit stages: Newton's method does not converge; a smaller step is needed")
            rough = solver.without_a_matrix(self.stages, self.guess, self.layout)
            point = self.layout.join(rough[0]).detach()
            solver.renew(self.fields, self.layout, point, self.times)
            found = self._searched(point)
            if found is None:
                return rough
        return self._kept(*found)

    def _at(self, states: Tensors) -> Solved:
        self.random.restore()
        return self.stages(*states)

    def _values(self, states: Tensors) -> Solved:
        """The same, and whether a gradient is wanted, as is seen by what they come out as: no gradient is kept, but f
        may need one for itself."""
        new, slopes = self._at(states)
        if transformed((*new, *slopes)):
            raise InputError(NOT_TRANSFORMED)
        solver = self.solver
        solver.differentiable = solver.differentiable or any(k.requires_grad for k in (*new, *slopes))
        return new, tuple(k.detach() for k in slopes) if solver.differentiable else slopes

    def _searched(self, point: Tensor) -> tuple[Tensor, Tensors, Tensors, Tensor, Tensor] | None:
        """Where simplified Newton steps lead: the point, the evaluation before the last step, that step and what it
        was made of; None where they lead nowhere."""
        self.factors = factors = self.solver.factorised(self.fields, self.of, self.weights)
        enough = self._enough()
        # the last search's rate counts less and less: else a first step would be believed for ever
        rate = 0.5 if self.solver.exacting else max(self.solver.rate, FASTEST) ** 0.8
        before, start = math.inf, self.plain
        scale: Tensor | None = None
        for taken in range(ITERATIONS):
            new, slopes = self._values(self.layout.split(point))
            residual = self.layout.join(new).detach() - point
            step = factors.solve(residual)
            point = point + step
            if scale is None:
                scale = self._scale(start, point)
            size = self._size(step, scale)
            if not math.isfinite(size):
                return None
            if taken:
                rate = size / before
            if size == 0 or (rate < 1 and rate / (1 - rate) * size <= enough):
                self.solver.rate = rate
                self.solver.stale = bool(taken) and rate > SLOW
                return point, new, slopes, step, residual
            if taken and rate > 0.3 and self._at_rounding(step, start, point):
                return point, new, slopes, step, residual
            if taken and (rate >= 1 or rate ** (ITERATIONS - taken) / (1 - rate) * size > enough):
                return None
            before = size
        return None

    def _enough(self) -> float:
        if self.solver.tolerance is not None:
            return max(self.solver.tolerance, self.layout.reachable())
        return self.solver.wanted.fraction if self.solver.wanted else torch.finfo(self.layout.working).eps

    def _scale(self, start: Tensor, point: Tensor) -> Tensor:
        if not self.solver.exacting and self.solver.wanted is not None and self.solver.wanted.floor:
            return self.solver.wanted.scale(self.layout, start)
        largest = torch.maximum(start.abs(), point.abs())
        if self.solver.tolerance is not None:
            return self.layout.sizes(largest).clamp_min_(torch.finfo(point.dtype).tiny)
        if self.solver.wanted is not None:
            return self.solver.wanted.scale(self.layout, largest)
        return largest.clamp_min_(torch.finfo(point.dtype).tiny)

    def _size(self, step: Tensor, scale: Tensor) -> float:
        if self.solver.wanted is not None and not self.solver.exacting:
            return self.solver.wanted.norm_of(step / scale, self.layout)
        return float((step / scale).abs().amax())

    def _at_rounding(self, step: Tensor, start: Tensor, point: Tensor) -> bool:
        """Whether a step that is not much smaller than the one before it is but rounding."""
        sizes = self.layout.sizes(torch.maximum(start.abs(), point.abs()))
        bound = max(ROUNDING, self.layout.reachable())
        return length(step / sizes.clamp_min_(torch.finfo(step.dtype).tiny)) <= bound * math.sqrt(step.numel())

    def _kept(self, point: Tensor, new: Tensors, slopes: Tensors, step: Tensor, residual: Tensor) -> Solved:
        factors = self.factors
        at, states = dict(zip(self.of, self.times, strict=True)), self.layout.split(point)
        for i, row in enumerate(point.view(len(states), -1)):
            self.solver.remember(at[i], row)
        if self.solver.differentiable and torch.is_grad_enabled():
            back = partial(adjoint, factors, self.layout)
            new, slopes = with_implicit_gradient(self._at, states, back, self.guess)
        elif self.solver.exacting:
            new, slopes = self._at(states)
        else:
            return states, self._moved(slopes, factors.change(self.of, step, step - residual))
        if factors.inverse is None:
            return new, slopes
        residual = self.layout.join(new).detach() - point  # large, though the point be exact
        states = tuple(x - r for x, r in zip(new, self.layout.split(residual), strict=True))
        return states, self._moved(slopes, factors.change(self.of, step, -residual))

    def _moved(self, slopes: Tensors, rows: Tensor) -> Tensors:
        """Slopes that have changed by these rows."""
        layout = self.layout
        if len(slopes) != len(layout.shapes):
            layout = Layout(tuple(k.shape for k in slopes), tuple(k.dtype for k in slopes))
        return layout.split(layout.join(slopes) + rows.reshape(-1))


def adjoint(factors: Factors, layout: Layout, transposed: VectorMap, right: Tensor) -> Tensor:
    """u = right + Jᵀu, with the factors of nearly the same matrix as a preconditioner."""
    one_at_a_time((right,), "the gradient of implicit stages")
    if not right.any():
        return right
    begun = factors.solve(right, transposed=True)
    if not math.isfinite(length(begun)):
        return torch.full_like(right, math.nan)
    scale = begun.abs().max()
    enough = max(ROUNDING, layout.reachable())
    found = gmres(lambda u: factors.solve(u - transposed(u), transposed=True), begun / scale, enough, 20)
    if not found.residual <= 1e3 * enough:
        raise ConvergenceError(f"implicit stages in the backward pass: a residual of {found.residual:.1e} is left")
    return found.point * scale
