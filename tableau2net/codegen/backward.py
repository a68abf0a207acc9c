"""The loop over steps, and what its backward pass has at hand."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tableau2net.codegen.emitted import Program
from tableau2net.codegen.growth_method import growth_lines
from tableau2net.codegen.loop_text import Loop, unpacked
from tableau2net.codegen.pull import pull_lines
from tableau2net.errors import InputError


@dataclass(frozen=True)
class Driver:
    """What a kind of backward pass adds to a class.

    loop: the lines of `forward` that take the steps.
    about, constructor, methods: further paragraphs of the docstring, lines of ``__init__``, and methods.
    """

    loop: Callable[[Loop], Iterator[str]]
    about: tuple[str, ...] = ()
    constructor: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()


def driver(ready: Program) -> Driver:
    """The driver for ``options.backward``."""
    return DRIVERS[ready.options.backward](ready)


def _store(ready: Program) -> Driver:
    return Driver(_stepwise("{on} = untouched(self.step, {arguments})"))


def _checkpoint(ready: Program) -> Driver:
    about = "For the backward pass only the state before each step is kept: steps are taken again."
    return Driver(_stepwise("{on} = checkpointed(self.step, {arguments})"), (about,))


def _adjoint(ready: Program) -> Driver:
    if ready.step.history or len(ready.field_names) > 1 or len(ready.step.states) > 1:
        name = ready.declared.name or ready.declared.family
        raise InputError(f"backward='adjoint': for one-step schemes of one state and one field, and {name} is none")
    about = (
        "The backward pass solves the adjoint differential equation by torchdiffeq. Its gradient is that of the exact "
        "flow, not of these steps: inexact, by what a step of this size is wrong."
    )
    if ready.options.coefficients != "fixed":
        raise InputError("backward='adjoint': coefficients do not move the flow and get no gradient; keep them fixed")
    timed = ready.options.time_dependent

    def loop(steps: Loop) -> Iterator[str]:
        yield "arguments: list[tuple[float | Tensor | nn.Module, ...]] = []"
        yield from _stepwise("arguments.append(({leading}))")(steps)
        yield f"y = adjoint(self.step, {timed}, arguments, y)"

    return Driver(loop, tuple(textwrap.wrap(about, 110)))


def _reversible(ready: Program) -> Driver:
    assert ready.back is not None
    about = "For the backward pass only the last states are kept: steps are undone by their inverse, see `pull`."

    def loop(steps: Loop) -> Iterator[str]:
        yield "arguments: list[tuple[float | Tensor | nn.Module, ...]] = []"
        yield from _stepwise("arguments.append(({leading}))")(steps)
        yield "if arguments:"
        names = [*steps.states, *steps.history]
        on = unpacked(names)
        inputs = on if len(names) == 1 else f"({on})"
        yield f"    {on} = reversible(self.step, self.pull, arguments, {inputs}, {_limit(ready)})"

    return Driver(loop, (about,), _check_growth(ready), (*_growth(ready), *_pull(ready)))


def _pull(ready: Program) -> Iterator[str]:
    factors = list(ready.factors.values())
    one_field = ready.options.step_weights == "shared"
    yield ""
    yield from pull_lines(ready.step, ready.emission(ready.step), ready.field_names, factors, one_field)


def _growth(ready: Program) -> Iterator[str]:
    one_field = ready.options.step_weights == "shared"
    yield ""
    factors = list(ready.factors.values())
    yield from growth_lines(ready.step, ready.emission(ready.step), factors, _undone(ready), one_field)


def _check_growth(ready: Program) -> tuple[str, ...]:
    return (f"check_growth(self.growth(), {_undone(ready)}, {_limit(ready)})",)


def _undone(ready: Program) -> str:
    """How many steps are undone, as text: all but those of the start-up."""
    steps = "self.steps" if ready.options.step_weights == "shared" else "len(self.fields)"
    return f"{steps} - self.startup" if ready.depth else steps


def _limit(ready: Program) -> str:
    limit = ready.options.growth_limit
    return repr(limit) if math.isfinite(limit) else 'float("inf")'


DRIVERS = {"store": _store, "checkpoint": _checkpoint, "reversible": _reversible, "adjoint": _adjoint}


def _stepwise(call: str) -> Callable[[Loop], Iterator[str]]:
    """One step after another; `call` says what is done at each."""

    def loop(steps: Loop) -> Iterator[str]:
        arguments = ", ".join([*steps.leading(), *steps.states, *steps.history])
        on = steps.handed_on + ", _" * len(steps.options.reveal)
        yield steps.head
        yield from (f"    {line}" for line in steps.fields())
        if steps.ready.depth:
            yield "    if n < self.startup:"
            yield f"        {steps.handed_on} = {steps.starting()}"
            yield "    else:"
        indent = "        " if steps.ready.depth else "    "
        yield indent + call.format(on=on, arguments=arguments, leading=", ".join(steps.leading()))

    return loop
