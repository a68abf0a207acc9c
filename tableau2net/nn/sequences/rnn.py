"""Recurrent networks: a scheme whose step n reads the n-th entry of a sequence."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal, Unpack

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tableau2net.codegen import CompiledBlock, CompileOptions, compile
from tableau2net.codegen.compile_options import check_names
from tableau2net.errors import InputError
from tableau2net.nn.blocks import Specification
from tableau2net.nn.sequences.driven_steps import DrivenSteps
from tableau2net.nn.sequences.remembered import Given, Remembered
from tableau2net.nn.sequences.sequence_batch import Sequences
from tableau2net.nn.sequences.told_sizes import finite
from tableau2net.runtime.checkpointed import checkpointed
from tableau2net.runtime.untouched import untouched
from tableau2net.scheme import Scheme, as_scheme

Interpolation = Literal["hold", "linear"]
State = Tensor | tuple[Tensor, ...]

OWN = {  # options of the compilation that a network of any number of steps leaves no choice
    "step_weights": "one field serves all steps",
    "stage_weights": "one field serves all stages",
    "statistics": "a sequence may have any length, so running statistics are shared",
    "reveal": "states are what it gives",
    "bias": "what is added is the field's",
    "nonlinearity": "it is the field's",
}
SINGLE: dict[str, object] = {"num_layers": 1, "bidirectional": False, "dropout": 0}  # of torch.nn.RNN, and what we do


class RNN(nn.Module):
    """A recurrent network: ``out, last = rnn(x, h0)``, called as torch.nn.RNN is. Step n of the scheme, of length h,
    reads x_n: y_{n+1} = Φ_h(y_n; x_n).

    scheme: any, of one state or several, explicit or implicit, with or without a memory of earlier steps.
    field: a driven field, see `tableau2net.nn.sequences.driven`, or a list of those of a scheme of several.
    hidden_size: of a state, a number or a shape, for an h0 that is not given; by itself the field's `hidden_size`.
    h: the length of a step.  t0: where time begins, with time_dependent=True, for fields f(t, y, x).
    interpolation: "hold", all stages of a step read its x_n; "linear", x goes in a straight line from x_{n−1} to x_n
        while the step is taken (before the first it stands still), so that out n is the state at the time of x_n and no
        later input is seen. What is interpolated is what the field's `drive` gives.
    carry: whether `last` also has what the scheme remembers, behind its states, so that ``rnn(more, last)`` goes on as
        if there had been one sequence; else that starts up afresh. It has neither the entry before nor the time: not
        with "linear" or time_dependent. Each sequence is to be as long as the scheme takes to start up.
    options: of the compilation. coefficients="learnable" learns them for all steps together (sharing="shared");
        backward is "store" or "checkpoint", which keeps the state before each step.

    x: (T, N, …), with batch_first (N, T, …), of one sequence (T, features), or a PackedSequence.
    h0: (1, N, …), of one sequence (1, …); a tuple of them for several states; zeros where it is not given.
    lengths: (N,), how many entries of each sequence count; states stand still behind them, and `out` is 0.

    Returns `out`, the first state after each step, in the layout of x, and `last`, in that of h0. Raises InputError for
    what does not fit, before anything is computed.
    """

    def __init__(
        self,
        scheme: Scheme | str | Path,
        field: nn.Module | Iterable[nn.Module],
        hidden_size: int | tuple[int, ...] | None = None,
        *,
        h: float = 1.0,
        t0: float = 0.0,
        batch_first: bool = False,
        interpolation: Interpolation = "hold",
        carry: bool = False,
        **options: Unpack[CompileOptions],
    ) -> None:
        super().__init__()
        if interpolation not in ("hold", "linear"):
            raise InputError(f"interpolation={interpolation!r}: write 'hold' or 'linear'")
        finite(t0=t0)
        self.scheme, self.interpolation, self.carry = as_scheme(scheme), interpolation, carry
        self.batch_first, self.t0 = batch_first, t0
        self.time_dependent = bool(options.get("time_dependent", False))
        if carry and interpolation == "linear":
            raise InputError("carry=True, interpolation='linear': the entry before is not handed on; write 'hold'")
        if carry and self.time_dependent:
            raise InputError("carry=True, time_dependent=True: the time is not handed on; make it an entry of x")
        self.block = _block(self.scheme, field, h, interpolation == "linear", options)
        self.memory = Remembered.of(self.block)
        fields = self.fields()
        own: object = hidden_size if hidden_size is not None else getattr(fields[0], "hidden_size", None)
        self.shape: tuple[int, ...] | None = _shape(own)

    @property
    def h(self) -> float:
        """The length of a step."""
        return self.block.h

    @property
    def hidden_size(self) -> int | tuple[int, ...] | None:
        """Of a state: a number, a shape where it has several axes, or None where nobody has said."""
        return self.shape[0] if self.shape is not None and len(self.shape) == 1 else self.shape

    def fields(self) -> list[nn.Module]:
        """Those of a step."""
        first = self.block.fields[0]
        return list(first) if len(self.block.field_names) > 1 and isinstance(first, nn.ModuleList) else [first]

    def specification(self) -> Specification:
        """What its steps are; how many of them, a sequence says: one for each entry."""
        made = self.block.made_of
        return Specification(
            make=None,
            scheme=self.scheme,
            options=made.options,
            h=float(self.h),
            steps=1,
            startup=0,
            evaluations=self.block.evaluations,
            order=self.block.order,
        )

    def step_modules(self) -> list[nn.Module]:
        """None: its fields are functions of an input too."""
        return []

    def extra_repr(self) -> str:
        return f"{self.scheme.name or self.scheme.family}, {self.hidden_size}, h={self.h}, {self.interpolation}"

    def forward(
        self,
        x: Tensor | PackedSequence,
        h0: State | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor | PackedSequence, State]:
        told, fields = Sequences.of(x, lengths, self.batch_first), self.fields()
        between, t0 = self.interpolation == "linear", self.t0 if self.time_dependent else None
        _readable(told.x, fields[0])
        steps = DrivenSteps(self.block, self.memory, fields, told.x, between, t0)
        inputs = steps.opened(fields, *self._states(h0, told, steps.driven[0]))
        if self.carry:
            told.started(steps.startup)
        keep = checkpointed if self.block.made_of.options.backward == "checkpoint" else untouched
        found: list[Tensor] = []
        for n in range(len(steps)):
            inputs = told.still(n, keep(partial(steps, n), *fields, *inputs), inputs)
            assert inputs[0] is not None
            found.append(inputs[0])
        return told.out(torch.stack(found)), self._last(inputs, told)

    def _states(self, h0: State | None, told: Sequences, like: Tensor) -> tuple[Given, Given]:
        """The states to begin with, and what is known of the past, without the axis of one layer."""
        names = (*self.block.states, *self.block.history)
        if h0 is None:
            if self.shape is None:
                raise InputError("h0: say hidden_size=, or hand in the state to begin with: the field tells no size")
            zeros = like.new_zeros(told.count, *self.shape)
            return (zeros,) * len(self.block.states), (None,) * len(self.block.history)
        given = h0 if isinstance(h0, tuple) else (h0,)
        if len(given) not in (len(self.block.states), len(names)):
            wanted = ", ".join(self.block.states) + (f", or {', '.join(names)}" if self.block.history else "")
            raise InputError(f"h0: {wanted} are wanted, and {len(given)} tensors were given")
        known: list[Tensor | None] = [None] * len(names)
        known[: len(given)] = [y if y is None else told.state(y, name) for y, name in zip(given, names, strict=False)]
        for name, y in zip(names, known, strict=True):
            if y is not None:
                self._fits(name, y, like)
        return tuple(known[: len(self.block.states)]), tuple(known[len(self.block.states) :])

    def _fits(self, name: str, y: Tensor, like: Tensor) -> None:
        """Raise InputError for a state of another width than the field tells, or of another type than its input."""
        alone = len(self.block.states) == 1  # several may each have a width of their own
        if alone and self.shape is not None and y.shape[-len(self.shape) :] != self.shape:
            raise InputError(f"h0: {name} is {tuple(y.shape[1:])} for each sequence, and a state is {self.shape}")
        mixed = like.is_floating_point() and y.dtype != like.dtype
        if mixed and not torch.is_autocast_enabled(like.device.type):
            raise InputError(f"h0: {name} is of {y.dtype}, and what steps read is of {like.dtype}")

    def _last(self, inputs: Given, told: Sequences) -> State:
        wanted = inputs if self.carry else inputs[: len(self.block.states)]
        found = tuple(y if y is None else told.layered(y) for y in wanted)
        return found[0] if len(found) == 1 else found  # type: ignore[return-value]


def _block(
    scheme: Scheme, field: nn.Module | Iterable[nn.Module], h: float, timed: bool, options: CompileOptions
) -> CompiledBlock:
    """The block of one step, which has the field and what is learnt of the scheme."""
    own: dict[str, Any] = options  # type: ignore[assignment]
    for name, only in SINGLE.items():
        if name in own and own.pop(name) != only:
            raise InputError(f"{name}: a recurrent network here is one layer in one direction; write several of them")
    for name, why in OWN.items():
        if name in options:
            raise InputError(f"{name}: it is no option of a recurrent network: {why}")
    check_names(options)
    finite(0, open=True, h=h)
    if options.get("solver") == "field":
        raise InputError("solver='field': a driven field is solved by its resolvent(known, c, x), or another solver")
    if options.get("backward", "store") not in ("store", "checkpoint"):
        raise InputError(f"backward={options['backward']!r}: of a recurrent network it is 'store' or 'checkpoint'")
    if options.setdefault("sharing", "shared") != "shared":
        raise InputError(f"sharing={options['sharing']!r}: a recurrent network has one set of coefficients: 'shared'")
    if timed and options.get("solver") == "resolvent":
        raise InputError("interpolation='linear': a resolvent knows no time; write 'hold', or another solver")
    options["time_dependent"] = timed or options.get("time_dependent", False)
    options["statistics"] = "shared"
    made = compile(scheme, **options)
    names = made.field_names
    several = isinstance(field, Iterable) and not isinstance(field, nn.Sequential)
    each: list[nn.Module] = list(field) if several else [field]  # type: ignore[arg-type, list-item]
    if len(each) != len(names) or not all(isinstance(f, nn.Module) for f in each):
        wanted = f"a list of {len(names)} modules, {', '.join(names)}" if len(names) > 1 else "a module f(y, x)"
        raise InputError(f"field: {made.scheme} has {wanted}; got {', '.join(type(f).__name__ for f in each)}")
    steps: list[nn.Module | Iterable[nn.Module]] = [each] if len(names) > 1 else [*each]
    return made(steps, h)


def _readable(x: Tensor, field: nn.Module) -> None:
    """Raise InputError where a field that tells its `input_size` cannot read x."""
    reads = getattr(field, "input_size", None)
    if not isinstance(reads, int) or not reads:
        return
    if x.shape[-1] != reads:
        raise InputError(f"x: {x.shape[-1]} features, and the field reads {reads}")
    weight = next(field.parameters(), x)
    if weight.dtype != x.dtype and not torch.is_autocast_enabled(x.device.type):
        raise InputError(f"x is of {x.dtype}, and the field's weights are of {weight.dtype}: convert one of them")


def _shape(size: object) -> tuple[int, ...] | None:
    """A size as a shape. Raises InputError."""
    shape = size if isinstance(size, tuple) else (size,)
    if size is None:
        return None
    if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape):
        raise InputError(f"hidden_size={size!r}: write a whole number from 1 on, or a shape of them")
    return shape
