"""The implicit equation of a multistep method, y = known + c·f(t, y), solved from a predicted value nearby."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.control import Tolerance
from tableau2net.integration.factors import Factors, factors_of
from tableau2net.integration.jacobian import DENSE_YET, Jacobians, Matrix
from tableau2net.integration.newton import NOT_TRANSFORMED, RESOLVENT, StageSolver, adjoint
from tableau2net.integration.system import CountedField
from tableau2net.runtime.implicit_gradient import Tensors, with_implicit_gradient
from tableau2net.runtime.stage_solve import ConvergenceError
from tableau2net.runtime.transforms import transformed
from tableau2net.runtime.vectors import Layout

ITERATIONS = 4  # of one search: a prediction is near, or the matrix is of no use
ENOUGH = 0.02  # of the tolerance
KNOWN_RATE = 0.3  # how much of the last search's rate of convergence the next one starts with


class Corrector:
    """Newton's method with a matrix that is kept from step to step, up to `DENSE_YET` numbers, and beyond where it is a
    band and takes long without; else, or where a solver was chosen, that one, from the predicted value. Gradients are
    those of the solution."""

    def __init__(self, field: CountedField, like: Tensor, tolerance: Tolerance) -> None:
        self.field, self.tolerance, self.layout = field, tolerance, Layout.of((like,))
        self.solver: StageSolver = field.solver
        self.dense = self.solver.method == "auto" and sum(self.layout.lengths) <= DENSE_YET
        self.looked = False
        self.enough = self.solver.tolerance or max(ENOUGH, tolerance.fraction)
        self.differentiable = False  # whether f wants a gradient
        self.rate = 1.0
        self._jacobians = Jacobians(field.within)
        self._jacobian: Matrix | None = None
        self._factors: Factors | None = None
        self._c = math.nan

    def solved(self, t: float, c: float, predicted: Tensor, known: Tensor) -> Tensor:
        """The y. Raises ConvergenceError where it is not found."""
        if transformed((known, predicted)):
            raise InputError(NOT_TRANSFORMED)
        if not self.dense and self.solver.hard and not self.looked:
            self.looked, self.dense = True, self._jacobians.narrow(t, predicted)
        if not self.dense:
            return self._by_the_solver(t, c, predicted, known)
        start = predicted.detach()
        scale = self.tolerance.scale(self.layout, self.layout.join((start,)))
        renewed = self._jacobian is None
        found = self._searched(t, c, start, known.detach(), scale)
        if found is None and not renewed:
            self._jacobian = None
            found = self._searched(t, c, start, known.detach(), scale)
        if found is None:
            self._jacobian = None
            raise ConvergenceError("implicit stages: Newton's method does not converge; a smaller step is needed")
        if (self.differentiable or known.requires_grad) and torch.is_grad_enabled():
            return self._with_gradient(t, c, found, known)
        return found

    def _matrix(self, t: float, c: float, y: Tensor) -> Factors:
        """I − c J, factorised, with a Jacobian from some step before."""
        if self._jacobian is None:
            self._jacobian, self._factors = self._jacobians.at(t, y), None
        if self._factors is None or c != self._c:
            self._factors, self._c, self.rate = factors_of([self._jacobian], (0,), ((c,),)), c, 1.0
        return self._factors

    def _searched(self, t: float, c: float, y: Tensor, known: Tensor, scale: Tensor) -> Tensor | None:
        """Where simplified Newton steps lead, None where that is nowhere near."""
        factors, layout, before = self._matrix(t, c, y), self.layout, 0.0
        for taken in range(ITERATIONS):
            slope = self.field.within(t, y)
            if transformed((slope,)):
                raise InputError(NOT_TRANSFORMED)
            if slope.requires_grad:
                self.differentiable, slope = True, slope.detach()
            residual = layout.join((torch.add(known, slope, alpha=c).sub_(y),))
            step = factors.solve(residual)
            y = y + layout.split(step)[0]
            size = self.tolerance.norm_of(step / scale, layout)
            if not math.isfinite(size):
                return None
            if taken:
                self.rate = max(KNOWN_RATE * self.rate, size / before)
                if size >= 2 * before:
                    return None
            if size * min(1.0, self.rate) <= self.enough:
                return y
            before = size
        return None

    def _with_gradient(self, t: float, c: float, y: Tensor, known: Tensor) -> Tensor:
        def at(states: Tensors) -> tuple[Tensors, Tensors]:
            slope = self.field(t, states[0])
            return (torch.add(known, slope, alpha=c),), (slope,)

        assert self._factors is not None
        (new,), _ = with_implicit_gradient(at, (y,), partial(adjoint, self._factors, self.layout), (known,))
        return new - (new.detach() - y)  # f at y may be far from what y is made of: c·J makes rounding large

    def _by_the_solver(self, t: float, c: float, predicted: Tensor, known: Tensor) -> Tensor:
        def stages(*states: Tensor) -> tuple[Tensors, Tensors]:
            slope = self.field(t, states[0])
            return (torch.add(known, slope, alpha=c),), (slope,)

        if self.solver.method == RESOLVENT:
            (new,), _ = self.solver.by_the_field(stages, (predicted,), (self.field,), ((c,),))
            return new
        found = None
        if self.solver.method == "auto" and not self.looked:
            found = self.solver.tried_without(stages, (predicted,), self.layout)
        (new,), _ = found or self.solver.without_a_matrix(stages, (predicted,), self.layout)
        return new
