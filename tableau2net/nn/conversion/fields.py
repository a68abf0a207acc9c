"""Fields made of the branches of blocks that exist: the same modules, with their weights, called in the same order."""

from __future__ import annotations

import copy
from collections.abc import Set

from torch import Tensor, fx, nn

from tableau2net.nn.conversion.modes import add_choices
from tableau2net.nn.conversion.sums import Sum, placeholders


class BranchField(nn.Module):
    """f of a residual sum a(y + f(y)); `after` is a, which the block applies when a step is taken.

    Called with what else the blocks of the network were called with, by name."""

    def __init__(self, branch: nn.Module, after: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.after = after

    def forward(self, y: Tensor, **context: object) -> Tensor:
        slope: Tensor = self.branch(y, **context)
        return slope


class Moved(BranchField):
    """The field g(y) = a(y + f(y)) − y: a plain Euler step with it, h = 1, is the residual sum up to rounding."""

    def forward(self, y: Tensor, **context: object) -> Tensor:
        assert self.after is not None
        new: Tensor = self.after(y + self.branch(y, **context))
        return new - y


def field_of(block: nn.Module, graph: fx.Graph, residual: Sum, moved: bool) -> BranchField:
    """The field of one sum of a block, sharing its submodules and parameters."""
    add_choices(block, graph)
    field = _field(block, graph, residual, moved)
    field.training = block.training  # a frozen block stays so
    return field


def _field(block: nn.Module, graph: fx.Graph, residual: Sum, moved: bool) -> BranchField:
    name = type(block).__name__
    branch = _branch(block, graph, residual, f"{name}Branch")
    if not residual.after:
        return BranchField(branch)
    after = _after(block, residual, f"{name}After")
    for node in residual.after:  # what a step hands on may be seen elsewhere: nothing of it is overwritten
        if node.op == "call_module" and getattr(after.get_submodule(str(node.target)), "inplace", False):
            harmless = copy.copy(after.get_submodule(str(node.target)))
            setattr(harmless, "inplace", False)  # noqa: B010 (not an attribute of every module)
            after.set_submodule(str(node.target), harmless)
    return Moved(branch, after) if moved else BranchField(branch, after)


def _branch(block: nn.Module, graph: fx.Graph, residual: Sum, name: str) -> fx.GraphModule:
    """f as a module of the state and the block's other arguments; in a reshape, and back, where the state is in one."""
    part = fx.Graph()
    y = part.placeholder("y")
    _, *others = placeholders(graph)
    copied = {node: part.placeholder(str(node.target)) for node in others}
    copied |= dict.fromkeys(residual.shapes, y)
    inside = y
    if residual.view is not None:
        _copy(graph, residual.sizes, part, copied)
        copied[residual.view.args[0]] = y  # type: ignore[index]
        inside = part.node_copy(residual.view, copied.__getitem__)
        inside.target = "reshape" if inside.target == "view" else inside.target  # y may lie otherwise in memory
    copied |= dict.fromkeys((*residual.viewed, residual.state), inside)
    _copy(graph, residual.nodes, part, copied)
    result = copied[residual.branch]
    if residual.view is not None:
        result = part.call_method("reshape", (result, part.call_method("size", (y,))))
    part.output(result)
    return fx.GraphModule(block, part, name)


def _copy(graph: fx.Graph, nodes: Set[fx.Node], part: fx.Graph, copied: dict[fx.Node, fx.Node]) -> None:
    for node in graph.nodes:
        if node in nodes and node not in copied:
            copied[node] = part.node_copy(node, copied.__getitem__)


def _after(block: nn.Module, residual: Sum, name: str) -> fx.GraphModule:
    """What follows an addition, as a module: calls in a row."""
    part = fx.Graph()
    value = part.placeholder("y")
    for node in residual.after:
        (before,) = node.all_input_nodes
        value = part.node_copy(node, {before: value}.__getitem__)
    part.output(value)
    return fx.GraphModule(block, part, name)
