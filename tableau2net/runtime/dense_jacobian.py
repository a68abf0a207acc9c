"""The Jacobian of a map of vectors as a matrix: by autograd, and by differences where that sees nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from tableau2net.runtime.anderson import VectorMap

FEW = 12  # rows up to which a backward pass for each costs less than batching them


def jacobian_matrix(image_of: VectorMap, point: Tensor) -> Tensor:
    """∂G/∂v at a point, all rows in one backward pass where G allows it, else row by row; by central differences where
    autograd does not lead from the point to its image. Without a graph."""
    found = by_autograd(image_of, point)
    return _by_central_differences(image_of, point) if found is None else found


def by_autograd(image_of: VectorMap, point: Tensor, rows: Tensor | None = None) -> Tensor | None:
    """The same, None where autograd does not lead there. rows: what its transpose is multiplied by, if not by each of
    the unit vectors."""
    with torch.enable_grad():
        at = point.detach().clone().requires_grad_()
        try:
            image = image_of(at)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, NotImplementedError):  # a map that takes no tensors with a graph, as numpy does
            return None
    if not image.requires_grad:
        return None
    rows = torch.eye(len(at), dtype=at.dtype, device=at.device) if rows is None else rows
    if len(rows) <= FEW:
        found = _row_by_row(image, at, rows)
        return None if found is None else found.detach()
    try:
        (found,) = torch.autograd.grad(image, at, rows, is_grads_batched=True, allow_unused=True, retain_graph=True)
    except (RuntimeError, NotImplementedError):  # an operation that cannot be batched
        found = _row_by_row(image, at, rows)
    return None if found is None else found.detach()


def _row_by_row(image: Tensor, point: Tensor, rows: Tensor) -> Tensor | None:
    try:
        found = [torch.autograd.grad(image, point, row, retain_graph=True, allow_unused=True)[0] for row in rows]
    except (RuntimeError, NotImplementedError):  # one that has no derivative
        return None
    return None if found[0] is None else torch.stack(found)


def _by_central_differences(image_of: VectorMap, point: Tensor) -> Tensor:
    third = torch.finfo(point.dtype).eps ** (1 / 3)
    sizes = point.abs().clamp_min(max(float(point.abs().max()), 1.0) * third) * third
    columns = [image_of(point + step) - image_of(point - step) for step in torch.diag(sizes)]
    found: Tensor = torch.stack(columns, dim=1).detach() / (2 * sizes)
    return found
