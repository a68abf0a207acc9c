"""Runs: residual blocks that a network calls one after the other, each with the output of the one before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass

from torch import fx, nn

from tableau2net.nn.conversion.sums import NotResidualError, Sum, residual_sums
from tableau2net.nn.conversion.trace import UntraceableError, own_graph

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


@dataclass(frozen=True)
class Block:
    """A residual block. where: its name in the network.  sums: its residual sums, in order."""

    where: str
    module: nn.Module
    graph: fx.Graph
    sums: tuple[Sum, ...]


@dataclass(frozen=True)
class Left:
    """A module that stays as it is. where: its name.  kind: its class.  why.

    opaque: its forward cannot be traced, so what it is was not seen; else it adds, but not as a residual block."""

    where: str
    kind: str
    why: str
    opaque: bool = False


def find_runs(model: nn.Module) -> Iterator[tuple[Block, ...] | Left]:
    """The runs of a network from outside in, and what looks like a residual block and is none.

    Blocks of one run map a state to a state of the same shape, since each adds to its input itself."""
    whole = _block(model, "")
    if isinstance(whole, Block):
        yield (whole,)
        return
    if whole is not None:
        yield whole
    yield from _visit(model, "")


def _visit(module: nn.Module, where: str, taken: Set[nn.Module] = frozenset()) -> Iterator[tuple[Block, ...] | Left]:
    """The runs among the modules that one module calls, then those inside the others. taken: are in a run already."""
    inside = set(taken)
    if not isinstance(module, nn.ModuleList | nn.ModuleDict):  # these have no forward: their owner calls the members
        try:
            for found in _runs(module, own_graph(module), where):
                if isinstance(found, tuple):
                    inside.update(block.module for block in found)
                yield found
        except UntraceableError as error:
            if next(module.children(), None) is not None:  # a layer that decides by itself holds no blocks
                yield Left(where, type(module).__name__, str(error), opaque=True)
    for name, child in module.named_children():
        if child not in inside and _worth_a_look(child):
            yield from _visit(child, _join(where, name), inside)


def _runs(owner: nn.Module, graph: fx.Graph, where: str) -> Iterator[tuple[Block, ...] | Left]:
    modules = dict(owner.named_modules(remove_duplicate=False))
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    run: list[Block] = []
    last: fx.Node | None = None
    for node in graph.nodes:
        if node.op != "call_module":
            continue
        found = _block(modules[str(node.target)], _join(where, str(node.target)))
        if isinstance(found, Block) and calls[node.target] > 1:
            found = Left(found.where, type(found.module).__name__, f"called {calls[node.target]} times")
        if isinstance(found, Block) and not _single_input(node):
            found = Left(found.where, type(found.module).__name__, "called with more than the state")
        continues = last is not None and node.args[:1] == (last,) and len(last.users) == 1
        if run and not (isinstance(found, Block) and continues):
            yield tuple(run)
            run = []
        if isinstance(found, Block):
            run.append(found)
            last = node
        else:
            last = None
            if found is not None:
                yield found
    if run:
        yield tuple(run)


def _single_input(node: fx.Node) -> bool:
    others = (*node.args[1:], *node.kwargs.values())
    return len(node.args) >= 1 and all(value is None for value in others)


def _block(module: nn.Module, where: str) -> Block | Left | None:
    """A module read as a residual block; why it is none, where it adds or hides what it does; else None."""
    if _builtin(module):
        return None
    kind = type(module).__name__
    try:
        graph = own_graph(module)
    except UntraceableError:
        return None  # said when its inside is looked at
    try:
        sums = residual_sums(graph, dict(module.named_modules(remove_duplicate=False)))
    except NotResidualError as error:
        return Left(where, kind, str(error)) if error.adds else None
    if module._forward_hooks or module._forward_pre_hooks:
        return Left(where, kind, "has forward hooks, which would be lost")
    return Block(where, module, graph, sums)


def _builtin(module: nn.Module) -> bool:
    """Layers of torch.nn do what their name says; its transformer layers are residual blocks."""
    home = type(module).__module__
    return home.startswith("torch.nn.") and home != "torch.nn.modules.transformer"


def _worth_a_look(module: nn.Module) -> bool:
    return not _builtin(module) or isinstance(module, _CONTAINERS)


def _join(where: str, name: str) -> str:
    return f"{where}.{name}".lstrip(".")
