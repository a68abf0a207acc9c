"""Autograd graphs: where one begins, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

UNROLLED = "use solver='fixed-point' with gradient='unrolled'"  # the advice where a gradient of iterations is wanted


def leaf(tensor: Tensor) -> Tensor:
    """The tensor where a graph begins. RuntimeError under a transform of torch.func, which has no such place."""
    try:
        return tensor.detach().requires_grad_()
    except RuntimeError as error:
        raise RuntimeError(f"implicit stages are not seen through by transforms of torch.func: {UNROLLED}") from error


def begun_at(y: Tensor) -> Tensor:
    """Where a graph of y's own begins: at y itself where one goes on, else at a leaf. Without gradients a view of what
    wants one says that it does too, and no gradient in it is found."""
    return y if torch.is_grad_enabled() and y.requires_grad else y.detach().requires_grad_()


def leaf_after(tensor: Tensor, known: Sequence[Tensor]) -> Tensor:
    """The same, of a graph that is younger than that of some tensors. A search from its end back to the leaf is
    autograd's for a gradient in it, and visits whatever is not older than the leaf: without this, all steps so far at
    each step, which are n²/2 for n steps."""
    wanted = [k for k in known if k.grad_fn is not None]
    if not wanted or torch.compiler.is_compiling():
        return leaf(tensor)
    try:
        found: Tensor = _After.apply(tensor, *wanted)
    except RuntimeError as error:
        raise RuntimeError(f"implicit stages are not seen through by transforms of torch.func: {UNROLLED}") from error
    return found


class _After(torch.autograd.Function):
    """A tensor itself, as if it came from others, to which it gives no gradient."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, *known: Tensor) -> Tensor:
        ctx.count = 1 + len(known)
        ctx.set_materialize_grads(False)
        return tensor.detach()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        return (None,) * ctx.count


def unknown(tensor: Tensor, why: str) -> Tensor:
    """0 that would move with a tensor in a way that nobody knows. RuntimeError, with the reason, where its derivative
    is asked for."""
    found: Tensor = _Unknown.apply(tensor, why)
    return found


class _Unknown(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, why: str) -> Tensor:
        ctx.why = why
        ctx.set_materialize_grads(False)
        return torch.zeros_like(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> Any:
        if gradient is not None:
            raise RuntimeError(ctx.why)
        return None, None


def change_of(tensor: Tensor, what: str) -> Tensor:
    """0 that moves as a tensor does, once: RuntimeError where its gradient is to be differentiated again."""
    found: Tensor = _Change.apply(tensor, what)
    return found


class _Change(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, what: str) -> Tensor:
        ctx.what = what
        return torch.zeros_like(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError(f"{ctx.what} has no second derivatives (create_graph=True)")
        return gradient, None


def differentiable_twice(pulled: Tensor) -> bool:
    """Whether a gradient formed with create_graph=True can be differentiated again; autograd itself passes by
    operations that cannot be, in silence, where there is another way."""
    return not any(node.name().endswith("Error") for node in graph_nodes((pulled,)))


def graph_nodes(outputs: Sequence[Tensor]) -> Iterator[Any]:
    """The nodes of the graph of some tensors, those nearest to them first."""
    level: list[Any] = [o.grad_fn for o in outputs if o.grad_fn is not None]
    seen = set(level)
    while level:
        yield from level
        following = [n for node in level for n, _ in node.next_functions if n is not None]
        level = [n for n in dict.fromkeys(following) if n not in seen]
        seen.update(level)
