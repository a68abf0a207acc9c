"""Runs: residual blocks that a network calls one after the other, each with the output of the one before."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

from torch import fx, nn

from tableau2net.nn.conversion.modes import merged
from tableau2net.nn.conversion.module_rows import called_whole
from tableau2net.nn.conversion.sums import NotResidualError, Sum, residual_sums
from tableau2net.nn.conversion.torch_state import switched
from tableau2net.nn.conversion.trace import UntraceableError, own_graphs

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)

_MODES = "the calls of its forward depend on self.training; a module would keep that to itself"
_UNNAMED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class UnnamedError(TypeError):
    """A call has arguments that the forward does not name."""


@dataclass(frozen=True)
class Block:
    """A residual block. where: its name in the network.  sums: its residual sums, in order.

    owner: the name of the module that calls it.  context: what it is called with beside the state and is computed in
    the call, by name.  constants: the others of its arguments."""

    where: str
    module: nn.Module
    graph: fx.Graph
    sums: tuple[Sum, ...]
    owner: str = ""
    context: Mapping[str, object] = field(default_factory=dict)
    constants: Mapping[str, object] = field(default_factory=dict)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of all that its forward takes beside the state, in order."""
        return tuple(p.name for p in _parameters(self.module) if p.kind not in _UNNAMED)


@dataclass(frozen=True)
class Left:
    """A module that stays as it is. where: its name.  kind: its class.  why.

    opaque: its forward cannot be traced, so what it is was not seen; else it adds, but not as a residual block.
    holds: it has modules inside that are no plain layers."""

    where: str
    kind: str
    why: str
    opaque: bool = False
    holds: bool = True


def find_runs(model: nn.Module) -> Iterator[tuple[Block, ...] | Left]:
    """The runs of a network from outside in, and what looks like a residual block and is none.

    Blocks of one run map a state to a state of the same shape, since each adds to its input itself."""
    whole = _block(model, "")
    if isinstance(whole, Block):
        yield (whole,)
        return
    if whole is not None:
        yield whole
    yield from _visit(model, "", frozenset(), {})


def _visit(
    module: nn.Module, where: str, taken: Set[nn.Module], known: dict[str, Mapping[str, object]], seen: bool = True
) -> Iterator[tuple[Block, ...] | Left]:
    """The runs among the modules that one module calls, then those inside the others.

    taken: are in a run already.  known: constants that modules are called with, by the modules' names; grows.
    seen: its owner calls it as one. What is in a container may else be called in parts, so a run is one block; and
    where a second call of its owner makes other calls."""
    inside = set(taken)
    in_parts = isinstance(module, _CONTAINERS) and not seen
    whole, opaque = not in_parts, in_parts
    if has_forward(module):  # else its owner calls the members
        try:
            graphs = _graphs_as_called(module, known.get(where))
            whole = whole and all(graph.output_node().meta["repeat"] for graph in graphs)
            known.update(_constants_of_calls(module, graphs[0], where))
            for found in _agreed([list(_runs(module, graph, where)) for graph in graphs]):
                if isinstance(found, tuple):
                    if any(block.module in taken for block in found):
                        continue
                    inside.update(block.module for block in found)
                    yield from [found] if whole else [(block,) for block in found]
                else:
                    yield found
        except UntraceableError as error:
            opaque = True
            if next(module.children(), None) is not None:  # a layer that decides by itself holds no blocks
                holds = any(not _builtin(child) for child in module.children())
                yield Left(where, type(module).__name__, str(error), opaque=True, holds=holds)
    for name, child in module.named_children():
        if child not in inside and _worth_a_look(child):
            row = not opaque or called_whole(module, name)
            yield from _visit(child, _join(where, name), inside, known, row)


def _graphs_as_called(module: nn.Module, known: Mapping[str, object] | None) -> list[fx.Graph]:
    """The graphs of a forward with the constants that it is called with, else with its defaults."""
    try:
        return own_graphs(module, known)
    except UntraceableError:
        if known is None:
            raise
        return own_graphs(module)


def _constants_of_calls(owner: nn.Module, graph: fx.Graph, where: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The modules that one calls, by name, and what they are called with that is not computed; of several the last."""
    modules = dict(owner.named_modules(remove_duplicate=False))
    for node in graph.nodes:
        if node.op == "call_module" and not _builtin(modules[str(node.target)]):
            try:
                values = _arguments(node, modules[str(node.target)])
            except (TypeError, ValueError):
                continue
            yield _join(where, str(node.target)), {name: v for name, v in values.items() if not _varies(v)}


def _arguments(node: fx.Node, module: nn.Module) -> dict[str, object]:
    """What a call hands to the arguments that a forward names beside the first; TypeError where it does not fit."""
    call = inspect.signature(module.forward).bind(*node.args, **node.kwargs)
    call.apply_defaults()
    unnamed = [p.name for p in _parameters(module) if p.kind in _UNNAMED]
    if more := [name for name in unnamed if call.arguments[name]]:
        raise UnnamedError(f"called with more than the arguments that its forward names, in {', '.join(more)}")
    return {name: value for name, value in list(call.arguments.items())[1:] if name not in unnamed}


def _agreed(readings: list[list[tuple[Block, ...] | Left]]) -> Iterator[tuple[Block, ...] | Left]:
    """What the graphs of train and eval mode have in common."""

    def names(found: tuple[Block, ...] | Left) -> object:
        return found if isinstance(found, Left) else [block.where for block in found]

    first, *others = readings
    common = [[names(found) for found in reading] for reading in others]
    yield from (found for found in first if all(names(found) in each for each in common))


def _runs(owner: nn.Module, graph: fx.Graph, where: str) -> Iterator[tuple[Block, ...] | Left]:
    modules = dict(owner.named_modules(remove_duplicate=False))
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    run: list[Block] = []
    last: fx.Node | None = None
    for node in graph.nodes:
        if node.op != "call_module":
            continue
        found = _called(node, modules[str(node.target)], _join(where, str(node.target)))
        if isinstance(found, Block) and calls[node.target] > 1:
            found = Left(found.where, type(found.module).__name__, f"called {calls[node.target]} times")
        if isinstance(found, Block):
            found = replace(found, owner=where)
            continues = last is not None and node.args[:1] == (last,) and len(last.users) == 1
            continues = (
                continues and last is not None and last.meta.get("surroundings") == node.meta.get("surroundings")
            )
            if run and not (continues and _alike(found, run[0])):
                yield tuple(run)
                run = []
            run.append(found)
            last = node
        else:
            if run:
                yield tuple(run)
            run, last = [], None
            if found is not None:
                yield found
    if run:
        yield tuple(run)


def _called(node: fx.Node, module: nn.Module, where: str) -> Block | Left | None:
    """A module read as a residual block with the arguments that a call has."""
    if _builtin(module):
        return None
    try:
        values = _arguments(node, module)
    except UnnamedError as error:
        found = _block(module, where)
        return Left(where, type(module).__name__, str(error)) if isinstance(found, Block) else found
    except (TypeError, ValueError):
        return _block(module, where)
    if not node.args:
        return _block(module, where)
    context = {name: value for name, value in values.items() if _varies(value)}
    constants = {name: value for name, value in values.items() if name not in context}
    found = _block(module, where, constants)
    return replace(found, context=context, constants=constants) if isinstance(found, Block) else found


def _alike(a: Block, b: Block) -> bool:
    """Whether two blocks are called with the same beside the state."""
    return a.context == b.context and bool(a.arguments) == bool(b.arguments)


def _varies(value: object) -> bool:
    """Whether an argument of a call is computed in it, or is a tuple, which the tracer does not take as a constant."""
    return isinstance(value, tuple | list | dict | fx.Node)


def _block(module: nn.Module, where: str, known: Mapping[str, object] | None = None) -> Block | Left | None:
    """A module read as a residual block; why it is none, where it adds or hides what it does; else None.

    known: its arguments beside the state that are constants; None for the defaults."""
    if _builtin(module):
        return None
    kind = type(module).__name__
    try:
        graph, *others = own_graphs(module, known)
    except UntraceableError:
        return None  # said when its inside is looked at
    same = all(merged(graph, other) is not None for other in others)
    try:
        sums = residual_sums(graph, dict(module.named_modules(remove_duplicate=False)))
    except NotResidualError as error:
        return Left(where, kind, str(error)) if error.adds else None
    if words := [word for each in (graph, *others) for word in switched(each)]:
        return Left(where, kind, f"its forward switches {' and '.join(dict.fromkeys(words))}, and a step would not")
    if changes := [name for each in (graph, *others) for name in each.output_node().meta["changes"]]:
        return Left(where, kind, f"its forward sets {' and '.join(dict.fromkeys(changes))}, and a step would not")
    if not same:
        return Left(where, kind, _MODES)
    if (why := _more_than_forward(module, graph)) is not None:
        return Left(where, kind, why)
    return Block(where, module, graph, sums)


def _more_than_forward(module: nn.Module, graph: fx.Graph) -> str | None:
    """What a call of a module does beside the calls of its class's forward; None where that is all."""
    if module._forward_hooks or module._forward_pre_hooks:
        return "has forward hooks, which would be lost"
    if module._backward_hooks or module._backward_pre_hooks:
        return "has backward hooks, which would be lost"
    if "forward" in vars(module) or type(module).__call__ is not nn.Module.__call__:
        return "its call is not the forward of its class"
    for node in graph.nodes:
        owner, _, name = str(node.target).rpartition(".")
        if node.op == "get_attr" and name in vars(holder := module.get_submodule(owner)) and holder._forward_pre_hooks:
            return f"reads {node.target}, which is made anew whenever {owner} is called"
    return None


def _parameters(module: nn.Module) -> list[inspect.Parameter]:
    """What a forward takes beside the state."""
    return list(inspect.signature(module.forward).parameters.values())[1:]


def _builtin(module: nn.Module) -> bool:
    """Layers of torch.nn do what their name says; its transformer layers are residual blocks."""
    home = type(module).__module__
    return home.startswith("torch.nn.") and home != "torch.nn.modules.transformer"


def has_forward(module: nn.Module) -> bool:
    """Whether a module can be called; what it holds is called by its owner else (ModuleList, ModuleDict)."""
    return type(module).forward is not nn.Module.forward or "forward" in vars(module)


def _worth_a_look(module: nn.Module) -> bool:
    return not _builtin(module) or isinstance(module, _CONTAINERS)


def _join(where: str, name: str) -> str:
    return f"{where}.{name}".lstrip(".")
