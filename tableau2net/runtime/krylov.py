"""Newton's method without a matrix: products with the Jacobian, GMRES, steps no more exact than they need be."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.autograd import forward_ad

from tableau2net.runtime.anderson import Found, VectorMap
from tableau2net.runtime.graphs import differentiable_twice, leaf
from tableau2net.runtime.vectors import Layout, StateMeasure, length

KRYLOV_VECTORS = 30  # of one cycle
KRYLOV_ROUNDINGS = 16  # what is left of a vector that the others span, relative to it, in units of rounding
FIRST_FORCING, LARGEST_FORCING = 0.1, 0.9
SMALLEST_STEP = 2.0**-10  # of a backtracking search, relative to Newton's step


class Jacobian:
    """Products with the Jacobian of a map of vectors, by reverse mode twice: the product of the transpose with d is
    linear in d, and its own transpose is the Jacobian. The map is evaluated once for all products at a point.

    Where an operation cannot be differentiated twice, by forward mode, which evaluates it again for each.
    """

    def __init__(self, image_of: VectorMap) -> None:
        self.image_of = image_of
        self.reverse_mode = True

    def at(self, point: Tensor) -> VectorMap:
        """v ↦ J(point) v."""
        start, reverse = leaf(point), None
        if self.reverse_mode:
            with self._trying():
                reverse = _twice_reversed(self.image_of, start)

        def product(v: Tensor) -> Tensor:
            if reverse and self.reverse_mode:
                with self._trying():
                    return reverse(v)
            return _tangent(self.image_of, point, v)

        return product

    @contextmanager
    def _trying(self) -> Iterator[None]:
        try:
            yield
        except (NotImplementedError, RuntimeError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            self.reverse_mode = False


def _twice_reversed(image_of: VectorMap, start: Tensor) -> VectorMap:
    # hooks for saved tensors, such as those of checkpointing, are not for a graph that is gone before they are asked
    kept = torch.autograd.graph.saved_tensors_hooks(lambda t: t.detach(), lambda t: t)
    with torch.enable_grad(), kept:
        image = image_of(start)
        if not image.requires_grad:  # the map does not depend on the point
            return torch.zeros_like
        d = torch.zeros_like(image, requires_grad=True)
        (pulled,) = torch.autograd.grad(image, start, d, create_graph=True)
    if not differentiable_twice(pulled):
        raise NotImplementedError("an operation can be differentiated once only")

    def product(v: Tensor) -> Tensor:
        return torch.autograd.grad(pulled, d, v, retain_graph=True)[0]

    return product


def _tangent(image_of: VectorMap, point: Tensor, v: Tensor) -> Tensor:
    with forward_ad.dual_level(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, of the first tangent in a process
        image = image_of(forward_ad.make_dual(point, v))  # type: ignore[no-untyped-call]
        tangent: Tensor | None = forward_ad.unpack_dual(image).tangent  # type: ignore[no-untyped-call]
    return torch.zeros_like(v) if tangent is None else tangent


def newton_krylov(
    image_of: VectorMap, point: Tensor, enough: float, iterations: int, measure: StateMeasure | None = None
) -> Found:
    """The x with G(x) = x by inexact Newton steps: (I − J) δ = G(x) − x is solved by a cycle of GMRES, as exactly as
    the last step's success suggests (Eisenstat & Walker, SIAM J. Sci. Comput. 17, 1996, choice 2), and δ halved until
    the residual falls. Ends early where no step makes it smaller.

    The end is decided by `measure`; what falls is the residual relative to the state at the start, since a scale that
    moves could be made to grow in the place of it.
    """
    measure = measure or StateMeasure(Layout.of((point,)))
    residual, taken, forcing = image_of(point) - point, 0, FIRST_FORCING
    measured, scale, jacobian = measure(residual, point), measure.scale, Jacobian(image_of)
    size = length(residual / scale)
    while measured > enough and taken < iterations and math.isfinite(measured):
        step = _newton_step(jacobian.at(point), residual, scale, max(forcing, enough / measured / 2))
        accepted = _backtracked(image_of, point, step, scale, size)
        if accepted is None:
            break
        point, residual, new = accepted
        forcing = _forcing(forcing, new / size)
        size, measured, taken = new, measure(residual, point), taken + 1
    return Found(point, taken, measured)


def _newton_step(product: VectorMap, right: Tensor, scale: Tensor, forcing: float) -> Tensor:
    step, _ = gmres_cycle(lambda v: v - product(v * scale) / scale, right / scale, min(forcing, LARGEST_FORCING))
    return step * scale


def _forcing(last: float, ratio: float) -> float:
    """How much a step shall leave of the residual; not suddenly less than the last one did."""
    new, safe = 0.9 * ratio**2, 0.9 * last**2
    return max(new, safe) if safe > 0.1 else new


def _backtracked(
    image_of: VectorMap, point: Tensor, step: Tensor, scale: Tensor, size: float
) -> tuple[Tensor, Tensor, float] | None:
    """The point, its residual and the size of that, after the longest part of a step that makes the residual fall."""
    share = 1.0
    while share >= SMALLEST_STEP:
        trial = point.add(step, alpha=share)
        residual = image_of(trial) - trial
        new = length(residual / scale)
        if new <= (1 - 1e-4 * share) * size:  # false for what is no number
            return trial, residual, new
        share /= 2
    return None


def gmres(product: VectorMap, right: Tensor, enough: float, cycles: int) -> Found:
    """The x with A x = right by restarted GMRES (Saad & Schultz, SIAM J. Sci. Stat. Comput. 7, 1986).

    enough, and the residual returned: relative to the right side, and measured, not estimated. Iterations are products
    with A. Ends early where a cycle gains next to nothing.
    """
    whole = length(right)
    point, residual, rest, products = torch.zeros_like(right), 1.0, right, 0
    for _ in range(cycles):
        correction, used = gmres_cycle(product, rest, enough / residual)
        trial = point + correction
        rest = right - product(trial)
        new, products = length(rest) / whole, products + used + 1
        if not new < residual:
            break
        stalled, point, residual = new > 0.99 * residual, trial, new
        if residual <= enough or stalled:
            break
    return Found(point, products, residual)


def gmres_cycle(product: VectorMap, right: Tensor, enough: float) -> tuple[Tensor, int]:
    """The x in the Krylov space of A and `right` whose residual is least, and the products that it took; the space
    grows until the residual is `enough`, relative to `right`.

    The least-squares problem stays on the host in double precision; a product costs one transfer from the device.
    """
    size = length(right)
    if size == 0 or not math.isfinite(size):
        return torch.zeros_like(right), 0
    basis = _KrylovBasis(right / size)
    dependent = KRYLOV_ROUNDINGS * torch.finfo(right.dtype).eps
    problem = _Triangle(size, dependent)
    while basis.count <= KRYLOV_VECTORS:
        new, column = basis.orthogonalised(product(basis.last))
        if not all(map(math.isfinite, column)) or not problem.append(column):
            break
        if problem.residual <= enough * size or column[-1] <= dependent * math.hypot(*column):
            break
        basis.append(new / column[-1])
    return basis.combination(problem.solution()), len(problem.columns)


class _KrylovBasis:
    """Orthonormal vectors, in a block of memory that doubles when it is full."""

    def __init__(self, first: Tensor) -> None:
        self.block = first.new_empty(4, first.numel())
        self.block[0] = first
        self.count = 1

    @property
    def last(self) -> Tensor:
        return self.block[self.count - 1]

    def append(self, vector: Tensor) -> None:
        if self.count == len(self.block):
            self.block = torch.cat([self.block, torch.empty_like(self.block)])
        self.block[self.count] = vector
        self.count += 1

    def orthogonalised(self, w: Tensor) -> tuple[Tensor, list[float]]:
        """What of a vector is orthogonal to the basis, and the vector's coordinates, its own length last.

        Gram–Schmidt twice is as good as rounding allows, and is two products with a matrix each."""
        known = self.block[: self.count]
        once = known @ w
        w = w - once @ known
        twice = known @ w
        w = w - twice @ known
        return w, torch.cat([once + twice, torch.linalg.vector_norm(w)[None]]).tolist()

    def combination(self, coordinates: list[float]) -> Tensor:
        weights = torch.tensor(coordinates, dtype=self.block.dtype, device=self.block.device)
        return weights @ self.block[: len(coordinates)]


class _Triangle:
    """The Hessenberg least-squares problem of GMRES, kept triangular by Givens rotations."""

    def __init__(self, size: float, dependent: float) -> None:
        self.dependent = dependent
        self.columns: list[list[float]] = []
        self.rotations: list[tuple[float, float]] = []
        self.right = [size]

    @property
    def residual(self) -> float:
        return abs(self.right[-1])

    def append(self, column: list[float]) -> bool:
        """Whether the column leaves the matrix a regular one; if not it is not taken in."""
        size, column = math.hypot(*column), list(column)
        for i, (c, s) in enumerate(self.rotations):
            column[i], column[i + 1] = c * column[i] + s * column[i + 1], c * column[i + 1] - s * column[i]
        *above, a, b = column
        radius = math.hypot(a, b)
        if radius <= self.dependent * size:
            return False
        c, s = a / radius, b / radius
        self.columns.append([*above, radius])
        self.rotations.append((c, s))
        self.right[-1:] = [c * self.right[-1], -s * self.right[-1]]
        return True

    def solution(self) -> list[float]:
        found = [0.0] * len(self.columns)
        for i in reversed(range(len(found))):
            rest = sum(self.columns[j][i] * found[j] for j in range(i + 1, len(found)))
            found[i] = (self.right[i] - rest) / self.columns[i][i]
        return found
