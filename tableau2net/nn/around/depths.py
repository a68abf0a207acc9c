"""Steps of learnt length in a learnt order: each field has a depth, and steps are taken from depth to depth.

The particles (θ_i, t_i) of a mean-field ResNet: Lu, Ma, Lu, Lu, Ying 2020, "A mean-field analysis of deep ResNet and
beyond", ICML, arXiv 2003.05508.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from tableau2net.codegen import CompiledBlock, Options
from tableau2net.errors import InputError
from tableau2net.nn.around.surrounded import Around, InCall, Method
from tableau2net.scheme import Scheme


class Depths(nn.Module):
    """The depths of the fields of a block, in steps: τ_i = N t_i with t_i in [0, 1], N the number of fields.

    Sorted, ties by index, they are τ_(1) ≤ … ≤ τ_(N), and step l is of length (τ_(l) − τ_(l−1)) h, τ_(0) = 0. They
    start at 1, 2, …, N, where each step is of length h, to the bit. Beyond 0 and N they are reflected.

    tau: the parameter.  order: which field each step takes. That is a choice of modules, no number that flows through a
    graph, and it changes where `sort` is called alone; `train` does so at the begin of each epoch. Until then fields
    whose depths have passed each other have taken over each other's, so that no length is ever negative.
    rate: what the learning rate of the depths is multiplied by; at 0 they stay.
    """

    coefficients = ("t",)
    raw = ("tau",)

    def __init__(self, count: int, rate: float = 1.0) -> None:
        super().__init__()
        self.rate = rate
        self.tau = nn.Parameter(torch.arange(1.0, count + 1), requires_grad=rate > 0)
        self.order = tuple(range(count))

    def within(self) -> Tensor:
        """Each field's depth in steps, from 0 to N."""
        count = len(self.order)
        turned = torch.remainder(self.tau, 2 * count)
        return torch.where((self.tau >= 0) & (self.tau <= count), self.tau, count - (turned - count).abs())

    def lengths(self) -> Tensor:
        """The lengths of the steps, for h = 1; their gradient is that of the depths."""
        depths = self.within().sort(stable=True).values
        return torch.diff(depths, prepend=depths.new_zeros(1))

    @torch.no_grad()
    def sort(self) -> bool:
        """From here on steps take the fields in the order of their depths; whether that is another order."""
        before, within = self.order, self.within()
        if not within.isfinite().all():
            lost = int((~within.isfinite()).sum())
            raise InputError(f"depths: {lost} of {len(before)} are not finite and have no order; a lower learning rate "
                             "or depth_rate= may keep them")  # fmt: skip
        self.order = tuple(within.argsort(stable=True).tolist())
        return self.order != before

    @torch.no_grad()
    def refine(self, factor: int) -> None:
        """Each field is followed by copies of itself, on parts of its step of equal length."""
        ends, lengths = self.within().sort(stable=True).values, self.lengths()
        places = [self.order.index(i) for i in range(len(self.order))]
        parts = torch.arange(1, factor + 1, device=ends.device).to(ends.dtype) / factor
        begins = (ends - lengths)[places]
        refined = factor * (begins[:, None] + lengths[places][:, None] * parts)
        self.order = tuple(factor * i + j for i in self.order for j in range(factor))
        self.tau = nn.Parameter(refined.flatten(), requires_grad=self.tau.requires_grad)

    def learnt(self) -> dict[str, Tensor]:
        """t, each field's depth from 0 to 1."""
        return {"t": self.within() / len(self.order)} if self.rate else {}

    def hoisted(self) -> tuple[Tensor, ...]:
        """The lengths of the steps."""
        return (self.lengths(),)

    def get_extra_state(self) -> Tensor:
        """The order, as a tensor."""
        return torch.tensor(self.order)

    def set_extra_state(self, state: Tensor) -> None:
        count = len(self.order)
        order = tuple(state.tolist()) if isinstance(state, Tensor) and state.shape == (count,) else ()
        if set(order) != set(range(count)):
            raise InputError(f"the stored order of {count} fields does not have each of them once")
        self.order = tuple(map(int, order))


class Placed(Protocol):
    """A block whose fields have depths."""

    fields: nn.ModuleList
    depths: Depths


@dataclass(frozen=True)
class OnDepths(Around):
    """The fields of a block are called in the order of their depths, with steps as long as these are apart.

    A step of length τh with the field f is one of length h with the field τf, for any scheme of one step."""

    def check(self, scheme: Scheme, options: Options, block: type[CompiledBlock]) -> None:
        """InputError with a scheme that remembers steps, and with options that know of steps of one length alone."""
        name = scheme.name or scheme.family
        if block.history:
            raise InputError(f"depth_rate: {name} remembers {', '.join(block.history)}, and steps of learnt length are "
                             "those of a one-step scheme; rk4 say")  # fmt: skip
        if options.step_weights == "shared":
            raise InputError("depth_rate: step_weights='shared' has one field for all steps, and no order of them")
        if options.backward not in ("store", "checkpoint"):
            raise InputError(
                f"depth_rate: backward={options.backward!r} gives depths no gradient; write 'store' or 'checkpoint'"
            )

    def forward(self, forward: Method) -> Method:
        """The call, with the fields of the steps in their order."""

        def called(self: Placed, *states: object, **past: object) -> object:
            lengths = self.depths.lengths().unbind()
            pairs = zip(self.depths.order, lengths, strict=True)
            return forward(InCall(self, [_stretched(self.fields[i], length) for i, length in pairs]), *states, **past)

        return called

    def members(self) -> Mapping[str, object]:
        """`turn`: the numbers of the fields that the steps take; `around_call`: what is around the loop of a call."""
        return {"turn": property(_turn), "around_call": staticmethod(self.forward)}


def _turn(block: Placed) -> tuple[int, ...]:
    return block.depths.order


class Stretched(nn.Module):
    """A field times a length, in one call of a block."""

    def __init__(self, field: nn.Module, length: Tensor) -> None:
        super().__init__()
        self.field, self.length = field, length
        self.training = field.training

    def __getattr__(self, name: str) -> Any:
        """What else steps ask a field for (how probable it is, what follows it) is the field's."""
        own = vars(self)["_modules"]
        return own[name] if name in own else getattr(own["field"], name)

    def forward(self, *arguments: object) -> Tensor:
        slope: Tensor = self.field(*arguments)
        return slope * self.length.to(slope.dtype)


def _stretched(step: nn.Module, length: Tensor) -> Stretched | list[Stretched]:
    """A step's field or fields, for its length."""
    if isinstance(step, nn.ModuleList):
        return [Stretched(field, length) for field in step]
    return Stretched(step, length)


def sort_depths(network: nn.Module) -> bool:
    """Every block's steps take its fields in the order of their depths from here on; whether any order is another one.

    A network without depths is left as it is. Raises InputError where a depth is no number."""
    found = [module.sort() for module in network.modules() if isinstance(module, Depths)]
    return any(found)
