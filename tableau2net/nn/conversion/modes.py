"""A forward that hands self.training on: the graphs of train and eval mode as one, which chooses when it is called."""

from __future__ import annotations

from torch import fx, nn
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
    """Give a block the modules that its graph calls and it has not."""
    for node in graph.nodes:
        if "chosen" in node.meta:
            block.add_module(node.target, node.meta["chosen"].train(block.training))


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
