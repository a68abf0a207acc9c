"""The graph of a module's own forward: its submodules are opaque, so only what it writes itself is traced."""

from __future__ import annotations

import dis
import inspect
import operator
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, fx, nn
from torch.nn.modules import transformer

from tableau2net.nn.conversion.effects import put_back
from tableau2net.nn.conversion.held import made_by_the_tracer
from tableau2net.nn.conversion.modes import same_calls
from tableau2net.nn.conversion.torch_state import kept_surroundings, surroundings

_IN_PLACE = (operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.imatmul, operator.ipow)
_SUBTRACTIONS = {operator.sub: operator.add, operator.isub: operator.iadd, torch.sub: torch.add, "sub": torch.add}


class UntraceableError(Exception):
    """The forward of a module depends on more than the graph of its calls; says on what."""


class _Plain(fx.Proxy):
    """A value that is no nested tensor."""

    is_nested = False


class _Kept(_Plain):
    """A buffer, of which the shape and the kind are known and the values are not."""

    def __init__(self, node: fx.Node, tracer: fx.Tracer, buffer: Tensor) -> None:
        super().__init__(node, tracer)
        self.shape, self.ndim, self.dtype, self.device = buffer.shape, buffer.ndim, buffer.dtype, buffer.device
        self.size, self.dim, self.numel = buffer.size, buffer.dim, buffer.numel


class _OwnForward(fx.Tracer):
    proxy_buffer_attributes = True  # else what is computed of them alone is a constant

    def getattr(self, attr: str, attr_val: object, parameter_proxy_cache: dict[str, fx.Proxy]) -> object:
        value = super().getattr(attr, attr_val, parameter_proxy_cache)
        if isinstance(value, fx.Proxy) and isinstance(attr_val, Tensor) and not isinstance(attr_val, nn.Parameter):
            return _Kept(value.node, self, attr_val)
        return value

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Plain(node, self)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:  # torch's own arguments, as they are
        """A call, with the state of torch in which it is made."""
        node = super().create_node(*args, **kwargs)
        node.meta["surroundings"] = surroundings()
        return node

    def to_bool(self, obj: fx.Proxy) -> bool:
        """Assertions hold, and what else is checked before an error is raised; another condition is unknown."""
        frame = inspect.currentframe()
        while frame is not None and frame.f_globals.get("__name__") in (__name__, "torch.fx.proxy"):
            frame = frame.f_back
        passed = None if frame is None else _checked(frame)
        return super().to_bool(obj) if passed is None else passed

    def create_args_for_root(
        self,
        root_fn: Callable[..., object],
        is_module: bool,
        concrete_args: dict[str, object] | tuple[object, ...] | None = None,
    ) -> tuple[object, list[object]]:
        """The arguments of a call, nothing for *args and **kwargs."""
        call, arguments = super().create_args_for_root(root_fn, is_module, concrete_args)
        for i, value in enumerate(arguments):
            name = str(value.node.target) if isinstance(value, fx.Proxy) else ""
            if name.startswith("*"):
                value.node.graph.erase_node(value.node)
                arguments[i] = {} if name.startswith("**") else ()
        return call, arguments


def _checked(frame: FrameType) -> bool | None:
    """The value for which the condition at which a frame stands raises nothing; None where neither value raises."""
    calls = list(dis.get_instructions(frame.f_code))
    at = {call.offset: i for i, call in enumerate(calls)}
    here = next(i for i, call in enumerate(calls) if call.offset >= frame.f_lasti)
    jump = next((i for i in range(here, min(here + 4, len(calls))) if "JUMP" in calls[i].opname), None)
    if jump is None or calls[jump].argval not in at:
        return None
    on, there = _raises(calls[jump + 1 :]), _raises(calls[at[calls[jump].argval] :])
    return None if on == there else ("IF_TRUE" in calls[jump].opname) == on


def _raises(calls: list[dis.Instruction]) -> bool:
    """Whether the calls go straight to the raising of an error."""
    for call in calls:
        if call.opname == "RAISE_VARARGS":
            return True
        if "JUMP" in call.opname or call.opname.startswith(("RETURN", "FOR_", "YIELD")):
            return False
    return False


def own_graphs(module: nn.Module, known: Mapping[str, object] | None = None) -> list[fx.Graph]:
    """The calls that a forward makes with its first argument: one graph, or that of train and that of eval mode.

    known: the other arguments that are constants, by their names; None for all at their defaults.
    The meta of an output says what the forward "changes" in its module, and whether its calls "repeat" after that.
    Raises UntraceableError where the calls depend on the tensor's values."""
    constants = _defaults(module) if known is None else dict(known)
    graphs = [_traced(module, constants, training) for training in (True, False)]
    asked = any(graph.output_node().meta["asked"] for graph in graphs)
    if asked and not same_calls(_traced(module, constants, False, keeps=False), graphs[1]):
        raise UntraceableError("the calls of its forward depend on whether gradients are kept")
    if same_calls(*graphs) and [_around(n) for n in graphs[0].nodes] == [_around(n) for n in graphs[1].nodes]:
        graphs.pop()
    plain = [_without_subtraction(_without_identities(_without_constants(graph), module)) for graph in graphs]
    return [_in_order(_read_once(graph), module) for graph in plain]


def _traced(module: nn.Module, constants: dict[str, object], training: bool, keeps: bool = True) -> fx.Graph:
    """The calls of a forward in one mode, with gradients or without, as they come; the output says what changes."""
    try:
        with put_back(module) as changes, _asked() as asked:
            graph = _calls(module, constants, training, keeps)
    except Exception as error:  # a forward may fail in any way on a proxy
        raise UntraceableError(f"its forward cannot be traced ({_first_line(error)})") from None
    repeat = not changes or _repeat(graph, lambda: _calls(module, constants, training, keeps), module)
    graph.output_node().meta.update(changes=changes, asked=asked, repeat=repeat)
    return graph


def _calls(module: nn.Module, constants: dict[str, object], training: bool, keeps: bool) -> fx.Graph:
    """The calls of a forward; tensors that it makes on its way are in the meta of where they are read."""
    with _mode(module, training), _written_out(), kept_surroundings(keeps):
        graph = _OwnForward().trace(module, constants)
    for name in [name for name in vars(module) if made_by_the_tracer(name)]:
        made = vars(module).pop(name)
        for node in graph.find_nodes(op="get_attr", target=name):
            node.meta["made"] = made
    return graph


def _repeat(graph: fx.Graph, calls: Callable[[], fx.Graph], module: nn.Module) -> bool:
    """Whether a second call of a forward, which finds what the first has left, makes the same calls."""
    try:
        with put_back(module):
            calls()
            return same_calls(calls(), graph)
    except Exception:  # on a value of the first call, say
        return False


@contextmanager
def _asked() -> Iterator[list[str]]:
    """The names of the modules, none of torch's or ours, that ask for the while whether gradients are kept."""
    names: list[str] = []
    answer = torch.is_grad_enabled

    def listening() -> bool:
        name = str(sys._getframe(1).f_globals.get("__name__"))
        names.extend([name] * (name.split(".")[0] not in ("torch", "tableau2net")))
        return answer()

    with patch.object(torch, "is_grad_enabled", listening):
        yield names


@contextmanager
def _mode(module: nn.Module, training: bool) -> Iterator[None]:
    """Train or eval mode of this module alone: what its submodules do is theirs."""
    before = module.training
    module.training = training
    try:
        yield
    finally:
        module.training = before


@contextmanager
def _written_out() -> Iterator[None]:
    """Torch's transformer layers by their calls, not by the one kernel that they may be in eval mode."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        # the length is for masks alone, and to find it is to ask a value for its axes
        with patch.object(transformer, "_get_seq_len", lambda src, batch_first: None, create=True):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def name_of(node: fx.Node) -> str:
    """The name of what a node calls: a function, or a method or module by its name."""
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


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
    name = name_of(node)
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
        names = [name_of(each) if each.op == "call_function" else "" for each in checks]
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


def _without_subtraction(graph: fx.Graph) -> fx.Graph:
    """A graph that adds −b where it subtracted b, which is the same to the bit."""
    for node in list(graph.nodes):
        values = node.args if len(node.args) == 2 and not node.kwargs else ()
        if node.target in _SUBTRACTIONS and values and all(isinstance(value, fx.Node) for value in values):
            with graph.inserting_before(node):
                opposite = graph.call_function(torch.neg, (values[1],))
            node.op, node.target = "call_function", _SUBTRACTIONS[node.target]
            node.args = (values[0], opposite)
    return graph


def _around(node: fx.Node) -> object:
    return node.meta.get("surroundings")


def _is_identity(module: nn.Module) -> bool:
    return isinstance(module, nn.Identity) or (
        type(module) is nn.Sequential and all(_is_identity(each) for each in module.children())
    )


def _defaults(module: nn.Module) -> dict[str, object]:
    parameters = list(inspect.signature(module.forward).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:80]
