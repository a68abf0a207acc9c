"""A loop of steps that keeps its last states alone: on the way back each step is undone by its inverse."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.runtime.buffers import Before
from tableau2net.runtime.evaluations import in_order
from tableau2net.runtime.replay import ParameterGradients, RecordedField, Replay, Seen
from tableau2net.runtime.statistics import STATISTICS_BUFFERS, RunningStatistics
from tableau2net.runtime.surroundings import Surroundings
from tableau2net.runtime.transforms import one_at_a_time
from tableau2net.runtime.untouched import untouched

SAMPLE_OF_INPUTS = 64


class ReversalError(RuntimeError):
    """Steps that are not undone: by a field that changes itself, or as rounding errors have grown."""


def reversible(
    step: Callable[..., Any],
    pull: Callable[..., tuple[Tensor, ...]],
    arguments: Sequence[tuple[Any, ...]],
    inputs: tuple[Tensor, ...],
    growth_limit: float = 1e4,
) -> tuple[Tensor, ...]:
    """What a loop of steps hands on: ``for a in arguments: inputs = step(*a, *inputs)``.

    To torch.compile it is opaque where gradients are asked for: compile the fields, not the block, in training. What is
    exported is the loop as it stands.

    pull: the step taken back, ``(*fields, …, *outputs, *their cotangents) -> (*inputs, *cotangents, *those of tensors
        among the arguments)``, with a `Replay` in the place of each field.
    arguments: for each step its leading arguments: fields, numbers, and tensors (learnt factors).
    growth_limit: how many times a rounding error may have grown, seen in a sample of what the inputs come back as;
        infinity for not looking. A growth beyond raises ReversalError in the backward pass.

    Gradients reach the inputs, the fields' parameters and the tensors among the arguments. Nothing is kept between the
    passes but the states handed on, and the random state before each evaluation that drew random numbers. The
    recomputed states are those of the forward pass up to rounding. Raises RuntimeError in the backward pass when a
    parameter has been changed in place since, or a second derivative is asked for.
    """
    if torch.compiler.is_exporting() or not torch.is_grad_enabled():
        return _plain_loop(step, arguments, inputs)
    finals: tuple[Tensor, ...] = _reversible(step, pull, arguments, inputs, growth_limit)
    return finals


def _plain_loop(
    step: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], inputs: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    for given in arguments:
        inputs = _as_tuple(untouched(step, *given, *inputs))
    return inputs


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _reversible(
    step: Callable[..., Any],
    pull: Callable[..., tuple[Tensor, ...]],
    arguments: Sequence[tuple[Any, ...]],
    inputs: tuple[Tensor, ...],
    growth_limit: float,
) -> tuple[Tensor, ...]:
    loop = ReversibleLoop(step, pull, arguments, len(inputs))
    check = _RoundTrip(inputs, growth_limit)
    tensors = (*inputs, *loop.factors, *loop.parameters)
    if not any(tensor.requires_grad for tensor in tensors):
        return _plain_loop(step, arguments, inputs)
    finals: tuple[Tensor, ...] = _Reversible.apply(loop, check, *tensors)
    return finals


def factor_cotangent(cotangent: Tensor, value: Tensor, factor: Tensor) -> Tensor:
    """What reaches a learnt factor from its product with a value."""
    return (cotangent * value).sum_to_size(factor.shape).to(factor.dtype)


class ReversibleLoop:
    """The steps to be taken, and what their backward pass has to know."""

    def __init__(
        self,
        step: Callable[..., Any],
        pull: Callable[..., tuple[Tensor, ...]],
        arguments: Sequence[tuple[Any, ...]],
        width: int,
    ) -> None:
        self.step = step
        self.pull = pull
        self.width = width
        self.arguments = [tuple(None if isinstance(a, Tensor) else a for a in given) for given in arguments]
        self.factors = [a for given in arguments for a in given if isinstance(a, Tensor)]
        self.fields = list({id(a): a for given in arguments for a in given if callable(a)}.values())
        modules = [field for field in self.fields if isinstance(field, nn.Module)]
        self.own: dict[int, list[Tensor]] = {id(f): [p for p in f.parameters() if p.requires_grad] for f in modules}
        self.parameters = list({id(p): p for owned in self.own.values() for p in owned}.values())
        self.versions = [p._version for p in self.parameters]
        self.seen: list[list[list[Seen]]] = []  # of each step, field and evaluation

    def leading(self, factors: Sequence[Tensor]) -> list[tuple[Any, ...]]:
        """The leading arguments of each step, with the tensors put back where they were."""
        left = iter(factors)
        return [tuple(next(left) if a is None else a for a in given) for given in self.arguments]

    def forward(self, factors: Sequence[Tensor], states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The steps, one after the other."""
        before = Before(self.fields)
        for given in self.leading(factors):
            recorded = [RecordedField(a) if callable(a) else a for a in in_order(*given)]
            states = _as_tuple(untouched(partial(_handed, self.step, recorded), *given, *states))
            self.seen.append([a.seen for a in recorded if isinstance(a, RecordedField)])
        before.changed()
        for module, name in before.values:
            tracked = getattr(module, "track_running_stats", isinstance(module, RunningStatistics))
            if name in STATISTICS_BUFFERS and tracked:
                continue  # they stand still on the way back, and in training nothing reads them
            raise ReversalError(
                f"backward='reversible': {type(module).__name__} changes its buffer {name!r} when it is evaluated, and "
                "a step that is undone needs it as it was; write backward='checkpoint' or backward='store'"
            )
        return states

    def backward(
        self, factors: Sequence[Tensor], states: tuple[Tensor, ...], cotangents: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], list[Tensor], list[Tensor | None]]:
        """The steps taken back, the last one first: the inputs, their cotangents, those of factors and parameters."""
        if [p._version for p in self.parameters] != self.versions:
            raise RuntimeError(
                "backward='reversible': a parameter was changed in place after the forward pass, so its states cannot "
                "be recomputed; call backward() before optimizer.step()"
            )
        gradients = ParameterGradients(self.own)
        of_factors: list[Tensor] = []
        for given, seen in zip(self.leading(factors)[::-1], self.seen[::-1], strict=True):
            of_fields = iter(seen)
            replayed = [Replay(a, next(of_fields), gradients) if callable(a) else a for a in given]
            found = self.pull(*replayed, *states, *cotangents)
            states, cotangents = found[: self.width], found[self.width : 2 * self.width]
            of_factors += found[2 * self.width :][::-1]
        return states, cotangents, of_factors[::-1], [gradients.total.get(id(p)) for p in self.parameters]


def _handed(step: Callable[..., Any], leading: Sequence[Any], *arguments: Any) -> Any:
    """A step with others in the place of its leading arguments."""
    return step(*leading, *arguments[len(leading) :])


class _RoundTrip:
    """A sample of the inputs, to see what they come back as."""

    def __init__(self, inputs: tuple[Tensor, ...], limit: float) -> None:
        self.limit = limit
        looked_at = [state for state in inputs if state.numel()] if limit < math.inf else []
        self.sample = [self._taken(state).clone() for state in looked_at]
        self.sizes = [torch.linalg.vector_norm(state.detach(), math.inf) for state in looked_at]

    def _taken(self, state: Tensor) -> Tensor:
        flat = state.detach().reshape(-1)
        stride = max(1, flat.numel() // SAMPLE_OF_INPUTS) | 1  # odd: a power of two would keep to a channel
        return flat[::stride]

    def compare(self, states: tuple[Tensor, ...]) -> None:
        """ReversalError where rounding errors have grown beyond the limit, or half of the value has gone.

        Errors are seen beside the largest entry of all inputs; where all are 0 there is nothing to see."""
        size = max(self.sizes, default=torch.zeros(()))
        for before, state in zip(self.sample, states, strict=False):
            precision = max(torch.finfo(dtype).eps for dtype in (before.dtype, _computed_in(before.device)))
            error = (before - self._taken(state)).abs().amax()
            if size > 0 and not error <= min(self.limit * precision, 0.5) * size:
                raise ReversalError(
                    f"backward='reversible': states came back wrong by {float(error / size):.1e} of their size, as "
                    f"rounding errors grew beyond growth_limit={self.limit:g}, which they do where training diverges; "
                    "take a lower learning rate, fewer steps, or backward='checkpoint'"
                )


class _Reversible(torch.autograd.Function):
    """The loop as one operation of the graph, with all parameters among its inputs."""

    @staticmethod
    def forward(ctx: Any, loop: ReversibleLoop, check: _RoundTrip, *tensors: Tensor) -> tuple[Tensor, ...]:
        inputs, factors = tensors[: loop.width], tensors[loop.width : loop.width + len(loop.factors)]
        ctx.loop, ctx.check = loop, check
        ctx.surroundings = Surroundings(inputs[0].device)
        ctx.dtypes = [tensor.dtype for tensor in inputs]
        finals = loop.forward(factors, inputs)
        torch.clear_autocast_cache()  # weights cast here have no graph: nobody who wants one may find them
        ctx.save_for_backward(*finals, *factors)
        return finals

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # create_graph=True
            raise RuntimeError("backward='reversible' gives first derivatives; second ones need backward='store'")
        loop: ReversibleLoop = ctx.loop
        if loop.parameters:
            one_at_a_time(cotangents, "backward='reversible'")
        saved = ctx.saved_tensors
        with ctx.surroundings.restored(loop.fields, loop.parameters):
            states, inputs, factors, parameters = loop.backward(saved[loop.width :], saved[: loop.width], cotangents)
            ctx.check.compare(states)
        cast = (found.to(dtype) for found, dtype in zip(inputs, ctx.dtypes, strict=True))
        return (None, None, *cast, *factors, *parameters)


def _computed_in(device: torch.device) -> torch.dtype:
    """The precision that autocast brings down to, or double."""
    return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else torch.float64


def _as_tuple(found: Any) -> tuple[Tensor, ...]:
    return found if isinstance(found, tuple) else (found,)
