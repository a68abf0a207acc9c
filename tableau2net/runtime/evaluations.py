"""Running statistics of each evaluation of a field: a step that evaluates a field four times has four distributions in
a BatchNorm of that field, and each is normalised, once training is over, by its own mean and variance.

They are of the normalisation layer, beside its own: in its child `evaluations`, for each step that has the field and
each evaluation in it a `RunningStatistics`. For the while of an evaluation they stand in the place of the layer's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils.checkpoint import checkpoint

from tableau2net.runtime.statistics import EVALUATIONS, STATISTICS_BUFFERS, RunningStatistics


def own_statistics(
    fields: Iterable[nn.Module], counts: Sequence[int], turns: int = 1, opening: Sequence[int] = ()
) -> None:
    """Running statistics for each evaluation, where a field is evaluated more than once with the same weights.

    fields: of each step one, or a list of one for each of `counts`.
    counts: how often a step evaluates each.  turns: how many steps have the same fields.
    opening: how often those of the first step are evaluated in front of it, as the evaluation behind all of the step's.

    Statistics that are there already stay; others begin as those that the layer has.
    """
    for n, each in enumerate(fields):
        wanted: dict[nn.Module, int] = {}
        for i, field in enumerate(cast("nn.ModuleList", each) if len(counts) > 1 else [each]):
            wanted[field] = wanted.get(field, 0) + counts[i] + (opening[i] if opening and not n else 0)
        for field, count in wanted.items():
            if turns > 1 or count > 1:
                _keep_apart(field, turns, count)


def _keep_apart(field: nn.Module, turns: int, count: int) -> None:
    layers = [module for module in field.modules() if _tracks(module)]
    for layer in layers:
        sets = _sets(layer)
        for n in range(turns):
            if n == len(sets):
                sets.append(nn.ModuleList())
            turn = list(sets[n].children())
            more = (RunningStatistics(layer, first=n == i == 0) for i in range(len(turn), count))
            sets[n] = nn.ModuleList([*turn, *more])
    if layers:
        _mark(field, turns)


def _sets(layer: nn.Module) -> nn.ModuleList:
    """The statistics of a layer's evaluations: for each step a list of one for each evaluation."""
    sets = layer._modules.get(EVALUATIONS)
    if sets is None:
        sets = nn.ModuleList()
        layer.add_module(EVALUATIONS, sets)
        layer.register_load_state_dict_pre_hook(_of_older_file)  # type: ignore[no-untyped-call]
    return cast("nn.ModuleList", sets)


def _mark(field: nn.Module, turns: int) -> None:
    """A field says that there are statistics of its evaluations, and what it is called in each of several steps."""
    vars(field)["_turn"] = 0
    vars(field)["_turns"] = tuple(InTurn(field, n) for n in range(turns)) if turns > 1 else ()


def repeat_turns(field: nn.Module, factor: int) -> None:
    """Of a field that serves all steps, where `factor` of them take the place of each: statistics of each new step, to
    begin with those of the old one."""
    layers = list(_layers(field))
    for layer in layers:
        sets = nn.ModuleList()
        for turn in _sets(layer).children():
            of_turn = cast("list[RunningStatistics]", list(turn.children()))
            again = ([RunningStatistics(layer, before) for before in of_turn] for _ in range(factor - 1))
            sets.extend([turn, *map(nn.ModuleList, again)])
        layer.add_module(EVALUATIONS, sets)
        _mark(field, len(sets))
    if not layers:  # it had been evaluated once
        _keep_apart(field, factor, 1)


def _tracks(module: nn.Module) -> bool:
    """Whether it is a normalisation layer whose statistics are there; those of a lazy one are not yet."""
    mean = module._buffers.get(STATISTICS_BUFFERS[0])
    return bool(getattr(module, "track_running_stats", False)) and mean is not None and not is_lazy(mean)


def _of_older_file(layer: nn.Module, found: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Of a file in which all evaluations shared their statistics, each has those."""
    for name, _own in layer.named_buffers():
        if name.startswith(EVALUATIONS):
            shared = prefix + name.rpartition(".")[2]
            if shared in found:
                found.setdefault(prefix + name, found[shared])


def _layers(field: nn.Module) -> Iterator[nn.Module]:
    """The layers that have statistics of several evaluations."""
    waiting = [field]
    while waiting:
        modules = waiting.pop()._modules
        for child in modules.values():
            if child is not None:
                waiting.append(child)
                if EVALUATIONS in child._modules:
                    yield child
    if EVALUATIONS in field._modules:
        yield field


class InTurn(nn.Module):
    """A field that serves several steps, in one of them; the field itself in all else."""

    def __init__(self, field: nn.Module, turn: int) -> None:
        super().__init__()
        self.field = field
        self._turn = turn

    @property
    def training(self) -> bool:
        """Of the field."""
        return self.field.training

    @training.setter
    def training(self, mode: bool) -> None:
        """It has none of its own."""

    def forward(self, *arguments: Any) -> Any:
        return self.field(*arguments)


def in_turn(field: nn.Module, step: int) -> nn.Module:
    """A field that serves all steps, in that one; where there are more than it has statistics for, as in the last."""
    turns: tuple[nn.Module, ...] = vars(field).get("_turns", ())
    return turns[min(step, len(turns) - 1)] if turns else field


def _turn_of(field: nn.Module) -> int | None:
    """Which step's statistics it is evaluated with; None where it has none of its evaluations."""
    while True:
        turn: int | None = field.__dict__.get("_turn")
        if turn is not None:
            return turn
        inner = field._modules.get("field")  # a field with something around it
        if inner is None:
            return None
        field = inner


class InOrder:
    """A field in one step, whose evaluations come in the order in which they are counted.

    calls: how many have been.  again: whether the backward pass is to make each evaluation again.
    """

    def __init__(self, field: nn.Module, turn: int, again: bool = False) -> None:
        self.field, self.turn, self.again = field, turn, again
        self.layers = list(_layers(field))
        self.calls = 0

    def __call__(self, *arguments: Any) -> Any:
        number, self.calls = self.calls, self.calls + 1
        return self.at(number, *arguments)

    def at(self, number: int, *arguments: Any) -> Any:
        """The evaluation of that number."""
        own = [dict(layer._buffers) for layer in self.layers]
        try:
            for layer in self.layers:
                turn: Any = layer._modules[EVALUATIONS]._modules[str(self.turn)]  # type: ignore[union-attr]
                last = len(turn._modules) - 1
                layer._buffers.update(turn._modules[str(min(number, last))]._buffers)
            return checkpoint(self.field, *arguments, use_reentrant=False) if self.again else self.field(*arguments)
        finally:
            for layer, buffers in zip(self.layers, own, strict=True):
                layer._buffers.update(buffers)

    def modules(self) -> Iterator[nn.Module]:
        """Those of the field."""
        return self.field.modules()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.field, name)


class Counts:
    """How many evaluations fields have behind them, those that count them."""

    def __init__(self, fields: Iterable[Any]) -> None:
        self.fields = [(field, field.calls) for field in fields if isinstance(field, InOrder)]

    def restore(self) -> None:
        """Evaluations that follow are those that followed then."""
        for field, calls in self.fields:
            field.calls = calls

    @contextmanager
    def last(self, times: int) -> Iterator[None]:
        """For the while, what follows is the last once more of so many equal parts of all since then."""
        now = [field.calls for field, _ in self.fields]
        for field, calls in self.fields:
            field.calls -= (field.calls - calls) // times
        try:
            yield
        finally:
            for (field, _), calls in zip(self.fields, now, strict=True):
                field.calls = calls


def evaluation(field: Any, number: int) -> Callable[..., Any]:
    """A field at the evaluation of that number in a step."""
    turn = _turn_of(field) if isinstance(field, nn.Module) else None
    at: Callable[..., Any] = field if turn is None else partial(InOrder(field, turn).at, number)
    return at


def last_evaluation(field: Any) -> Callable[..., Any]:
    """A field at its last evaluation, or where there was none yet at the first; it is not counted."""
    return partial(field.at, max(0, field.calls - 1)) if isinstance(field, InOrder) else field


def in_order(*fields: Any, again: bool = False) -> tuple[Any, ...]:
    """The fields of a step, in it: those that have statistics of their evaluations take them in the order of the calls.

    What is no field may be among them, and is given back; again: see `InOrder`.
    """
    found: dict[int, InOrder] = {}  # a field may come twice
    made = []
    for field in fields:
        turn = _turn_of(field) if isinstance(field, nn.Module) else None
        made.append(field if turn is None else found.setdefault(id(field), InOrder(field, turn, again)))
    return tuple(made)
