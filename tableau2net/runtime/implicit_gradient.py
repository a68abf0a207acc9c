"""The gradient of a solution: reverse mode by the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tableau2net.runtime.anderson import VectorMap
from tableau2net.runtime.graphs import UNROLLED, differentiable_twice, graph_nodes, leaf_after
from tableau2net.runtime.transforms import has_tangent
from tableau2net.runtime.vectors import Layout

Tensors = tuple[Tensor, ...]
Stages = Callable[..., tuple[Tensors, Tensors]]
Adjoint = Callable[[VectorMap, Tensor], Tensor]


def with_implicit_gradient(
    at: Stages, states: Tensors, adjoint: Adjoint, known: Sequence[Tensor] = ()
) -> tuple[Tensors, Tensors]:
    """One evaluation at states that it leaves where they are, with the gradient of these states as a solution.

    adjoint: given v ↦ Jᵀv and g, the u = g + Jᵀu; J is the Jacobian of the new states by the old.
    known: what the evaluation is made of besides, as far as it stands for all that was before, see `leaf_after`.
    Without a gradient to come (none is enabled, or nothing but the states wants one) it is the evaluation alone.
    """
    if not torch.is_grad_enabled():
        new, values = at(states)
        return _without_tangents(new), _without_tangents(values)
    leaves = tuple(leaf_after(s, known) for s in states)
    new, values = at(leaves)
    outputs = _without_tangents((*new, *values))
    if not _depends_on_more(outputs, leaves):
        return tuple(s.detach() for s in new), tuple(k.detach() for k in values)
    outputs = _ImplicitGradient.apply(adjoint, len(leaves), *leaves, *outputs)
    return outputs[: len(new)], outputs[len(new) :]


def _without_tangents(tensors: Tensors) -> Tensors:
    """The tensors; RuntimeError where forward-mode differentiation would leave out how the solution moves."""
    if any(map(has_tangent, tensors)):
        raise RuntimeError(f"implicit stages have no forward-mode derivative: {UNROLLED}")
    return tensors


def _depends_on_more(outputs: Tensors, leaves: Tensors) -> bool:
    """Whether anything but the leaves wants a gradient from the outputs; mostly the first parameter met says so."""
    variables = (getattr(node, "variable", None) for node in graph_nodes(outputs))
    return any(v is not None and not any(v is known for known in leaves) for v in variables)


class _ImplicitGradient(torch.autograd.Function):
    """The identity on the new states and the field values, whose backward turns the gradient g of the states into
    u = g + Jᵀu. What is before it then does the rest: the gradient of everything that the one evaluation depends on
    is that of the solution, since dy = (I − J)⁻¹ ∂G there."""

    @staticmethod
    def forward(ctx: Any, adjoint: Adjoint, count: int, *tensors: Tensor) -> Tensors:
        ctx.adjoint, ctx.count, ctx.first = adjoint, count, tensors[0].grad_fn or tensors[0]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        return tuple(t.detach() for t in tensors[count:])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError(f"the implicit gradient is not differentiable again (create_graph=True): {UNROLLED}")
        n, saved = ctx.count, ctx.saved_tensors  # asked for once: under checkpointing it is the step taken again
        leaves, new, values = saved[:n], saved[n : 2 * n], saved[2 * n :]
        layout = Layout.of(leaves)
        of_states = [torch.zeros_like(s) if g is None else g for s, g in zip(new, gradients[:n], strict=True)]
        pull = _Pull(leaves, new, values, gradients[n:])
        # a saved tensor that comes back as another one went through hooks: each use of the graph may be costly then
        through_values, transposed = (
            pull.at_once() if (leaves[0].grad_fn or leaves[0]) is not ctx.first else pull.each_time()
        )
        right = layout.join(of_states) + through_values
        u = ctx.adjoint(transposed, right)
        solved = [part.to(s.dtype) for part, s in zip(layout.split(u), new, strict=True)]
        return None, None, *[None] * n, *solved, *gradients[n:]


@dataclass(frozen=True)
class _Pull:
    """What a graph takes from gradients of new states and field values back to the states, as vectors."""

    leaves: Tensors
    new: Tensors
    values: Tensors
    of_values: Sequence[Tensor | None]

    def each_time(self) -> tuple[Tensor, VectorMap]:
        """The gradient through the field values, and u ↦ Jᵀu, by a pass through the graph for each product."""
        layout = Layout.of(self.leaves)
        nothing = [None] * len(self.new)
        return self._pulled(nothing, self.of_values), lambda u: self._pulled(layout.split(u), [None] * len(self.values))

    def at_once(self) -> tuple[Tensor, VectorMap]:
        """The same by one pass through the graph in all: its result is affine in u, and is transposed twice."""
        with torch.enable_grad():
            d = torch.zeros_like(Layout.of(self.leaves).join(self.leaves), requires_grad=True)
            pulled = self._pulled(Layout.of(self.leaves).split(d), self.of_values, create_graph=True)
            if not pulled.requires_grad or not differentiable_twice(pulled):
                return self.each_time()
            w = torch.zeros_like(pulled, requires_grad=True)
            (pushed,) = torch.autograd.grad(pulled, d, w, create_graph=True, allow_unused=True, materialize_grads=True)
            if not differentiable_twice(pushed):
                return self.each_time()

        def transposed(u: Tensor) -> Tensor:
            if not pushed.requires_grad:  # the new states do not depend on the old
                return torch.zeros_like(u)
            return torch.autograd.grad(pushed, w, u, retain_graph=True, allow_unused=True, materialize_grads=True)[0]

        return pulled.detach(), transposed

    def _pulled(
        self, of_new: Sequence[Tensor | None], of_values: Sequence[Tensor | None], create_graph: bool = False
    ) -> Tensor:
        pairs = zip((*self.new, *self.values), (*of_new, *of_values), strict=True)
        used = [(o, g.to(o.dtype)) for o, g in pairs if g is not None and o.requires_grad]
        if not used:
            return torch.zeros_like(Layout.of(self.leaves).join(self.leaves))
        found = torch.autograd.grad(
            [o for o, _ in used],
            self.leaves,
            [g for _, g in used],
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
            materialize_grads=True,
        )
        return Layout.of(self.leaves).join(found)
