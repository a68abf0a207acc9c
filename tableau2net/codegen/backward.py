"""The loop over steps, and what its backward pass has at hand."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tableau2net.codegen.expressions import literal, scalar
from tableau2net.codegen.program import Program
from tableau2net.codegen.pull import pull_lines
from tableau2net.errors import InputError

if TYPE_CHECKING:
    from tableau2net.codegen.source import _Class


@dataclass(frozen=True)
class Driver:
    """What a kind of backward pass adds to a class.

    loop: the lines of `forward` that take the steps.
    about, constructor, methods: further paragraphs of the docstring, lines of ``__init__``, and methods.
    """

    loop: Callable[[_Class], Iterator[str]]
    about: tuple[str, ...] = ()
    constructor: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()


def driver(ready: Program) -> Driver:
    """The driver for ``options.backward``."""
    return DRIVERS[ready.options.backward](ready)


def _store(ready: Program) -> Driver:
    return Driver(_stepwise("{on} = self.step({arguments})"))


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
    timed = ready.options.time_dependent
    return Driver(_stepwise(f"{{on}} = adjoint(self.step, {timed}, {{arguments}})"), tuple(textwrap.wrap(about, 110)))


def _reversible(ready: Program) -> Driver:
    assert ready.back is not None
    about = "For the backward pass only the last states are kept: steps are undone by their inverse, see `pull`."

    def loop(cls: _Class) -> Iterator[str]:
        yield "arguments: list[tuple[float | Tensor | nn.Module, ...]] = []"
        yield from _stepwise("arguments.append(({leading}))")(cls)
        yield "if arguments:"
        names = [*cls.states, *cls.history]
        on = unpacked(names)
        inputs = on if len(names) == 1 else f"({on})"
        yield f"    {on} = reversible(self.step, self.pull, arguments, {inputs})"

    return Driver(loop, (about,), _check_growth(ready), (*_growth(ready), *_pull(ready)))


def _pull(ready: Program) -> Iterator[str]:
    factors = list(ready.factors.values())
    one_field = ready.options.step_weights == "shared"
    yield ""
    yield from pull_lines(ready.step, ready.emission(ready.step), ready.field_names, factors, one_field)


def _check_growth(ready: Program) -> tuple[str, ...]:
    way = "write coupling='999/1000'" if not ready.step.history else "take coefficients whose inverse grows less"
    return (
        f"if self.growth() > {ready.options.growth_limit!r}:",
        "    raise ValueError(",
        "        f\"backward='reversible': going back a rounding error grows {self.growth():.1e} times, more than \"",
        f'        "growth_limit={ready.options.growth_limit:g}; {way}, fewer steps or a larger growth_limit"',
        "    )",
    )


def _growth(ready: Program) -> Iterator[str]:
    """How errors grow on the way back: what one step multiplies them by as h → 0, over all steps."""
    assert ready.back is not None
    factor = ready.back.amplification
    steps = "self.steps" if ready.options.step_weights == "shared" else "len(self.fields)"
    yield ""
    yield "def growth(self) -> float:"
    yield '    """How many times a rounding error can grow on the way back through all steps, as h → 0."""'
    if factor.is_number:
        yield f"    return float(({literal(factor)}) ** {steps})" if factor > 1 else "    return 1.0"
        return
    yield f"    {unpacked(list(ready.learning.values))} = self.learnt().values()"
    yield f"    factor = ({scalar(factor)}).detach().double().clamp(min=1)"
    if ready.options.sharing == "shared":
        yield f"    return float(factor**{steps})"
    else:
        largest = ".flatten(1).amax(1)" if ready.options.sharing == "channel" else ""
        yield f"    return float(factor{largest}.prod())"


DRIVERS = {"store": _store, "checkpoint": _checkpoint, "reversible": _reversible, "adjoint": _adjoint}


def _stepwise(call: str) -> Callable[[_Class], Iterator[str]]:
    """One step after another; `call` says what is done at each."""

    def loop(cls: _Class) -> Iterator[str]:
        arguments = ", ".join([*cls.leading(), *cls.states, *cls.history])
        on = cls.handed_on + ", _" * len(cls.options.reveal)
        yield cls.loop_head
        yield from (f"    {line}" for line in cls.loop_fields())
        if cls.ready.depth:
            yield "    if n < self.startup:"
            yield f"        {cls.handed_on} = {cls.starting()}"
            yield "    else:"
        indent = "        " if cls.ready.depth else "    "
        yield indent + call.format(on=on, arguments=arguments, leading=", ".join(cls.leading()))

    return loop


def unpacked(names: list[str]) -> str:
    """The left side of an assignment from a tuple."""
    return f"({names[0]},)" if len(names) == 1 else ", ".join(names)
