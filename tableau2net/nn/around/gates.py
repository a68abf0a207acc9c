"""Gates: steps that take place where the image asks for them, of length h·g(y) with g from {0, 1}.

Wang, Yu, Dou, Darrell, Gonzalez 2018, "SkipNet: learning dynamic routing in convolutional networks", ECCV, and
github.com/ucbdrive/skipnet, whose supervised training this is. Their second stage, REINFORCE, is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.codegen import CompiledBlock, Options
from tableau2net.codegen.unrolled import as_state, as_tuple
from tableau2net.errors import InputError
from tableau2net.nn.around.surrounded import Around, Method
from tableau2net.scheme import Scheme

GateKind = Literal["feedforward", "feedforward-small", "recurrent"]
States = tuple[Tensor, ...]
HIDDEN = 10  # numbers that a recurrent gate sees and remembers, as its authors have it
KEPT = 0.9  # of the running share, from batch to batch


class Gate(nn.Module):
    """How probable it is that a step takes place, an image: `forward` gives p, (N,), of the states in front of it.

    g is 1 where p > 1/2 and else 0; in training its gradient is p's ("straight-through"), or with `relaxed` it is p
    itself. Each mean over a batch of g adds `cost` times itself to the loss, by its gradient.
    share: the part of the images that took the step, a running mean over training; 1 before any.
    forced: True or False where it is so whatever the gate says, for a count of what steps cost.
    of_steps: whether what it lets through is a step.
    """

    share: Tensor
    of_steps = True

    def __init__(self, relaxed: bool = False, cost: float = 0.0) -> None:
        super().__init__()
        self.relaxed, self.cost = relaxed, cost
        self.forced: bool | None = None
        self.register_buffer("share", torch.ones(()))

    def keep(self, share: Tensor) -> None:
        """A batch has let so much through."""
        self.share.lerp_(share.to(self.share.dtype), 1 - KEPT)

    def weight(self, p: Tensor) -> Tensor:
        """g with its gradient, (N,)."""
        hard = (p > 0.5).to(p.dtype)
        if self.training:
            self.keep(hard.detach().mean())
        p = Costing.apply(p, self.cost) if self.cost and p.requires_grad else p
        return p if self.relaxed and self.training else hard + (p - p.detach())


class Costing(torch.autograd.Function):
    """p, on whose gradient goes that of `cost` times its mean over the images of all processes."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, cost: float) -> Tensor:
        ctx.cost = cost
        return p.view_as(p)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (grad,) = grads
        ranks = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
        return grad + ctx.cost / (len(grad) * ranks), None


class FeedForwardGate(Gate):
    """Convolutions, the mean over the image, and two scores whose softmax is (1 − p, p).

    small: one 3×3 convolution of stride 2 (FFGate-II); else the maximum over 2×2 pixels, and two of stride 1 and 2
    (FFGate-I), each with BatchNorm and ReLU.
    """

    def __init__(self, width: int, small: bool, **how: Any) -> None:
        super().__init__(**how)
        self.small = small
        strides = (2,) if small else (1, 2)
        self.layers = nn.Sequential()
        for i, stride in enumerate(strides, 1):
            self.layers.add_module(f"conv{i}", nn.Conv2d(width, width, 3, stride, padding=1, bias=False))
            self.layers.add_module(f"bn{i}", nn.BatchNorm2d(width))
            self.layers.add_module(f"relu{i}", nn.ReLU())
        self.scores = nn.Conv2d(width, 2, 1)

    def forward(self, *states: Tensor) -> Tensor:
        y = _seen(states)
        y = y if self.small else functional.max_pool2d(y, 2)
        scores: Tensor = self.scores(self.layers(y).mean((2, 3), keepdim=True))
        return scores.flatten(1).softmax(1)[:, 1]


class Memory(nn.Module):
    """What the recurrent gates of a network share: one LSTM and its state, which begins anew with each call."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(HIDDEN, HIDDEN)
        self.score = nn.Linear(HIDDEN, 1)
        self.hidden: tuple[Tensor, Tensor] | None = None

    def forward(self, seen: Tensor) -> Tensor:
        self.hidden = self.cell(seen, self.hidden)
        score: Tensor = self.score(self.hidden[0])
        return score.squeeze(1).sigmoid()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "hidden": None}


class RecurrentGate(Gate):
    """The mean over the image, a linear map to ten numbers, and the LSTM of all gates, which sees them in turn.

    first, last: whether the memory begins anew with it, or ends.
    """

    def __init__(self, width: int, memory: Memory, first: bool, last: bool, **how: Any) -> None:
        super().__init__(**how)
        self.embed = nn.Conv2d(width, HIDDEN, 1)
        self._memory = (memory,)  # in a tuple: it is the network's
        self.first, self.last = first, last

    def forward(self, *states: Tensor) -> Tensor:
        (memory,) = self._memory
        if self.first:
            memory.hidden = None
        p: Tensor = memory(self.embed(_seen(states).mean((2, 3), keepdim=True)).flatten(1))
        if self.last:
            memory.hidden = None
        return p


def _seen(states: States) -> Tensor:
    return states[0] if len(states) == 1 else torch.cat(states, 1)


def passed(
    gate: Gate, both: Callable[..., tuple[States, States]], skipped: Callable[..., States], states: States
) -> States:
    """What is behind a step that takes place where its gate says so.

    both: of states, what is behind the step, and what is there in its place; skipped: the latter alone.
    Where no gradient is wanted, of a network in evaluation mode, the step is computed of those images alone that take
    it; what BatchNorm does in training is of all.
    """
    p = gate(*states)
    if gate.forced is not None:
        return both(*states)[0] if gate.forced else skipped(*states)
    if gate.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
        g, (new, old) = gate.weight(p), both(*states)
        return tuple(_blend(g, *pair) for pair in zip(new, old, strict=True))
    rows = (p > 0.5).nonzero().flatten()
    if len(rows) == len(p):
        return both(*states)[0]
    old = skipped(*states)
    if len(rows) == 0:
        return old
    new, _ = both(*(y[rows] for y in states))
    return tuple(y.index_copy(0, rows, part) for y, part in zip(old, new, strict=True))


def _blend(g: Tensor, new: Tensor, old: Tensor) -> Tensor:
    g = g.to(new.dtype).view(-1, *(1 for _ in new.shape[1:]))
    return g * new + (1 - g) * old


@dataclass(frozen=True)
class Gated(Around):
    """A step takes place where the `gate` of its first field says so: y⁺ = g Φ(y) + (1 − g) y, as if it had length 0
    elsewhere. Steps without a gate always do."""

    def check(self, scheme: Scheme, options: Options, block: type[CompiledBlock]) -> None:
        """InputError with a scheme that remembers steps, which are of one length, and with ways back that would ask a
        gate again."""
        name = scheme.name or scheme.family
        if block.history:
            raise InputError(f"gate: {name} remembers {', '.join(block.history)}, and a step of length 0 is one of a "
                             "one-step scheme; rk4 say")  # fmt: skip
        if options.step_weights == "shared":
            raise InputError("gate: step_weights='shared' has one field for all steps, and no gate for each")
        if options.backward != "store":
            raise InputError(f"gate: backward={options.backward!r} would ask gates again; write backward='store'")

    def step(self, step: Method, block: type[CompiledBlock]) -> Method:
        """The step, where it takes place."""
        count = len(block.states)

        def stepped(*arguments: Any) -> Any:
            gate = arguments[0].gate
            if not gate:
                return step(*arguments)
            leading, states = arguments[:-count], arguments[-count:]

            def both(*states: Tensor) -> tuple[States, States]:
                return as_tuple(step(*leading, *states)), states

            return as_state(passed(gate[0], both, _same, states))

        return stepped


def _same(*states: Tensor) -> States:
    return states


# ---------------------------------------------------------------------- of a whole network


def gates_of(network: nn.Module) -> list[Gate]:
    """The gates of a network, in the order of `modules`."""
    return [module for module in network.modules() if isinstance(module, Gate)]


@contextmanager
def forced(gates: list[Gate], open_: bool) -> Iterator[None]:
    """For the while, steps are taken, or not, whatever gates say."""
    before = [gate.forced for gate in gates]
    try:
        for gate in gates:
            gate.forced = open_
        yield
    finally:
        for gate, was in zip(gates, before, strict=True):
            gate.forced = was


@torch.no_grad()
def steps_taken(network: nn.Module, *inputs: Tensor) -> Tensor:
    """Which gates let which images through, (gates, N), in evaluation mode: a row for each gate in the order in which
    the network asks them. Raises InputError for a network without gates."""
    found: list[Tensor] = []
    if not (gates := [gate for gate in gates_of(network) if gate.of_steps]):
        raise InputError(f"{type(network).__name__} has no gates; gate='recurrent' gives a ResNet such")
    hooks = [gate.register_forward_hook(lambda _, __, p: found.append(p > 0.5)) for gate in gates]
    training = network.training
    try:
        network.eval()(*inputs)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return torch.stack(found)
