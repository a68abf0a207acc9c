"""What every compiled class has, as a type; and what a class says it was made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, overload

from tableau2net.codegen.compile_options import Options
from tableau2net.multigrid.plan import Relaxation
from tableau2net.scheme import Scheme

if TYPE_CHECKING:  # source is written without waiting for torch; a class, when it is made, imports it
    from torch import Tensor, nn

    Base = nn.Module
    State = Tensor | tuple[Tensor, ...]  # one tensor, or a tuple where there are several
else:
    Base = object


@dataclass(frozen=True)
class Made:
    """What a block's class was made from, its `made_of`: ``make(scheme, options)`` is that class, in any process."""

    make: Callable[[Scheme, Options], type[CompiledBlock]]
    scheme: Scheme
    options: Options

    def write_on(self, cls: type[CompiledBlock]) -> None:
        """The class knows what it was made from, and has what its own text says only where it is of use: how many steps
        start up, and what is trained. Instances are copied and pickled by it, those of a subclass as those of any
        class: by that class's name."""
        own = {"made_of": self, "__reduce_ex__": _told}
        for name, value in {"startup": 0, "raw": cls.coefficients}.items():
            if not hasattr(cls, name):
                own[name] = value
        for name, value in own.items():
            setattr(cls, name, value)


class _Known(type):
    """Generated classes derive from nn.Module alone, as their files need torch alone: by what they were made of they
    are known."""

    def __instancecheck__(cls, instance: object) -> bool:
        return cls.__subclasscheck__(type(instance))

    def __subclasscheck__(cls, subclass: type) -> bool:
        return isinstance(getattr(subclass, "made_of", None), Made)


class CompiledBlock(Base, metaclass=_Known):
    """An instance of what `tableau2net.compile` returns, or of a subclass: an nn.Module whose call takes the steps.

    ``block(*states, *past)`` gives the state after the steps, a tensor, or a tuple of them for a scheme of several
    states. ``isinstance(module, CompiledBlock)`` tells whether a module is one. It is a type: there is nothing in it.

    scheme: the scheme's name.  order: proved; −1 where a step of size 0 changes the state.
    evaluations: of fields in a step.  field_names: the fields of a step.  states: what it steps on.
    history, lookback: what a step remembers, and from how many steps ago.
    coefficients: that are learnt.  raw: the attributes that are trained, which they are or are made from.
    fields: a module for each step, or a list of one for each of `field_names`; with step_weights="shared" there are
        `field` and `steps` instead.
    h: the length of a step.  t0: the time at which they begin, with time_dependent=True.
    given, startup: past steps that a call hands in, and steps that are taken before there is a past, of a multistep
        scheme.
    """

    scheme: ClassVar[str]
    order: ClassVar[int]
    evaluations: ClassVar[int]
    field_names: ClassVar[tuple[str, ...]]
    states: ClassVar[tuple[str, ...]]
    history: ClassVar[tuple[str, ...]]
    lookback: ClassVar[int]
    coefficients: ClassVar[tuple[str, ...]]
    raw: ClassVar[tuple[str, ...]]
    made_of: ClassVar[Made]
    fields: nn.ModuleList
    field: nn.Module
    steps: int
    h: float
    t0: float
    given: int
    startup: int

    @overload
    def __init__(
        self,
        fields: Iterable[nn.Module | Iterable[nn.Module]],
        h: float = 1.0,
        t0: float = 0.0,
        *,
        given: int = 0,
        channels: int = 0,
    ) -> None: ...

    @overload
    def __init__(
        self,
        field: nn.Module | Iterable[nn.Module],
        steps: int,
        h: float = 1.0,
        t0: float = 0.0,
        *,
        given: int = 0,
        channels: int = 0,
    ) -> None: ...

    def __init__(self, *arguments: object, **named: object) -> None:
        raise TypeError("CompiledBlock is the type of compiled blocks; tableau2net.compile makes their classes")

    @staticmethod
    def step(*arguments: object) -> Any:
        """One step, a pure function: fields, h, the time where it counts, learnt factors, states and past. It returns
        the states and what is remembered, a step later: one tensor, or several as a tuple, as the scheme has it."""

    @staticmethod
    def start(*arguments: object) -> Any:
        """A step until the past is there, of a multistep scheme."""

    def reset_coefficients(self) -> None:
        """Put learnable coefficients where learning starts."""

    def learnt(self) -> dict[str, Tensor]:
        """The coefficients that are learnt, as a step uses them."""
        raise NotImplementedError

    def hoisted(self) -> tuple[Tensor, ...]:
        """The learnt factors of a step, computed for all steps at once."""
        raise NotImplementedError

    def growth(self) -> float:
        """With backward="reversible": how many times a rounding error may grow on the way back through all steps."""
        raise NotImplementedError

    def part(self, begin: int, end: int) -> nn.Module:
        """Some of the steps, as a module: `tableau2net.codegen.unrolled.BlockPart`."""
        raise NotImplementedError

    def split(self, k: int) -> tuple[nn.Module, nn.Module]:
        """The first k steps, and the rest: what one gives, ``rest(*given)`` goes on from; both are the block, to the
        bit."""
        raise NotImplementedError

    def trajectory(self, *states: Tensor, **past: Tensor) -> list[State]:
        """y_0, …, y_N of a call: a tensor each, or a tuple of several states; see
        `tableau2net.codegen.unrolled.trajectory`."""
        raise NotImplementedError

    def costates(self, state: State, cotangent: State, **past: Tensor) -> list[State]:
        """λ_0, …, λ_N, the gradients of ⟨λ_N, y_N⟩ in y_n; see `tableau2net.codegen.unrolled.costates`."""
        raise NotImplementedError

    def parallel(
        self,
        levels: int = 2,
        coarsening: int = 4,
        relaxation: Relaxation = "FCF",
        cycles: tuple[int, int] = (2, 1),
    ) -> nn.Module:
        """The block with its steps taken many at once, by multigrid in time."""
        raise NotImplementedError


def steps_in(block: CompiledBlock) -> int:
    """How many steps a compiled block takes."""
    return int(block.steps) if block.made_of.options.step_weights == "shared" else len(block.fields)


def _told(block: CompiledBlock, protocol: int) -> object:
    """``__reduce_ex__`` of a block."""
    made = vars(type(block)).get("made_of")
    return (_empty, (made,), vars(block)) if made else object.__reduce_ex__(block, protocol)


def _empty(made: Made) -> CompiledBlock:
    """An empty instance for pickle and deepcopy to fill."""
    cls = made.make(made.scheme, made.options)
    return cls.__new__(cls)
