"""A compiled block step by step: the loop of its `forward`, told instead of taken, and what is read from it: a part of
the steps, the states, their costates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import groupby
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.codegen.compile_options import Options
from tableau2net.codegen.compiled_block import CompiledBlock, Made, steps_in
from tableau2net.codegen.emitted import Program, program
from tableau2net.errors import InputError
from tableau2net.runtime.adjoint import adjoint
from tableau2net.runtime.checkpointed import checkpointed
from tableau2net.runtime.reversible import reversible
from tableau2net.runtime.untouched import untouched
from tableau2net.scheme import Scheme

State = Tensor | tuple[Tensor, ...]  # one tensor, or a tuple where there are several
Inputs = tuple[Tensor | None, ...]  # of a step: states, then what is remembered; None for what is not known yet
Take = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]], Any], Any]


class Unrolled:
    """The steps that a call of a block would take, with the arguments of each.

    ``forward`` runs as it is written, but for the functions that take steps: in their place are those that note down
    the step and its leading arguments, and take none. So it is the very loop, whatever a family or a way back makes of
    it. Raises InputError where the call is not the loop alone: what stands around it is not known.

    started: what the first step is given.  steps: how each is taken, the function, and its leading arguments.
    """

    def __init__(self, block: CompiledBlock, *states: Tensor, **past: Tensor) -> None:
        self.width = len(block.states) + len(block.history)
        self.reveal = len(block.made_of.options.reveal)
        self.steps: list[tuple[Take, Callable[..., Any], tuple[Any, ...]]] = []
        self.started: Inputs = (*states, *(past.get(name) for name in block.history))
        loop = _told(plain_class(block).forward, self)
        around: Callable[..., Any] = getattr(type(block), "around_call", _alone)
        around(loop)(block, *states, **past)

    def tell(self, take: Take, step: Callable[..., Any], *arguments: Any) -> Any:
        """A step taken by itself."""
        inputs = arguments[len(arguments) - self.width :]
        if not self.steps:
            self.started = inputs
        self.steps.append((take, step, arguments[: len(arguments) - self.width]))
        handed = (*inputs, *[None] * self.reveal)
        return handed if len(handed) > 1 else inputs[0]

    def tell_reversible(
        self,
        step: Callable[..., Any],
        pull: Callable[..., tuple[Tensor, ...]],
        arguments: Sequence[tuple[Any, ...]],
        inputs: tuple[Tensor, ...],
        growth_limit: float,
    ) -> Inputs:
        """A loop of steps that are undone."""

        def take(step: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], inputs: Any) -> Inputs:
            return reversible(step, pull, arguments, inputs, growth_limit)

        return self._tell_all(take, step, arguments, inputs)

    def tell_adjoint(
        self, step: Callable[..., Any], timed: bool, arguments: Sequence[tuple[Any, ...]], y: Tensor
    ) -> Tensor:
        """A loop of steps with the adjoint equations."""

        def take(step: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], inputs: Any) -> Any:
            return adjoint(step, timed, arguments, *inputs)

        self._tell_all(take, step, arguments, (y,))
        return y

    def _tell_all(self, take: Take, step: Callable[..., Any], arguments: Sequence[Any], inputs: Inputs) -> Inputs:
        for leading in arguments:
            self.tell(take, step, *leading, *inputs)
        return inputs

    def taken(self, begin: int, end: int, inputs: Inputs, take: Take | None = None) -> Inputs:
        """What the steps from `begin` to before `end` hand on; by `take`, or each as the block takes it."""
        for (own, step), group in groupby(self.steps[begin:end], key=lambda told: told[:2]):
            inputs = as_tuple((take or own)(step, [leading for _, _, leading in group], inputs))[: self.width]
        return inputs


def one_by_one(
    keep: Callable[..., Any], step: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], inputs: Inputs
) -> Inputs:
    """One step after another."""
    for leading in arguments:
        inputs = as_tuple(keep(step, *leading, *inputs))[: len(inputs)]
    return inputs


_UNTOUCHED, _CHECKPOINTED = partial(one_by_one, untouched), partial(one_by_one, checkpointed)


def _told(forward: Callable[..., Any], teller: Unrolled) -> Callable[..., Any]:
    """A generated ``forward`` whose steps are told."""
    assert isinstance(forward, FunctionType)
    instead = {
        "untouched": partial(teller.tell, _UNTOUCHED),
        "checkpointed": partial(teller.tell, _CHECKPOINTED),
        "reversible": teller.tell_reversible,
        "adjoint": teller.tell_adjoint,
    }
    return FunctionType(forward.__code__, {**forward.__globals__, **instead}, argdefs=forward.__defaults__)


def _alone(forward: Callable[..., Any]) -> Callable[..., Any]:
    return forward


def plain_class(block: CompiledBlock) -> type[CompiledBlock]:
    """The generated class that a block's is made from. InputError where another has a call of its own around it that
    it does not tell of (`around_call`)."""
    cls = type(block)
    plain = next(c for c in reversed(cls.__mro__) if isinstance(vars(c).get("made_of"), Made))
    called = next((c for c in cls.__mro__ if "around_call" in vars(c)), plain)
    if getattr(cls, "forward", None) is not vars(called)["forward"]:
        raise InputError(f"{cls.__name__}: its call is more than its steps, so they cannot be taken one by one")
    found: type[CompiledBlock] = plain
    return found


@cache
def _program(scheme: Scheme, options: Options) -> Program:
    return program(scheme, options)


def known(block: CompiledBlock, steps: int) -> tuple[str, ...]:
    """What of its history a block hands from one step to the next: before the first what a call hands in, during the
    start-up what has come to be known, then all of it, and behind the last nothing."""
    if not block.history or steps == steps_in(block):
        return ()
    ready = _program(block.made_of.scheme, block.made_of.options)
    missing = {i.name for i in ready.step.history if i.age > _given(block)}
    if steps == 0:
        return tuple(i.name for i in ready.step.history if i.age and i.name not in missing)
    for _ in range(min(steps, block.startup)):
        assert ready.start is not None
        ends = zip(ready.step.inputs, ready.start.outputs, strict=True)
        missing = {given.name for given, output in ends if output in missing}
    return tuple(name for name in block.history if name not in missing)


class BlockPart(nn.Module):
    """The steps of a block from `begin` to before `end`, counted from 0, on the block's own fields and coefficients.

    With begin = 0 it is called as the block is, ``part(*states, **past)``, else with the tensors that the part before
    gives, ``part(*given)``. What it gives is what the block gives where both end together; else what the next step is
    given: the states, and behind them what the scheme remembers by then (`names` says what), as a tensor, or a tuple of
    several. Fields of other steps are none of its modules; learnt coefficients are the block's, for all its steps.

    Raises InputError unless 0 <= begin <= end <= the number of steps, and for a block whose call is more than steps.
    """

    def __init__(self, block: CompiledBlock, begin: int, end: int) -> None:
        super().__init__()
        steps = steps_in(block)
        for number in (begin, end):
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= begin <= number <= steps:
                raise InputError(
                    f"steps {begin!r} to {end!r}: there are {steps}; write whole numbers, 0 <= begin <= end <= {steps}"
                )
        plain_class(block)
        self._of = (block,)  # in a tuple: what is of no use to these steps is none of its modules
        self.begin, self.end = begin, end
        self.wanted, self.names = ((*block.states, *known(block, n)) for n in (begin, end))
        self.accepted = accepted(block)
        turn: Sequence[int] = getattr(block, "turn", range(steps))  # the numbers of the fields that the steps take
        for name, child in block.named_children():
            if name == "fields" and isinstance(child, nn.ModuleList):
                self.fields = nn.ModuleList(child[i] for i in turn[begin:end])
            else:
                self.add_module(name, child)
        for name, parameter in block.named_parameters(recurse=False):
            self.register_parameter(name, parameter)

    def forward(self, *given: Tensor, **past: Tensor) -> State:
        block = self._of[0]
        states, remembered = given[: len(block.states)], given[len(block.states) :]
        if len(states) < len(block.states) or (len(given) != len(self.wanted) and (self.begin or remembered)):
            raise InputError(
                f"steps {self.begin} to {self.end} go on from {', '.join(self.wanted)}, "
                f"and {len(given)} tensors were given"
            )
        past |= dict(zip(self.wanted[len(states) :], remembered, strict=False))
        if self.begin == self.end:
            return as_state([*states, *(past[name] for name in self.names[len(states) :])])
        handed = {name: value for name, value in past.items() if name in self.accepted} if self.begin else past
        loop = unrolled(block, states, handed)
        inputs = (*states, *(past.get(name) for name in block.history)) if self.begin else loop.started
        found = dict(zip((*block.states, *block.history), loop.taken(self.begin, self.end, inputs), strict=True))
        return as_state([value for name in self.names if (value := found[name]) is not None])


def accepted(block: CompiledBlock) -> frozenset[str]:
    """What of its history a block's call takes where all is known, so that its loop can be told once more."""
    if not block.history:
        return frozenset()
    ready = _program(block.made_of.scheme, block.made_of.options)
    return frozenset(i.name for i in ready.step.history if i.age <= _given(block))


@torch.compiler.disable  # type: ignore[untyped-decorator]
def unrolled(block: CompiledBlock, states: tuple[Tensor, ...], past: dict[str, Tensor]) -> Unrolled:
    """The steps of a call, told. A graph that is compiled ends here, and begins again with the steps."""
    return Unrolled(block, *states, **past)


def _given(block: CompiledBlock) -> int:
    return block.given if block.lookback else 0


def part(block: CompiledBlock, begin: int, end: int) -> BlockPart:
    """The steps from `begin` to before `end` as a module of their own, see `BlockPart`."""
    return BlockPart(block, begin, end)


def split(block: CompiledBlock, k: int) -> tuple[BlockPart, BlockPart]:
    """The first k steps and the rest: what one gives, the other is called with, and the block is both, to the bit."""
    return BlockPart(block, 0, k), BlockPart(block, k, steps_in(block))


def trajectory(block: CompiledBlock, *states: Tensor, **past: Tensor) -> list[State]:
    """The states y_0, y_1, … y_N of a call ``block(*states, **past)``, before the first step and after each.

    Each is a tensor, or a tuple of tensors where the scheme has several states, of the shape that the block is given;
    the last is what the block returns, to the bit, and gradients flow through all as they do through the block. With
    any `backward` it keeps all states."""
    loop = Unrolled(block, *states, **past)
    inputs, found = loop.started, [as_state(states)]
    for n in range(len(loop.steps)):
        inputs = loop.taken(n, n + 1, inputs)
        found.append(as_state([value for value in inputs[: len(states)] if value is not None]))
    return found


def costates(block: CompiledBlock, state: State, cotangent: State, **past: Tensor) -> list[State]:
    """λ_0, λ_1, … λ_N along the trajectory from a state: λ_n is the gradient of ⟨λ_N, y_N⟩ in y_n, what the scheme
    remembers beside y_n held fixed; with λ_N = ∇ℓ(y_N) that of the loss ℓ. In control theory p_n = −λ_n.

    state: what the block is called with, a tensor or a tuple of several; `past` by name.
    cotangent: λ_N, in the same form, as is each λ_n.

    Each is exactly that of the steps, λ_n = (∂Φ_n/∂y_n)ᵀ λ_{n+1}, whatever `backward` is, "adjoint" included. All that
    later steps do with y_n counts, also where they remember it. The states are kept, and the graph of one step at a
    time. BatchNorm counts the batch once. Parameters get no gradient here: that in θ_n is the gradient of
    ⟨λ_{n+1}, block.part(n, n + 1)(y_n)⟩.

    Raises InputError for states or costates in another form.
    """
    _check_form("state", state, block.states)
    _check_form("cotangent", cotangent, block.states)
    with torch.enable_grad():
        begun = tuple(y.detach().requires_grad_() for y in as_tuple(state))
        loop = Unrolled(block, *begun, **past)
        inputs, states = loop.started, [*begun]
        for n in range(len(loop.steps)):
            # a step may use its own results once more, or hand on what it was given: only behind the views is the cut
            inputs = tuple(v if v is None else v.view_as(v) for v in loop.taken(n, n + 1, inputs, _CHECKPOINTED))
            states += [v for v in inputs[: len(begun)] if v is not None]
        ends = states[-len(begun) :]
        for name, end, given in zip(block.states, ends, as_tuple(cotangent), strict=True):
            if (given.shape, given.device) != (end.shape, end.device):
                raise InputError(
                    f"costates: the cotangent of {name} is of shape {tuple(given.shape)} on {given.device}, and the "
                    f"block's last state is {tuple(end.shape)} on {end.device}"
                )
        found = torch.autograd.grad(ends, states, as_tuple(cotangent), allow_unused=True, materialize_grads=True)
    return [as_state(found[i : i + len(begun)]) for i in range(0, len(found), len(begun))]


def _check_form(what: str, given: object, names: Sequence[str]) -> None:
    """InputError where it is not a tensor of real numbers for each state."""
    each = given if isinstance(given, tuple) else (given,)
    if len(each) != len(names) or not all(isinstance(y, Tensor) and y.is_floating_point() for y in each):
        wanted = "a tensor" if len(names) == 1 else f"a tuple of {len(names)} tensors"
        found = ", ".join(f"{y.dtype} numbers" if isinstance(y, Tensor) else type(y).__name__ for y in each)
        raise InputError(
            f"costates: {what} is {wanted} of floating-point numbers, of {', '.join(names)}, and ({found}) was given"
        )


def as_tuple(given: State) -> tuple[Tensor, ...]:
    """A tensor alone, or several of them, as a tuple."""
    return given if isinstance(given, tuple) else (given,)


def as_state(tensors: Sequence[Tensor]) -> State:
    """A tensor where there is but one, else a tuple."""
    return tensors[0] if len(tensors) == 1 else tuple(tensors)
