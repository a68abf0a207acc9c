"""The steps of a block, each by itself: a function of the states with fields, a length and coefficients of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from types import SimpleNamespace
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tableau2net.codegen import CompiledBlock, Options, compile
from tableau2net.codegen.compile_options import KEPT, StepOptions
from tableau2net.codegen.learnable import learning
from tableau2net.codegen.unrolled import Unrolled, as_tuple, plain_class
from tableau2net.errors import InputError
from tableau2net.nn.around.steps import After
from tableau2net.nn.dynamic import DynamicBlock
from tableau2net.runtime.buffers import Before
from tableau2net.runtime.construction import per_channel
from tableau2net.runtime.random_state import RandomState
from tableau2net.runtime.statistics import EVALUATIONS
from tableau2net.runtime.untouched import untouched
from tableau2net.scheme import Scheme, adjoint
from tableau2net.step import Step, lower

States = tuple[Tensor, ...]
EVALUATE = "call eval() first"


@dataclass(frozen=True)
class Taken:
    """A step that is taken: its fields by their names, its length, the time at which it begins, and what is learnt.

    own: the block's own step of states alone, with what it is called with before them; None where there is none."""

    fields: Mapping[str, nn.Module]
    h: float
    t: float
    learnt: Mapping[str, Tensor]
    own: Callable[..., Any] | None = None

    def back(self, stages: int) -> Taken:
        """The step of the adjoint method that undoes it: from its end, by −h, its stages the other way round."""
        fields = {_mirrored(name, stages): field for name, field in self.fields.items()}
        return Taken(fields, -self.h, self.t + self.h, self.learnt)


@dataclass(frozen=True)
class StepMap:
    """A one-step scheme as a function of a step and states.

    scheme: its parameters are what is learnt.  timed: whether fields are called with the time.
    solve: how implicit stages are solved.
    """

    scheme: Scheme
    timed: bool
    by_stage: bool
    learns: bool
    solve: StepOptions

    @cached_property
    def program(self) -> Step:
        """As it is lowered."""
        return lower(self.scheme)

    @cached_property
    def block(self) -> type[CompiledBlock]:
        """The class whose `step` is called: with a field a step, none of which is shared with the next."""
        return compile(
            self.scheme,
            coefficients="learnable" if self.learns else "fixed",
            sharing="shared",
            stage_weights="independent" if self.by_stage else "shared",
            time_dependent=self.timed,
            **self.solve,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return StepMap, (
            self.scheme,
            self.timed,
            self.by_stage,
            self.learns,
            self.solve,
        )  # a generated class is made again

    def arguments(self, taken: Taken, like: Tensor) -> tuple[Any, ...]:
        """What `block.step` is called with before the states."""
        fields = [taken.fields[name] for name in self.block.field_names if name in taken.fields]
        return (*fields, taken.h, *([taken.t] if self.timed else []), *self._factors(taken, like))

    def _factors(self, taken: Taken, like: Tensor) -> Iterator[Tensor]:
        if not taken.learnt:
            return
        own = SimpleNamespace(h=taken.h, learnt=lambda: taken.learnt)
        for factor in self.block.hoisted(own):  # type: ignore[arg-type]  # it asks for no more
            of_states = factor.to(like.dtype)
            yield per_channel(of_states[None], like)[0] if of_states.dim() else of_states

    def __call__(self, taken: Taken, *states: Tensor) -> States:
        if taken.own is not None:
            return as_tuple(taken.own(*states))
        return as_tuple(untouched(self.block.step, *self.arguments(taken, states[0]), *states))

    def adjoint(self, solve: StepOptions) -> StepMap | None:
        """The adjoint method; None for a family that writes none as a table."""
        try:
            scheme = adjoint(self.scheme)
        except InputError:
            return None
        return StepMap(scheme, self.timed, self.by_stage, self.learns, solve)

    @property
    def plain(self) -> bool:
        """Whether it is a function of the states as it stands: explicit, or so many iterations and no more."""
        return self.program.explicit or self.solve["tolerance"] == 0

    @property
    def stages(self) -> int:
        """How many numbers fields have by stage."""
        return 1 + max((op.slot for op in self.program.calls), default=0)


def one_step(block: nn.Module, what: str) -> StepMap:
    """The step of a block. InputError, which begins with `what` is asked, where it is none by itself."""
    if isinstance(block, DynamicBlock):
        scheme, options = block.scheme, Options(**block.options, time_dependent=True)
    elif isinstance(block, CompiledBlock):
        scheme, options = block.made_of.scheme, block.made_of.options
        _check_plain(block, what)
    else:
        raise InputError(f"{what}: a {type(block).__name__} is no block of steps; give it one of a network's blocks")
    name = scheme.name or scheme.family
    if options.coupling is not None:
        raise InputError(f"{what}: a coupled block hands on one of its two states; compile {name} without coupling=")
    of = StepMap(*_learnt(scheme, options), _solving(options))
    if of.program.history:
        remembered = ", ".join(given.name for given in of.program.history)
        raise InputError(
            f"{what}: {name} remembers {remembered}, which no state tells; one-step schemes alone have one"
        )
    return of


def taken_steps(block: nn.Module, *states: Tensor) -> list[Taken]:
    """The steps that a block, which `one_step` has looked at, takes from states like these, in order."""
    if isinstance(block, DynamicBlock):
        every = zip(block.step_fields(), block.lengths, block.states, strict=False)
        return [Taken(dict(zip(block.block[0].field_names, own, strict=True)), h, t, {}) for own, h, t in every]
    assert isinstance(block, CompiledBlock)
    options, names = block.made_of.options, block.field_names
    plain = plain_class(block)  # around it there may be more that is learnt, and no coefficient
    learnt = plain.learnt(block) if plain.coefficients else {}
    found = []
    for n, (_, step, leading) in enumerate(Unrolled(block, *states).steps):
        fields, (h, *rest) = dict(zip(names, leading, strict=False)), leading[len(names) :]
        values = {name: value if options.sharing == "shared" else value[n] for name, value in learnt.items()}
        own = None if block.history or options.reveal else partial(untouched, step, *leading)
        found.append(Taken(fields, h, rest[0] if options.time_dependent else 0.0, values, own))
    return found


@contextmanager
def repeatable(block: nn.Module, what: str, states: States) -> Iterator[None]:
    """RuntimeError where the fields are other functions at each call, as some are in training."""
    check_rows(block, what)
    if not block.training:
        yield
        return
    before, random = Before([block]), RandomState(states[0].device)
    yield
    before.changed()
    if before.values or random.moved():
        changed = "draws random numbers" if random.moved() else f"changes its {next(iter(before.values))[1]!r}"
        raise RuntimeError(f"{what}: a field {changed} in training mode, and is another one each time; {EVALUATE}")


def apart(block: nn.Module) -> bool:
    """Whether normalisation has running statistics of each evaluation of a step, in their order."""
    return any(EVALUATIONS in module._modules for module in block.modules())


def check_rows(block: nn.Module, what: str, *states: Tensor) -> None:
    """RuntimeError where a row of a batch is not mapped by itself; InputError where there are no rows."""
    for y in states:
        if y.dim() < 2:
            raise InputError(f"{what}: a state of shape {tuple(y.shape)}; a batch of rows is wanted, (N, …)")
    if any(module.training and isinstance(module, _BatchNorm) for module in block.modules()):
        raise RuntimeError(f"{what}: BatchNorm in training mode goes by the whole batch; {EVALUATE}")


def _learnt(scheme: Scheme, options: Options) -> tuple[Scheme, bool, bool, bool]:
    found = learning(
        scheme, coefficients=options.coefficients, **{name: getattr(options, name) for name in KEPT}
    ).scheme
    learns = options.coefficients != "fixed" and bool(found.parameters)
    return found, options.time_dependent, options.stage_weights == "independent", learns


def _solving(options: Options) -> StepOptions:
    return {
        "solver": options.solver,
        "tolerance": options.tolerance,
        "iterations": options.iterations,
        "gradient": options.gradient,
        "descent": options.descent,
    }


def _check_plain(block: CompiledBlock, what: str) -> None:
    """InputError where a block's class does more than steps of its scheme."""
    make = block.made_of.make
    layers = make.args[0] if isinstance(make, partial) else ()
    for layer in layers:
        if isinstance(layer, After):
            raise InputError(f"{what}: {layer.option} puts an activation after each step, which nothing undoes")
    if type(block).step is not plain_class(block).step and not layers:
        raise InputError(f"{what}: {type(block).__name__} has a step of its own, which no scheme tells")


def _mirrored(name: str, stages: int) -> str:
    """f2 of three stages becomes f2, f1_2 f3_2; f and f_2 stay."""
    stage, part = re.fullmatch(r"f(\d*)((?:_\d+)?)", name).groups()  # type: ignore[union-attr]
    return f"f{stages + 1 - int(stage)}{part}" if stage else name
