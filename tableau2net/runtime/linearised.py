"""A field linearised at the state that a step begins with: the linear systems of Rosenbrock and W-methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.runtime.anderson import VectorMap
from tableau2net.runtime.dense_jacobian import jacobian_matrix
from tableau2net.runtime.evaluations import last_evaluation
from tableau2net.runtime.implicit_gradient import Tensors, with_implicit_gradient
from tableau2net.runtime.krylov import Jacobian, gmres
from tableau2net.runtime.phi_sums import Terms, krylov_phi_sum
from tableau2net.runtime.random_state import RandomState
from tableau2net.runtime.slope_along import draws, tangent
from tableau2net.runtime.stage_solve import ConvergenceError, Solver, adjoint
from tableau2net.runtime.statistics import frozen_statistics
from tableau2net.runtime.transforms import has_tangent, transformed
from tableau2net.runtime.vectors import Layout

Made = TypeVar("Made")
LARGEST_MATRIX = 256  # numbers in a state up to which its matrix is formed, and factorised once a step
NO_TANGENT = "stages with the Jacobian of f have no derivative by forward mode, nor by torch.func: take backward()"
CYCLES = 50  # of GMRES, of 30 products each


class Linearised:
    """J = ∂f/∂y at a state, of a field f that is called with `known` arguments and the state.

    Where the field has a method ``approximate_jacobian(*known, y)``, a matrix or v ↦ Jv, J is that where `any_matrix`,
    as a W-method allows. tolerance: of the residual of larger systems, relative to their right sides; not below what
    rounding lets be reached. Factors are kept: stages with the same c share them.

    Running statistics of the field are not touched, and torch's random numbers are those of the first evaluation that
    follows. Solutions are differentiated by the implicit function theorem: the gradient is that of the step as it is
    taken, second derivatives of f included. Raises ConvergenceError where GMRES does not get there, InputError for an
    `approximate_jacobian` of another shape."""

    def __init__(self, field: Any, *known: Any, tolerance: float = 1e-6, any_matrix: bool = False) -> None:
        self.field, (*self.known, self.y) = field, known
        self.layout = Layout.of((self.y,))
        self.enough = max(tolerance, self.layout.reachable())
        self.random = RandomState(self.y.device) if draws(field) else None
        self._at = last_evaluation(field)
        own = getattr(getattr(field, "function", field), "approximate_jacobian", None) if any_matrix else None
        self.given: Any = None if own is None else self._checked(own(*self.known, self.y))
        self._matrix: Tensor | None = None
        self._factors: dict[float, tuple[Tensor, Tensor]] = {}
        self._product: VectorMap | None = None

    def _checked(self, given: Any) -> Any:
        """A matrix of the state's numbers, or a function. Raises InputError."""
        n = self.layout.join((self.y.detach(),)).numel()
        matrix = isinstance(given, Tensor) and given.shape == (n, n) and not given.is_complex()
        if matrix or (callable(given) and not isinstance(given, Tensor)):
            return given
        found = f"a tensor {tuple(given.shape)} {given.dtype}" if isinstance(given, Tensor) else type(given).__name__
        raise InputError(
            f"approximate_jacobian returned {found}: a real matrix {(n, n)} is expected, or a function v ↦ Jv"
        )

    def _given_product(self, v: Tensor) -> Tensor:
        found = self.given(v)
        if not isinstance(found, Tensor) or found.shape != v.shape:
            what = f"a tensor {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
            raise InputError(
                f"the function of approximate_jacobian returned {what}: Jv, a tensor {tuple(v.shape)}, is expected"
            )
        return found

    def resolvent(self, c: float | Tensor, right: Tensor) -> Tensor:
        """The x with x − c J x = right."""
        return between_graphs(self._resolvent)(c, right)

    def product(self, c: float | Tensor, v: Tensor) -> Tensor:
        """c J v."""
        return c * between_graphs(self._along)(v)

    def phi_sum(self, terms: Terms, h: float | Tensor, v: Tensor) -> Tensor:
        """Σ w φ_k(c hJ) v over the terms (w, k, c), in a Krylov space of products with J."""
        return krylov_phi_sum(lambda u: self.product(1.0, u), terms, h, v)

    def _resolvent(self, c: float | Tensor, right: Tensor) -> Tensor:
        if transformed((right, self.y)):
            raise RuntimeError(NO_TANGENT)
        with self._aside():
            solution = self._solved(_number(c), right.detach())
        wanted = any(isinstance(x, Tensor) and x.requires_grad for x in (right, self.y, c))
        if not (wanted and torch.is_grad_enabled()):
            return solution

        def at(states: Tensors) -> tuple[Tensors, Tensors]:
            (x,) = states
            new = right + c * self._along(x)
            return (solution + (new - new.detach()),), ()

        (x,), _ = with_implicit_gradient(at, (solution,), partial(self._transposed, _number(c)), (right, self.y))
        return x

    def _along(self, v: Tensor) -> Tensor:
        if has_tangent(v) or has_tangent(self.y):
            raise RuntimeError(NO_TANGENT)
        if isinstance(self.given, Tensor):
            return self.layout.split(self.given.to(self.layout.working) @ self.layout.join((v,)))[0]
        if self.given is not None:
            return self._given_product(v)
        with frozen_statistics((self.field,)), self._same_numbers():
            return tangent(self._image, self.y, v)

    def _image(self, y: Tensor) -> Tensor:
        found: Tensor = self._at(*self.known, y)
        return found

    def _image_of(self, vector: Tensor) -> Tensor:
        with self._same_numbers():
            return self.layout.join((self._image(self.layout.split(vector)[0]),))

    def _same_numbers(self) -> AbstractContextManager[None]:
        return self.random.restored() if self.random else nullcontext()

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Where nothing is kept for a gradient; forward mode is switched off in inference mode."""
        with torch.inference_mode(False), torch.no_grad(), frozen_statistics((self.field,)):
            yield

    def _solved(self, c: float, right: Tensor) -> Tensor:
        right = right.clone() if right.is_inference() else right
        vector = self.layout.join((right,))
        if len(vector) <= LARGEST_MATRIX and not callable(self.given):
            return self.layout.split(_back(self._factored(c), vector))[0]
        if not vector.any():
            return right
        product = self._products()
        found = gmres(lambda x: x - c * product(x), vector, self.enough, CYCLES)
        if not found.residual <= self.enough:
            raise ConvergenceError(
                f"the linear system of a stage: GMRES reached a residual of {found.residual:.1e} in {found.iterations} "
                f"products, not the tolerance {self.enough:.1e}; try a smaller h, a larger tolerance or float64"
            )
        return self.layout.split(found.point)[0]

    def _products(self) -> VectorMap:
        if self._product is None:
            at = self.layout.join((self.y.detach(),))
            if self.given is not None:
                self._product = lambda v: self.layout.join((self._given_product(self.layout.split(v)[0]),))
            else:
                self._product = Jacobian(self._image_of).at(at.clone() if at.is_inference() else at)
        return self._product

    def _factored(self, c: float) -> tuple[Tensor, Tensor]:
        if c not in self._factors:
            if self._matrix is None:
                at = self.layout.join((self.y.detach(),))
                own = self.given
                self._matrix = jacobian_matrix(self._image_of, at.clone()) if own is None else own.to(at.dtype).detach()
            system = torch.eye(len(self._matrix), dtype=self._matrix.dtype, device=self._matrix.device)
            self._factors[c] = torch.linalg.lu_factor(system.sub_(self._matrix, alpha=c))
        return self._factors[c]

    def _transposed(self, c: float, transposed: VectorMap, right: Tensor) -> Tensor:
        if self._factors:
            return _back(self._factored(c), right, adjoint=True)
        solver = Solver("newton-krylov", self.enough, CYCLES, "implicit")
        return adjoint(solver, self.enough, self.layout, transposed, right)


def linearised(field: Any, *known: Any, tolerance: float = 1e-6, any_matrix: bool = False) -> Linearised:
    """See `Linearised`. A graph that is compiled ends here, and where it is used."""
    return between_graphs(Linearised)(field, *known, tolerance=tolerance, any_matrix=any_matrix)


def between_graphs(function: Callable[..., Made]) -> Callable[..., Made]:
    """A function that runs as it is, also where a graph is compiled around it."""
    if torch.compiler.is_compiling():
        found: Callable[..., Made] = torch.compiler.disable(function)  # type: ignore[no-untyped-call]
        return found
    return function


def _number(c: float | Tensor) -> float:
    """TypeError for a factor a channel, which no one matrix has."""
    if isinstance(c, Tensor) and c.numel() > 1:
        raise TypeError("the linear systems of a stage have one factor: write sharing='shared' or 'step'")
    return float(c.detach()) if isinstance(c, Tensor) else c


def _back(factors: tuple[Tensor, Tensor], right: Tensor, adjoint: bool = False) -> Tensor:
    found: Tensor = torch.linalg.lu_solve(*factors, right[:, None], adjoint=adjoint)
    return found[:, 0]
