"""Fields made of the branches of blocks that exist: the same modules, with their weights, called in the same order."""

from __future__ import annotations

import copy
from typing import cast

from torch import Tensor, fx, nn

from tableau2net.nn.conversion.sums import Sum, between


class Field(nn.Module):
    """f of a residual sum a(y + f(y)); `after` is a, which the block applies when a step is taken."""

    def __init__(self, branch: nn.Module, after: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.after = after

    def forward(self, y: Tensor) -> Tensor:
        return cast(Tensor, self.branch(y))


class Moved(Field):
    """The field g(y) = a(y + f(y)) − y: a plain Euler step with it, h = 1, is the residual sum up to rounding."""

    def forward(self, y: Tensor) -> Tensor:
        assert self.after is not None
        return cast(Tensor, self.after(y + self.branch(y))) - y


def field_of(block: nn.Module, graph: fx.Graph, residual: Sum, moved: bool) -> Field:
    """The field of one sum of a block, sharing its submodules and parameters."""
    name = type(block).__name__
    branch = _part(block, graph, residual.state, residual.branch, f"{name}Branch")
    if not residual.after:
        return Field(branch)
    total = residual.after[0].all_input_nodes[0]
    after = _part(block, graph, total, residual.after[-1], f"{name}After")
    for node in residual.after:  # what a step hands on may be seen elsewhere: nothing of it is overwritten
        if node.op == "call_module" and getattr(after.get_submodule(str(node.target)), "inplace", False):
            harmless = copy.copy(after.get_submodule(str(node.target)))
            setattr(harmless, "inplace", False)  # noqa: B010 (not an attribute of every module)
            after.set_submodule(str(node.target), harmless)
    return Moved(branch, after) if moved else Field(branch, after)


def _part(block: nn.Module, graph: fx.Graph, start: fx.Node, end: fx.Node, name: str) -> fx.GraphModule:
    """The calls from one node to another, as a module of one argument."""
    part = fx.Graph()
    y = part.placeholder("y")
    copied = {start: y}
    needed = between(end, start)
    for node in graph.nodes:  # a shape is asked of the state, which has that of the block's input
        if node in needed:
            copied[node] = part.node_copy(node, lambda old: copied.get(old, y))
    part.output(copied[end])
    return fx.GraphModule(block, part, name)
