"""Autograd graphs: where one begins, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

UNROLLED = "use solver='fixed-point' with gradient='unrolled'"  # the advice where a gradient of iterations is wanted


def leaf(tensor: Tensor) -> Tensor:
    """The tensor where a graph begins. RuntimeError under a transform of torch.func, which has no such place."""
    try:
        return tensor.detach().requires_grad_()
    except RuntimeError as error:
        raise RuntimeError(f"implicit stages are not seen through by transforms of torch.func: {UNROLLED}") from error


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
