"""A forward that hands self.training on: the graphs of train and eval mode as one, which chooses when it is called."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn
from torch.fx.node import Argument

_PLAIN = (bool, int, float, str, type(None))


class Chosen(nn.Module):
    """One value in train mode, another one in eval mode.

    A module, since what is no module's would be a constant after pickle, which traces a graph anew."""

    def __init__(self, training: object, otherwise: object) -> None:
        super().__init__()
        self.values = (otherwise, training)

    def forward(self) -> object:
        return self.values[self.training]


class _DifferError(Exception):
    """The calls of two graphs differ, not their constants alone."""


def merged(training: fx.Graph, otherwise: fx.Graph) -> fx.Graph | None:
    """The first of two graphs, constants that differ chosen by the mode; None where the calls differ.

    The modules that choose are in the meta of their calls, see `add_choices`."""
    one, two = list(training.nodes), list(otherwise.nodes)
    pairs = dict(zip(one, two, strict=False))
    if len(one) != len(two) or any((a.op, a.target) != (b.op, b.target) for a, b in pairs.items()):
        return None
    if not _same_made(training, otherwise):
        return None
    try:
        for a, b in pairs.items():
            if len(a.args) != len(b.args) or a.kwargs.keys() != b.kwargs.keys():
                return None
            a.args = tuple(_joined(a, x, y, pairs) for x, y in zip(a.args, b.args, strict=True))
            a.kwargs = {name: _joined(a, x, b.kwargs[name], pairs) for name, x in a.kwargs.items()}
    except _DifferError:
        return None
    return training


def add_choices(block: nn.Module, graph: fx.Graph) -> None:
    """Give a block the modules that its graph calls and it has not, and the tensors that its forward makes."""
    for node in graph.nodes:
        if "chosen" in node.meta:
            block.add_module(node.target, node.meta["chosen"].train(block.training))
        if "made" in node.meta:
            setattr(block, node.target, node.meta["made"])


def same_calls(one: fx.Graph, two: fx.Graph) -> bool:
    """Whether two graphs are of the same calls, on tensors of the same values where a forward makes some."""
    return str(one) == str(two) and _same_made(one, two)


def _same_made(one: fx.Graph, two: fx.Graph) -> bool:
    made = [[node.meta["made"] for node in graph.nodes if "made" in node.meta] for graph in (one, two)]
    return len(made[0]) == len(made[1]) and all(map(_same_tensor, *made))


def _same_tensor(a: object, b: object) -> bool:
    if not isinstance(a, Tensor) or not isinstance(b, Tensor):
        return a is b
    return a.dtype == b.dtype and a.device == b.device and torch.equal(a, b)


def _joined(user: fx.Node, a: Argument, b: Argument, pairs: dict[fx.Node, fx.Node]) -> Argument:
    """An argument that is a in train mode and b in eval mode."""
    if isinstance(a, fx.Node):
        if pairs[a] is not b:
            raise _DifferError
        return a
    if isinstance(a, tuple | list) and isinstance(b, tuple | list) and len(a) == len(b):
        return type(a)(_joined(user, x, y, pairs) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return {name: _joined(user, a[name], b[name], pairs) for name in a}
    if isinstance(a, _PLAIN) and isinstance(b, _PLAIN):
        return a if type(a) is type(b) and a == b else _choice(user, a, b)
    if type(a) is type(b) and str(a) == str(b) and not isinstance(b, fx.Node):
        return a
    raise _DifferError


def _choice(user: fx.Node, a: object, b: object) -> fx.Node:
    with user.graph.inserting_before(user):
        count = sum("chosen" in node.meta for node in user.graph.nodes)
        node = user.graph.create_node("call_module", f"chosen_{count}")
    node.meta["chosen"] = Chosen(a, b)
    return node
