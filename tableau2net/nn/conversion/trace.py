"""The graph of a module's own forward: its submodules are opaque, so only what it writes itself is traced."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import fx, nn

_IN_PLACE = tuple(getattr(operator, name) for name in ("iadd", "isub", "imul", "itruediv", "imatmul", "ipow"))


class UntraceableError(Exception):
    """The forward of a module depends on more than the graph of its calls; says on what."""


class _OwnForward(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def own_graphs(module: nn.Module, known: Mapping[str, Any] | None = None) -> list[fx.Graph]:
    """The calls that a forward makes with its first argument: one graph, or that of train and that of eval mode.

    known: the other arguments that are constants, by their names; None for all at their defaults.
    Raises UntraceableError where the calls depend on the tensor's values."""
    constants = _defaults(module) if known is None else dict(known)
    graphs = []
    for training in (True, False):
        try:
            with _mode(module, training):
                graphs.append(_OwnForward().trace(module, constants))
        except Exception as error:  # a forward may fail in any way on a proxy
            raise UntraceableError(f"its forward cannot be traced ({_first_line(error)})") from None
    if str(graphs[0]) == str(graphs[1]):
        graphs.pop()
    return [_in_order(_read_once(_without_identities(_without_constants(graph), module)), module) for graph in graphs]


@contextmanager
def _mode(module: nn.Module, training: bool) -> Iterator[None]:
    """Train or eval mode of this module alone: what its submodules do is theirs."""
    before = module.training
    module.training = training
    try:
        yield
    finally:
        module.training = before


def overwritten(node: fx.Node, modules: Mapping[str, nn.Module]) -> fx.Node | None:
    """The value that a call overwrites in place and returns; None for a call that overwrites nothing."""
    first = node.args[0] if node.args else None
    if not isinstance(first, fx.Node):
        return None
    if node.op == "call_module":
        return first if _in_place(modules[str(node.target)]) else None
    if node.op == "call_method":
        return first if str(node.target).endswith("_") and not str(node.target).startswith("__") else None
    if node.op != "call_function":
        return None
    name = getattr(node.target, "__name__", "")
    by_name = name.endswith("_") and not name.startswith("_")
    return first if by_name or node.target in _IN_PLACE or _asked_in_place(node) else None


def _asked_in_place(node: fx.Node) -> bool:
    """Whether a function is called with inplace=True, by name or by place."""
    try:
        return bool(inspect.signature(node.target).bind(*node.args, **node.kwargs).arguments.get("inplace"))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return bool(node.kwargs.get("inplace"))


def _in_place(module: nn.Module) -> bool:
    """Whether a module overwrites its input, as far as attributes say."""
    first: Iterator[nn.Module] = module.children() if isinstance(module, nn.Sequential) else iter(())
    return getattr(module, "inplace", False) is True or any(_in_place(m) for m in list(first)[:1])


def _in_order(graph: fx.Graph, module: nn.Module) -> fx.Graph:
    """A graph whose later calls take what a call in place returns, so that their arguments say what they depend on."""
    modules = dict(module.named_modules(remove_duplicate=False))
    place = {node: i for i, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        if (before := overwritten(node, modules)) is not None:
            before.replace_all_uses_with(node, lambda user, at=place[node]: place[user] > at)  # type: ignore[misc]
    return graph


def _read_once(graph: fx.Graph) -> fx.Graph:
    """A graph that reads a parameter or buffer once, so that two calls with it are seen to have the same."""
    first: dict[object, fx.Node] = {}
    for node in list(graph.nodes):
        if node.op == "get_attr" and first.setdefault(node.target, node) is not node:
            node.replace_all_uses_with(first[node.target])
            graph.erase_node(node)
    return graph


def _without_constants(graph: fx.Graph) -> fx.Graph:
    """A graph without the arguments that are constants, of which the tracer asserts that they are."""
    for node in [node for node in graph.nodes if node.op == "placeholder"]:
        checks = [*node.users, *(user for each in node.users if each.target is operator.eq for user in each.users)]
        names = [getattr(each.target, "__name__", "") for each in checks]
        if checks and all(name in ("eq", "_assert", "_assert_is_none") for name in names):
            for each in reversed(checks):
                graph.erase_node(each)
            graph.erase_node(node)
    return graph


def _without_identities(graph: fx.Graph, module: nn.Module) -> fx.Graph:
    """A graph that does not call modules that return their input."""
    for node in list(graph.nodes):
        if node.op == "call_module" and _is_identity(module.get_submodule(node.target)) and len(node.args) == 1:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    return graph


def _is_identity(module: nn.Module) -> bool:
    return isinstance(module, nn.Identity) or (
        type(module) is nn.Sequential and all(_is_identity(each) for each in module.children())
    )


def _defaults(module: nn.Module) -> dict[str, Any]:
    parameters = list(inspect.signature(module.forward).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.default is not p.empty and p.kind is p.POSITIONAL_OR_KEYWORD}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:80]
