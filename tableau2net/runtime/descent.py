"""Gradient descent on the square of a residual: what converges where a fixed-point iteration does not."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Values = tuple[Tensor, ...]
StatesMap = Callable[..., Values]
Measured = Callable[[Values, Values], float]  # of a residual, at states


def descend(
    image_of: StatesMap,
    states: Values,
    size: float,
    iterations: int,
    enough: float = 0.0,
    measured: Measured | None = None,
    traced: bool = False,
) -> tuple[Values, int, float]:
    """Steps along −∇‖y − G(y)‖² = −2 (I − Jᵀ)(y − G(y)) until the residual is small enough, no number any more, or the
    iterations are used up; just so many where nothing is measured. The states, how many steps it took, the residual.

    It goes down where size < 1/σ², σ the largest singular value of I − J. Differentiable where gradients are enabled.
    traced: whether G is differentiated by `torch.func`, as ``torch.compile`` and inference mode want, or by autograd,
    which alone knows of tensors that are kept elsewhere.
    """
    residual = math.nan
    for taken in range(iterations):
        left, pull = _residual(image_of, states, traced)
        if measured is not None:
            residual = measured(left, states)
            if residual <= enough or not math.isfinite(residual):
                return states, taken, residual
        back = pull(left)
        states = tuple(y - 2 * size * (r - p) for y, r, p in zip(states, left, back, strict=True))
    if measured is not None:
        residual = measured(_residual(image_of, states, traced)[0], states)
    return states, iterations, residual


def _residual(image_of: StatesMap, states: Values, traced: bool) -> tuple[Values, Callable[[Values], Values]]:
    """y − G(y), and r ↦ Jᵀr."""

    def image_at(*at: Tensor) -> Values:
        return image_of(*(y.view_as(y) for y in at))  # no leaves: hooks that count operations cannot ask about those

    if traced:
        image, pull = torch.func.vjp(image_at, *states)  # type: ignore[misc]
        return tuple(y - new for y, new in zip(states, image, strict=True)), pull
    onward = torch.is_grad_enabled()
    with torch.enable_grad():
        at = tuple(y if onward and y.requires_grad else y.detach().requires_grad_() for y in states)
        image = image_at(*at)

    def pulled(left: Values) -> Values:
        moving = [(new, r) for new, r in zip(image, left, strict=True) if new.requires_grad]
        if not moving:
            return tuple(map(torch.zeros_like, states))
        outputs, weights = zip(*moving, strict=True)
        return torch.autograd.grad(outputs, at, weights, create_graph=onward, allow_unused=True, materialize_grads=True)

    new = image if onward else tuple(v.detach() for v in image)
    return tuple(y - v for y, v in zip(states, new, strict=True)), pulled
