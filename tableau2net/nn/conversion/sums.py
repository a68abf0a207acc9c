"""Residual sums in the graph of a block: y ← a(y + f(y)), one after the other, from its input to its output."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import fx, nn
from torch.nn.modules import activation, batchnorm, dropout, normalization

from tableau2net.nn.conversion.trace import name_of, overwritten

_ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
_SCALINGS = (operator.mul, operator.imul, operator.truediv, operator.itruediv, torch.mul, torch.div, "mul", "div")
_ACTIVATIONS = ("relu", "relu_", "gelu", "silu", "elu", "selu", "celu", "leaky_relu", "tanh", "sigmoid", "hardswish")
_MULTI_INPUT = (activation.MultiheadAttention,)
# modules that map a state to one of the same shape, and may follow an addition
_SAME_SHAPE = (
    *(kind for name in activation.__all__ if (kind := getattr(activation, name)) not in (*_MULTI_INPUT, nn.GLU)),
    *(batchnorm._NormBase, dropout._DropoutNd, nn.Identity),
    *(normalization.LayerNorm, normalization.GroupNorm, normalization.RMSNorm, normalization.LocalResponseNorm),
)
_SHAPE_QUERIES = ("shape", "ndim", "dtype", "device", "size", "dim")
_RESHAPES = ("view", "reshape", "flatten", "unflatten", torch.reshape, torch.flatten)  # keep the order of the numbers
_VIEWS = ("view", "reshape", "permute", "transpose", "flatten", "contiguous", "unsqueeze", "squeeze", "movedim", "mT")


class NotResidualError(Exception):
    """A graph is not a row of residual sums; says what it is instead. adds: it ends in an addition all the same."""

    def __init__(self, why: str, adds: bool = False) -> None:
        super().__init__(why)
        self.adds = adds


@dataclass(frozen=True)
class Sum:
    """One of them. state: the node of y.  branch: that of f(y).  nodes: those that f consists of.

    view: the reshape of y that f takes and returns, None where there is none.  sizes: the nodes that say into what.
    shapes, viewed: nodes whose shape is asked for, which is that of y, or of the reshape.
    after: the nodes of a, none for the identity."""

    state: fx.Node
    branch: fx.Node
    nodes: frozenset[fx.Node]
    view: fx.Node | None
    sizes: frozenset[fx.Node]
    shapes: frozenset[fx.Node]
    viewed: frozenset[fx.Node]
    after: tuple[fx.Node, ...] = ()


@dataclass(frozen=True)
class _Reading:
    """A node read as a state. sums: that lead to it.  view: the reshape in which it is, None for that of the input."""

    sums: tuple[Sum, ...] = ()
    view: fx.Node | None = None


def residual_sums(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> tuple[Sum, ...]:
    """The sums that a block consists of, at least one. Raises NotResidualError."""
    inputs = placeholders(graph)
    result = graph.output_node().args[0]
    if not inputs or not isinstance(result, fx.Node):
        raise NotResidualError("it does not map one tensor to one tensor")
    found = _Reader(inputs[0], modules).read(result)
    if not found.sums:
        raise NotResidualError("it returns its input")
    if _writes_into_a_part(graph, modules):
        raise NotResidualError("it writes into a part of a tensor in place", adds=True)
    if (kept := _overwritten_attribute(graph, modules)) is not None:
        raise NotResidualError(f"its forward overwrites {kept}, and a step would not", adds=True)
    if found.view is not None:
        raise NotResidualError(f"{found.view.target} after an addition: the state changes its shape inside", adds=True)
    return found.sums


def placeholders(graph: fx.Graph) -> list[fx.Node]:
    """The arguments of a forward that are not constants, the state first."""
    return [node for node in graph.nodes if node.op == "placeholder"]


def is_shape_query(node: fx.Node) -> bool:
    """Whether a node asks for what all states of a block have in common."""
    if node.op == "call_method":
        return node.target in _SHAPE_QUERIES
    return node.op == "call_function" and node.target is getattr and node.args[1] in _SHAPE_QUERIES


class _Reader:
    """Reads a graph from its end to its input."""

    def __init__(self, start: fx.Node, modules: Mapping[str, nn.Module]) -> None:
        self.start, self.modules = start, modules
        self.known: dict[fx.Node, _Reading | NotResidualError] = {}

    def read(self, node: fx.Node) -> _Reading:
        if node not in self.known:
            try:
                self.known[node] = self._read(node)
            except NotResidualError as error:
                self.known[node] = error
        found = self.known[node]
        if isinstance(found, NotResidualError):
            raise found
        return found

    def _read(self, node: fx.Node) -> _Reading:
        if node is self.start:
            return _Reading()
        if (addends := _addends(node)) is not None:
            return self._sum(*addends)
        if self._keeps_shape(node):
            before = self.read(node.all_input_nodes[0])
            if before.sums and before.view is None:
                last = before.sums[-1]
                return _Reading((*before.sums[:-1], replace(last, after=(*last.after, node))))
        if self._reshapes(node):
            before = self.read(node.all_input_nodes[0])
            if before.view is None or node.target in ("view", "reshape", torch.reshape):  # they say the whole shape
                return _Reading(before.sums, None if self._is_own_shape(node) else node)
        if node.target in _VIEWS and isinstance(node.args[0], fx.Node) and _addends(node.args[0]):
            raise NotResidualError(f"{node.target} after an addition: the state changes its shape inside", adds=True)
        if overwritten(node, self.modules) is self.start:
            raise NotResidualError("the branch overwrites the state in place; write inplace=False", adds=True)
        raise NotResidualError(f"ends in {self._describe(node)}, not in branch(x) + x")

    def _sum(self, a: fx.Node, b: fx.Node) -> _Reading:
        why = inner = None
        for shortcut, branch in ((b, a), (a, b)):
            try:
                before = self.read(shortcut)
            except NotResidualError as error:
                inner = str(error) if error.adds else inner
                continue
            try:
                return _Reading((*before.sums, self._step(shortcut, before.view, branch)), before.view)
            except NotResidualError as error:
                why = str(error)
        reason = why or inner or f"the shortcut is {self._shortcut(a, b)}, not x itself: a transition"
        raise NotResidualError(reason, adds=self._both_depend(a, b))

    def _step(self, state: fx.Node, view: fx.Node | None, branch: fx.Node) -> Sum:
        """The sum of a state and a function of it alone, that leaves it as it is."""
        nodes, asked = self._needed([branch], state)
        if branch is state or state not in {a for n in nodes for a in n.all_input_nodes}:
            raise NotResidualError("a side of the addition does not depend on the other")
        sizes, asked_by_view = self._needed([] if view is None else view.all_input_nodes[1:], state)
        if self.start in nodes | sizes:
            raise NotResidualError("the branch reads more than the state that it is added to")
        if any(self._overwrites(node, state) for node in nodes):
            raise NotResidualError("the branch overwrites the state in place; write inplace=False")
        asked |= asked_by_view
        shapes = {node for node in asked if self.read(node).view is None}
        return Sum(
            state, branch, frozenset(nodes), view, frozenset(sizes), frozenset(shapes), frozenset(asked - shapes)
        )

    def _needed(self, ends: list[fx.Node], state: fx.Node) -> tuple[set[fx.Node], set[fx.Node]]:
        """The nodes that some need beside the state, and the states whose shape they ask for, whichever they are."""
        nodes: set[fx.Node] = set()
        asked: set[fx.Node] = set()
        waiting = list(ends)
        while waiting:
            node = waiting.pop()
            if node is state or node in nodes:
                continue
            nodes.add(node)
            whose = node.args[0] if is_shape_query(node) else None
            if isinstance(whose, fx.Node) and self._has_shape(whose, state):
                asked.add(whose)
            else:
                waiting.extend(node.all_input_nodes)
        return nodes, asked

    def _has_shape(self, node: fx.Node, state: fx.Node) -> bool:
        """Whether a node has the shape of the block's input, or that in which a state is."""
        try:
            return self.read(node).view in (None, self.read(state).view)
        except NotResidualError:
            return False

    def _reshapes(self, node: fx.Node) -> bool:
        if node.target not in _RESHAPES or not node.args or not isinstance(node.args[0], fx.Node):
            return False
        return all(isinstance(size, int | fx.Node | tuple | list) for size in node.args[1:])

    def _is_own_shape(self, node: fx.Node) -> bool:
        """Whether a reshape is into the shape of the block's input, size by size."""
        if node.target not in ("view", "reshape", torch.reshape) or node.kwargs:
            return False
        sizes = node.args[1:]
        if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
            sizes = tuple(sizes[0])
        if len(sizes) == 1 and isinstance(sizes[0], fx.Node):
            return self._is_shape(sizes[0])
        return bool(sizes) and all(self._is_size(size, i) for i, size in enumerate(sizes))

    def _is_size(self, node: object, i: int) -> bool:
        """Whether a node is the i-th size of the block's input."""
        if not isinstance(node, fx.Node):
            return False
        if node.target is operator.getitem:
            return bool(node.args[1] == i) and self._is_shape(node.args[0])
        asked = node.args[0] if node.target == "size" and node.args[1:] == (i,) else None
        return isinstance(asked, fx.Node) and self._has_shape(asked, self.start)

    def _is_shape(self, node: object) -> bool:
        if not isinstance(node, fx.Node) or not is_shape_query(node):
            return False
        whole = node.args[1:] in (("shape",), ()) and node.target in (getattr, "size") and not node.kwargs
        asked = node.args[0]
        return whole and isinstance(asked, fx.Node) and self._has_shape(asked, self.start)

    def _overwrites(self, node: fx.Node, state: fx.Node) -> bool:
        first = overwritten(node, self.modules)
        return first is not None and _is_view(first, state)

    def _both_depend(self, a: fx.Node, b: fx.Node) -> bool:
        """Whether the input is behind both sides of an addition: else one is a bias."""
        return all(self.start in _behind(side) for side in (a, b))

    def _keeps_shape(self, node: fx.Node) -> bool:
        if len(node.all_input_nodes) != 1:
            return False
        if node.op == "call_module":
            return isinstance(self.modules[str(node.target)], _SAME_SHAPE)
        if node.target in _SCALINGS and not node.kwargs and node.args[0] in node.all_input_nodes:
            return all(isinstance(number, int | float) for number in node.args[1:])
        return node.op in ("call_function", "call_method") and name_of(node) in _ACTIVATIONS

    def _shortcut(self, a: fx.Node, b: fx.Node) -> str:
        """The side of an addition with fewer calls behind it."""
        sides = sorted((a, b), key=lambda n: len(_behind(n)))
        return self._describe(sides[0])

    def _describe(self, node: fx.Node) -> str:
        if node.op == "call_module":
            return f"{node.target}: {type(self.modules[str(node.target)]).__name__}"
        return name_of(node)


def _behind(node: fx.Node) -> set[fx.Node]:
    """A node and all that it depends on."""
    found: set[fx.Node] = set()
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting.extend(each.all_input_nodes)
    return found


def _addends(node: fx.Node) -> tuple[fx.Node, fx.Node] | None:
    """The two values that a node adds."""
    if node.op not in ("call_function", "call_method") or node.target not in _ADDITIONS:
        return None
    if len(node.args) != 2 or node.kwargs:
        return None
    a, b = node.args
    return (a, b) if isinstance(a, fx.Node) and isinstance(b, fx.Node) else None


def _overwritten_by(node: fx.Node, modules: Mapping[str, nn.Module]) -> list[fx.Node]:
    """The tensor that a node overwrites in place, what that is a view of, and so on; empty where it overwrites none."""
    chain: list[fx.Node] = []
    found: object = overwritten(node, modules)
    while isinstance(found, fx.Node):
        chain.append(found)
        is_view = found.target in _VIEWS or found.target is operator.getitem
        found = found.args[0] if is_view and found.args else None
    return chain


def _writes_into_a_part(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a view is overwritten of a tensor that is used later: the graph does not say that it depends on that."""
    place = {node: i for i, node in enumerate(graph.nodes)}
    return any(
        place[user] > place[node]
        for node in graph.nodes
        for whole in _overwritten_by(node, modules)[1:]
        for user in whole.users
    )


def _overwritten_attribute(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> str | None:
    """The name of a tensor of the module itself that a call overwrites in place; None where there is none."""
    firsts = (chain[-1] for node in graph.nodes if (chain := _overwritten_by(node, modules)))
    return next((str(first.target) for first in firsts if first.op == "get_attr"), None)


def _is_view(node: fx.Node, state: fx.Node) -> bool:
    """Whether a node is the state, or may be a view of it."""
    while node is not state:
        views = node.target in _VIEWS or node.target is operator.getitem
        if not views or not node.args or not isinstance(node.args[0], fx.Node):
            return False
        node = node.args[0]
    return True
