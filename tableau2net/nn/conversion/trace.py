"""The graph of a module's own forward: its submodules are opaque, so only what it writes itself is traced."""

from __future__ import annotations

import inspect
from typing import Any

from torch import fx, nn


class UntraceableError(Exception):
    """The forward of a module depends on more than the graph of its calls; says on what."""


class _OwnForward(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def own_graph(module: nn.Module) -> fx.Graph:
    """The calls that a forward makes with its first argument, the others at their defaults.

    Raises UntraceableError where they depend on the tensor's values, or on train or eval mode: a graph says neither.
    """
    mode = module.training
    graphs = []
    try:
        for training in (True, False):
            module.training = training  # of this module alone: what its submodules do is theirs
            graphs.append(_OwnForward().trace(module, _defaults(module)))
    except Exception as error:  # a forward may fail in any way on a proxy
        raise UntraceableError(f"its forward cannot be traced ({_first_line(error)})") from None
    finally:
        module.training = mode
    if str(graphs[0]) != str(graphs[1]):
        raise UntraceableError("its forward depends on self.training; a module (nn.Dropout) would keep that to itself")
    return _without_identities(graphs[0], module)


def _without_identities(graph: fx.Graph, module: nn.Module) -> fx.Graph:
    """A graph that does not call modules that return their input."""
    for node in list(graph.nodes):
        if node.op == "call_module" and isinstance(module.get_submodule(node.target), nn.Identity):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    return graph


def _defaults(module: nn.Module) -> dict[str, Any]:
    parameters = list(inspect.signature(module.forward).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.default is not p.empty and p.kind is p.POSITIONAL_OR_KEYWORD}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:80]
