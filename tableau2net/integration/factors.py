"""The matrix of implicit stages, I − h A ⊗ J, factorised whole, or apart along the eigenvectors of A."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tableau2net.integration.banded import Banded, Blocks

DENSE = 256  # numbers in a state up to which its Jacobian is a matrix
INVERTED = 32  # equations up to which a product with the inverse is quicker than with triangles
SKEW = 1e6  # condition of eigenvectors up to which stages are taken apart along them

Weights = tuple[tuple[float, ...], ...]


class Triangles(NamedTuple):
    """Matrices as their triangles, one for each entry of the first dimension."""

    matrix: Tensor
    pivots: Tensor

    def solve(self, right: Tensor, transposed: bool) -> Tensor:
        """The x with M x = right, or Mᵀ x = right, a row for each matrix."""
        if transposed:  # lu_solve has the adjoint, which is the transpose of conjugates
            return torch.linalg.lu_solve(*self, right.conj()[..., None], adjoint=True)[..., 0].conj()  # type: ignore[no-any-return]
        found: Tensor = torch.linalg.lu_solve(*self, right[..., None])
        return found[..., 0]


class Apart(NamedTuple):
    """I − h A ⊗ J as systems of the size of J, one for each eigenvalue of A (HW II, IV.8, eq. 8.4); of two that are
    conjugate one is enough.

    vectors: V of A = V Λ V⁻¹, columns, doubled where they stand for two; rows: V⁻¹. systems: each I − h λ J."""

    vectors: Tensor
    rows: Tensor
    systems: Triangles | list[Blocks]

    @staticmethod
    def of(a: Tensor, jacobian: Tensor | Banded) -> Apart | None:
        """None where A has no such vectors, or ill-conditioned ones."""
        if len(a) == 1 and isinstance(jacobian, Banded):
            return Apart(torch.ones_like(a), torch.ones_like(a), [jacobian.factorised(float(a))])
        values, vectors = torch.linalg.eig(a)
        rows, failed = torch.linalg.inv_ex(vectors)
        size = torch.linalg.matrix_norm(vectors) * torch.linalg.matrix_norm(rows)
        if int(failed) or not float(size) < SKEW:
            return None
        kept = values.imag >= 0
        twice = torch.where(values[kept].imag > 0, 2.0, 1.0)
        values, vectors = values[kept], vectors[:, kept] * twice
        if isinstance(jacobian, Banded):
            each = [v if v.imag else v.real for v in values.tolist()]
            return Apart(vectors, rows[kept], [jacobian.factorised(v) for v in each])
        matrices = torch.eye(len(jacobian), dtype=values.dtype, device=a.device) - values[:, None, None] * jacobian
        return Apart(vectors, rows[kept], Triangles(*torch.linalg.lu_factor_ex(matrices)[:2]))

    def solve(self, right: Tensor, transposed: bool) -> Tensor:
        """The x with M x = right, or Mᵀ x = right."""
        there, back = (self.vectors.T, self.rows.T) if transposed else (self.rows, self.vectors)
        inside = there @ right.view(len(back), -1).to(there.dtype)
        if isinstance(self.systems, Triangles):
            inside = self.systems.solve(inside, transposed)
        else:
            kinds = (
                (x.real if x.is_complex() and not own.inverses.is_complex() else x, own)
                for x, own in zip(inside, self.systems, strict=True)
            )
            inside = torch.stack([own.solve(x, transposed).to(there.dtype) for x, own in kinds])
        found: Tensor = (back @ inside).reshape(-1)
        return found.real if found.is_complex() else found


class Factors(NamedTuple):
    """I − h A ⊗ J as triangles, or inverted where it is small, which is exact enough for steps that are corrected.

    jacobians: of each slope. inverse: of h A, where stages are stiff, have an evaluation each, and it has one."""

    triangles: tuple[Tensor, Tensor] | None
    inverted: Tensor | None
    jacobians: Sequence[Tensor | Banded]
    inverse: Tensor | None
    apart: Apart | None = None

    def solve(self, right: Tensor, transposed: bool = False) -> Tensor:
        """The x with M x = right, or Mᵀ x = right."""
        if self.inverted is not None:
            return right @ self.inverted if transposed else self.inverted @ right
        if self.apart is not None:
            return self.apart.solve(right, transposed)
        assert self.triangles is not None
        found: Tensor = torch.linalg.lu_solve(*self.triangles, right[:, None], adjoint=transposed)
        return found[:, 0]

    def change(self, of: Sequence[int], step: Tensor, beyond: Tensor) -> Tensor:
        """By how much slopes change with a step of the stages, J·step, a row each: by what it takes to leave the
        stages the sums that they are, `beyond`, where h J would make rounding large."""
        if self.inverse is not None:
            if len(self.inverse) == 1:
                return beyond * self.inverse[0]
            return self.inverse @ beyond.view(len(self.inverse), -1)
        rows = step.view(-1, len(self.jacobians[0]))
        return torch.stack([own @ rows[i] for i, own in zip(of, self.jacobians, strict=True)])


def factors_of(jacobians: Sequence[Tensor | Banded], of: Sequence[int], weights: Weights) -> Factors:
    """From the Jacobian of each slope, the state that it is the slope at, and its weight in each state, h included."""
    n, s, first = len(jacobians[0]), len(weights), jacobians[0]
    like = first.diagonal if isinstance(first, Banded) else first
    a = torch.tensor(weights, dtype=like.dtype, device=like.device)
    alone = tuple(of) == tuple(range(s))
    if alone and all(own is first for own in jacobians) and (isinstance(first, Banded) or (s > 1 and n > DENSE)):
        apart = Apart.of(a, first)
        if apart is not None:
            return Factors(None, None, jacobians, _invertible(a), apart)
    return _whole([own.dense() if isinstance(own, Banded) else own for own in jacobians], of, a, alone)


def _whole(jacobians: list[Tensor], of: Sequence[int], a: Tensor, alone: bool) -> Factors:
    """The matrix as one."""
    n, s = len(jacobians[0]), len(a)
    if alone and s == 1:
        coupling = jacobians[0] * a[0, 0]
    elif alone and all(own is jacobians[0] for own in jacobians):
        coupling = a[:, None, :, None] * jacobians[0][:, None]
    else:
        coupling = a.new_zeros(s, n, s, n)
        for j, (i, own) in enumerate(zip(of, jacobians, strict=True)):
            coupling[:, :, i] += a[:, j, None, None] * own
    matrix = coupling.view(s * n, s * n)
    inverse = None
    if alone and float(matrix.abs().amax()) > 1:
        inverse = _invertible(a)
    matrix = torch.eye(s * n, dtype=a.dtype, device=a.device).sub_(matrix)
    if len(matrix) <= INVERTED:
        return Factors(None, torch.linalg.inv_ex(matrix)[0], jacobians, inverse)
    return Factors(torch.linalg.lu_factor_ex(matrix)[:2], None, jacobians, inverse)


def _invertible(a: Tensor) -> Tensor | None:
    """The inverse of a matrix, where it has one."""
    inverse = a.reciprocal() if len(a) == 1 else torch.linalg.inv_ex(a)[0]
    return inverse if math.isfinite(float(inverse.sum())) else None
