"""Products with the Jacobian of a function of rows, which can be differentiated again.

By autograd, which goes with steps that are taken again (hooks on saved tensors) and with fields that call autograd
themselves; by torch.func where that is what is looked into: in a graph for torch.compile, under vmap or jacrev.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tableau2net.runtime.graphs import begun_at

Pull = Callable[[Tensor], Tensor]


def with_pull(function: Callable[[Tensor], Tensor], y: Tensor) -> tuple[Tensor, Pull]:
    """``function(y)``, and what gives vᵀ∂f/∂y for several v at once, (K, *y.shape)."""
    if _functional():
        value, pull = torch.func.vjp(function, y)[:2]
        return value, lambda vectors: _each(lambda v: pull(v)[0], vectors)
    leaf = begun_at(y)
    with torch.enable_grad():
        found = function(leaf)
    wanted = torch.is_grad_enabled() and (leaf is y or _of_more(found, leaf))

    def pulled(vectors: Tensor) -> Tensor:
        if not found.requires_grad:
            return torch.zeros_like(vectors)
        single = len(vectors) == 1  # which what cannot be batched has as well
        rows: Tensor = torch.autograd.grad(
            found,
            leaf,
            vectors[0] if single else vectors,
            create_graph=wanted,
            allow_unused=True,
            materialize_grads=True,
            is_grads_batched=not single,
        )[0]
        return rows[None] if single else rows

    return found if wanted else found.detach(), pulled


def _each(pull: Pull, vectors: Tensor) -> Tensor:
    if len(vectors) == 1:
        return pull(vectors[0])[None]
    rows: Tensor = torch.func.vmap(pull)(vectors)
    return rows


def _of_more(found: Tensor, leaf: Tensor) -> bool:
    """Whether a gradient would go to anything but the leaf, which nobody but we know: to weights, say."""
    seen, ahead = set(), [found.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if getattr(node, "variable", leaf) is not leaf:
            return True
        ahead += [function for function, _ in node.next_functions]
    return False


def gradient(function: Callable[[Tensor], Tensor], y: Tensor) -> Tensor:
    """The gradient, like y, of a function that gives a number for each row, (N,)."""
    if _functional():
        slope: Tensor = torch.func.grad(lambda at: function(at).sum())(y)
        return slope
    value, pull = with_pull(function, y)
    return pull(torch.ones_like(value)[None])[0]


def _functional() -> bool:
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
