"""Residual sums in the graph of a block: y ← a(y + f(y)), one after the other, from its input to its output."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import fx, nn
from torch.nn.modules import activation, batchnorm, dropout, normalization

_ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
_ACTIVATIONS = ("relu", "relu_", "gelu", "silu", "elu", "selu", "celu", "leaky_relu", "tanh", "sigmoid", "hardswish")
_MULTI_INPUT = (activation.MultiheadAttention,)
_CHANGES_SHAPE = (nn.GLU,)
# modules that map a state to one of the same shape, and may follow an addition
_SAME_SHAPE = (
    *(kind for name in activation.__all__ if (kind := getattr(activation, name)) not in (*_MULTI_INPUT, nn.GLU)),
    *(batchnorm._NormBase, dropout._DropoutNd, nn.Identity),
    *(normalization.LayerNorm, normalization.GroupNorm, normalization.RMSNorm, normalization.LocalResponseNorm),
)
_SHAPE_QUERIES = ("shape", "ndim", "dtype", "device", "size", "dim")
_VIEWS = ("view", "reshape", "permute", "transpose", "flatten", "contiguous", "unsqueeze", "squeeze", "movedim", "mT")
_IN_PLACE = tuple(getattr(operator, name) for name in ("iadd", "isub", "imul", "itruediv", "setitem"))


class NotResidualError(Exception):
    """A graph is not a row of residual sums; says what it is instead. adds: it ends in an addition all the same."""

    def __init__(self, why: str, adds: bool = False) -> None:
        super().__init__(why)
        self.adds = adds


@dataclass(frozen=True)
class Sum:
    """One of them. state: the node of y.  branch: that of f(y).  after: the nodes of a, none for the identity."""

    state: fx.Node
    branch: fx.Node
    after: tuple[fx.Node, ...] = ()


def residual_sums(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> tuple[Sum, ...]:
    """The sums that a block consists of, at least one. Raises NotResidualError."""
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    result = graph.output_node().args[0]
    if not inputs or not isinstance(result, fx.Node):
        raise NotResidualError("it does not map one tensor to one tensor")
    sums = _Reader(inputs[0], modules).sums(result)
    if not sums:
        raise NotResidualError("it returns its input")
    return sums


def between(branch: fx.Node, state: fx.Node) -> set[fx.Node]:
    """The nodes that a branch needs beside its state; what asks for a shape asks the state, whomever it asked."""
    needed: set[fx.Node] = set()
    waiting = [branch]
    while waiting:
        node = waiting.pop()
        if node is state or node in needed:
            continue
        needed.add(node)
        if not is_shape_query(node):
            waiting.extend(node.all_input_nodes)
    return needed


def is_shape_query(node: fx.Node) -> bool:
    """Whether a node asks for what all states of a block have in common."""
    if node.op == "call_method":
        return node.target in _SHAPE_QUERIES
    return node.op == "call_function" and node.target is getattr and node.args[1] in _SHAPE_QUERIES


class _Reader:
    """Reads a graph from its end to its input."""

    def __init__(self, start: fx.Node, modules: Mapping[str, nn.Module]) -> None:
        self.start, self.modules = start, modules
        self.known: dict[fx.Node, tuple[Sum, ...] | NotResidualError] = {}

    def sums(self, node: fx.Node) -> tuple[Sum, ...]:
        if node not in self.known:
            try:
                self.known[node] = self._sums(node)
            except NotResidualError as error:
                self.known[node] = error
        found = self.known[node]
        if isinstance(found, NotResidualError):
            raise found
        return found

    def _sums(self, node: fx.Node) -> tuple[Sum, ...]:
        if node is self.start:
            return ()
        if (addends := _addends(node)) is not None:
            return self._sum(*addends)
        if self._keeps_shape(node) and (before := self.sums(node.all_input_nodes[0])):
            return (*before[:-1], replace(before[-1], after=(*before[-1].after, node)))
        if node.target in _VIEWS and isinstance(node.args[0], fx.Node) and _addends(node.args[0]):
            raise NotResidualError(f"{node.target} after an addition: the state changes its shape inside", adds=True)
        raise NotResidualError(f"ends in {self._describe(node)}, not in branch(x) + x")

    def _sum(self, a: fx.Node, b: fx.Node) -> tuple[Sum, ...]:
        why = None
        for shortcut, branch in ((b, a), (a, b)):
            try:
                before = self.sums(shortcut)
            except NotResidualError:
                continue
            why = self._objection(branch, shortcut)
            if why is None:
                return (*before, Sum(shortcut, branch))
        raise NotResidualError(why or f"the shortcut is {self._shortcut(a, b)}, not x itself: a transition", adds=True)

    def _objection(self, branch: fx.Node, state: fx.Node) -> str | None:
        """Why a branch is no function of the state alone, that leaves the state as it is."""
        nodes = between(branch, state)
        if branch is state or state not in {a for n in nodes for a in n.all_input_nodes}:
            return "a side of the addition does not depend on the other"
        if any(node.op == "placeholder" for node in nodes):
            return "the branch reads more than the state that it is added to"
        if any(self._overwrites(node, state) for node in nodes):
            return "the branch overwrites the state in place; write inplace=False"
        return None

    def _overwrites(self, node: fx.Node, state: fx.Node) -> bool:
        first = node.args[0] if node.args else None
        if not isinstance(first, fx.Node) or not _is_view(first, state):
            return False
        if node.op == "call_module":
            return _in_place(self.modules[str(node.target)])
        if node.op == "call_method":
            return str(node.target).endswith("_")
        return bool(node.kwargs.get("inplace")) or node.target in _IN_PLACE

    def _keeps_shape(self, node: fx.Node) -> bool:
        if len(node.all_input_nodes) != 1:
            return False
        if node.op == "call_module":
            return isinstance(self.modules[str(node.target)], _SAME_SHAPE)
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        return node.op in ("call_function", "call_method") and name in _ACTIVATIONS

    def _shortcut(self, a: fx.Node, b: fx.Node) -> str:
        """The side of an addition with fewer calls behind it."""
        sides = sorted((a, b), key=lambda n: len(between(n, self.start)))
        return self._describe(sides[0])

    def _describe(self, node: fx.Node) -> str:
        if node.op == "call_module":
            return f"{node.target}: {type(self.modules[str(node.target)]).__name__}"
        return getattr(node.target, "__name__", str(node.target))


def _addends(node: fx.Node) -> tuple[fx.Node, fx.Node] | None:
    """The two values that a node adds."""
    if node.op not in ("call_function", "call_method") or node.target not in _ADDITIONS:
        return None
    if len(node.args) != 2 or node.kwargs:
        return None
    a, b = node.args
    return (a, b) if isinstance(a, fx.Node) and isinstance(b, fx.Node) else None


def _is_view(node: fx.Node, state: fx.Node) -> bool:
    """Whether a node is the state, or may be a view of it."""
    while node is not state:
        views = node.target in _VIEWS or node.target is operator.getitem
        if not views or not node.args or not isinstance(node.args[0], fx.Node):
            return False
        node = node.args[0]
    return True


def _in_place(module: nn.Module) -> bool:
    """Whether a module overwrites its input, as far as attributes say."""
    first: Iterator[nn.Module] = module.children() if isinstance(module, nn.Sequential) else iter(())
    return bool(getattr(module, "inplace", False)) or any(_in_place(m) for m in list(first)[:1])
