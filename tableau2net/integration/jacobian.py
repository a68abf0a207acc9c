"""The Jacobian of a field as a matrix of real numbers, a complex one being two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tableau2net.codegen.support.vectors import Layout

DIFFERENCED = 10  # numbers in a state up to which so many evaluations cost less than autograd does
MIXED = 1e-6  # a number so small beside another that a difference of f may drown in rounding


def jacobian(field: Callable[[Any, Tensor], Tensor], t: Any, y: Tensor) -> Tensor:
    """∂f/∂y at (t, y): by autograd, all rows in one pass where f allows it; by differences where the state is small,
    or f is nothing that autograd sees. It is Newton's matrix, and needs not be exact."""
    layout = Layout.of((y,))
    if (layout.lengths[0] > DIFFERENCED or _mixed(layout, y)) and not torch.is_inference_mode_enabled():
        found = _by_autograd(field, t, y.detach(), layout)
        if found is not None:
            return found
    with torch.no_grad():
        return _by_differences(field, t, y.detach(), layout)


def _mixed(layout: Layout, y: Tensor) -> bool:
    sizes = [abs(x) for x in layout.join((y.detach(),)).tolist() if x]
    return bool(sizes) and min(sizes) < MIXED * max(sizes)


def _by_autograd(field: Callable[[Any, Tensor], Tensor], t: Any, y: Tensor, layout: Layout) -> Tensor | None:
    with torch.enable_grad():
        point = layout.join((y,)).clone().requires_grad_()
        image = layout.join((field(t, layout.split(point)[0]),))
    if not image.requires_grad:
        return None
    rows = torch.eye(len(point), dtype=point.dtype, device=point.device)
    found: Tensor | None
    try:
        (found,) = torch.autograd.grad(image, point, rows, is_grads_batched=True, allow_unused=True, retain_graph=True)
    except (RuntimeError, NotImplementedError):  # an operation that cannot be batched
        found = _row_by_row(image, point, rows)
    return None if found is None else found.detach()


def _row_by_row(image: Tensor, point: Tensor, rows: Tensor) -> Tensor | None:
    try:
        found = [torch.autograd.grad(image, point, row, retain_graph=True, allow_unused=True)[0] for row in rows]
    except (RuntimeError, NotImplementedError):  # one that has no derivative
        return None
    return None if found[0] is None else torch.stack(found)


def _by_differences(field: Callable[[Any, Tensor], Tensor], t: Any, y: Tensor, layout: Layout) -> Tensor:
    """Forward differences; a step is half the digits of the number that moves, or of its neighbours, where it is 0."""
    base, at = layout.join((field(t, y),)), layout.join((y,))
    sizes = torch.maximum(at.abs(), 1e-3 * layout.row_means(at))
    steps = torch.where(sizes > 1e-280, sizes, 1).mul_(torch.finfo(at.dtype).eps ** 0.5).tolist()
    columns = []
    for i, step in enumerate(steps):
        moved = at.clone()
        moved[i] += step
        columns.append((layout.join((field(t, layout.split(moved)[0]),)) - base).div_(step))
    return torch.stack(columns, 1)
