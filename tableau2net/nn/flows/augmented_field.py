"""A field with what is summed up along its solutions: (y, ∫q_1 dt, …, ∫q_k dt)' = (f, q_1, …, q_k).

The integrals are states like y, so any scheme takes them by its own weights b at its own stages, and how steps are
taken, stored or taken back is the business of others. Traces of J = ∂f/∂y are Σ vᵀJv over probes v: the unit vectors,
then they are exact, or random ones with E vvᵀ = 1 (Hutchinson). Random probes are states too, whose slope is 0: so one
draw serves a whole solve, and a step that is taken again for the backward pass finds it as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.integration.linear_part import takes_one
from tableau2net.integration.own_rows import check_modes, check_rows
from tableau2net.nn.flows.products import with_pull

Trace = Literal["exact", "rademacher", "gaussian"]
MOST_NUMBERS = 1024  # of a row whose trace is taken exactly, a product with J for each


class Point:
    """What is known where a field is evaluated: what quantities are made of.

    field: the field, called as f(t, y).  t: the time.  y: (N, …), the states.  slope: f(t, y).
    probes: (K, N, …), K for each row.
    """

    def __init__(self, field: nn.Module, t: float, y: Tensor, probes: Tensor, scale: float) -> None:
        self.field, self.t, self.y, self.probes, self._scale = field, t, y, probes, scale
        slope, self._pull = with_pull(partial(field, t), y)
        if not isinstance(slope, Tensor) or slope.shape != y.shape:
            found = tuple(slope.shape) if isinstance(slope, Tensor) else type(slope).__name__
            raise InputError(f"field: it returned {found} for states {tuple(y.shape)}; a slope is like its state")
        self.slope: Tensor = slope
        self._pulled: Tensor | None = None

    @property
    def pulled(self) -> Tensor:
        """vᵀ∂f/∂y for each probe v, like `probes`; computed once, if anything asks for it."""
        if self._pulled is None:
            self._pulled = self._pull(self.probes)
        return self._pulled

    def over_probes(self, values: Tensor) -> Tensor:
        """Σ over probes and numbers of a row, (N,): of what is quadratic in exact ones the value, in random ones an
        unbiased estimate."""
        return values.flatten(2).sum((0, 2)) * self._scale


Quantity = Callable[[Point], Tensor]


def trace(point: Point) -> Tensor:
    """tr ∂f/∂y, (N,): how fast the logarithm of volume grows."""
    return point.over_probes(point.pulled * point.probes)


def kinetic(point: Point) -> Tensor:
    """‖f‖², (N,): of a straight and even path the integral is as small as it can be (Finlay et al. 2020; the transport
    cost of Tong et al. 2020 and Onken et al. 2021)."""
    return point.slope.square().flatten(1).sum(1)


def jacobian(point: Point) -> Tensor:
    """‖∂f/∂y‖_F², (N,), by the probes of the trace: E ‖vᵀJ‖² = ‖J‖_F² (Finlay et al. 2020)."""
    return point.over_probes(point.pulled.square())


class Timed(nn.Module):
    """A field of the state alone as one of time and state."""

    def __init__(self, field: nn.Module) -> None:
        super().__init__()
        self.field = field

    def forward(self, t: float, y: Tensor) -> Tensor:
        slope: Tensor = self.field(y)
        return slope


class AugmentedField(nn.Module):
    """The field of y and of quantities' integrals, on rows (y, ∫q_1, …, ∫q_k, probes): an nn.Module f(t, z).

    field: an nn.Module f(t, y), or f(y), of states (N, *shape), whose rows do not depend on each other.
    shape: of a row.
    quantities: functions of a `Point` that give a number for each row, (N,).
    trace: by which probes traces of the Jacobian are taken, "exact" or random "rademacher" (signs) or "gaussian" ones.
    probes: of these so many for each row.

    ``begin(y)`` are the states of a solve, ``end(z)`` is what is in them; what takes a field, `compile` and `integrate`
    too, takes it as any other. Called with rows of y alone it is the field itself. Raises InputError for what does
    not fit, and for fields in training mode that are no function of a row: BatchNorm, dropout.
    """

    def __init__(
        self,
        field: nn.Module,
        shape: int | Sequence[int],
        quantities: Sequence[Quantity] = (trace,),
        *,
        trace: Trace = "exact",
        probes: int = 1,
    ) -> None:
        super().__init__()
        if not isinstance(field, nn.Module):
            raise InputError(f"field: an nn.Module f(t, y) is wanted, and a {type(field).__name__} was given")
        self.field = Timed(field) if takes_one(field) else field
        self.shape = row_shape(shape)
        self.numbers = self.shape.numel()
        if not isinstance(quantities, Sequence) or not all(callable(quantity) for quantity in quantities):
            raise InputError("quantities: a sequence of functions of a Point is wanted, (trace, kinetic) say")
        self.quantities = tuple(quantities)
        if trace not in get_args(Trace):
            raise InputError(f"trace={trace!r}: write one of {', '.join(map(repr, get_args(Trace)))}")
        if isinstance(probes, bool) or not isinstance(probes, int) or probes < 1:
            raise InputError(f"probes={probes!r}: of each row, a whole number, at least 1")
        if trace == "exact" and probes != 1:
            raise InputError(f"probes={probes}: an exact trace draws none; write trace='rademacher' or 'gaussian' too")
        if trace == "exact" and self.numbers > MOST_NUMBERS:
            raise InputError(
                f"trace='exact': a row of {self.numbers:,} numbers takes as many products with its Jacobian (at most "
                f"{MOST_NUMBERS:,}); write trace='rademacher'"
            )
        self.trace: Trace = trace
        self.probes = 0 if trace == "exact" else probes
        self._looked: tuple[Any, ...] = ()

    @property
    def controlled(self) -> int:
        """How many numbers of a row are y and the first quantity: what an error is measured of."""
        return self.numbers + min(1, len(self.quantities))

    @property
    def width(self) -> int:
        """How many numbers a row of states has."""
        return self.numbers * (1 + self.probes) + len(self.quantities)

    def draw(self, y: Tensor) -> Tensor:
        """Random probes for states y, (K, N, *shape)."""
        if self.trace == "gaussian":
            return torch.randn(self.probes, *y.shape, dtype=y.dtype, device=y.device)
        return torch.randint(2, (self.probes, *y.shape), dtype=y.dtype, device=y.device) * 2 - 1

    def check(self, t: float, y: Tensor) -> None:
        """InputError where the field is no function of a row, or has no trace, by its layers and by its values at rows:
        by these when it is first asked, and again in other modes."""
        if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
            return
        check_modes(self.field, "field")
        modes = (y.dtype, *(module.training for module in self.field.modules()))
        if modes == self._looked or not len(y):
            return
        try:
            check_rows(partial(self.field, t), y.detach(), "field")
        except RuntimeError:
            own = next((p.dtype for p in self.field.parameters()), y.dtype)
            if own == y.dtype:
                raise
            raise InputError(
                f"states of {y.dtype}: the field's parameters are of {own}, and it takes no others"
            ) from None
        smooth: Any = getattr(self.field, "check_smooth", None)
        if smooth is not None:
            smooth(t, y.detach())
        self._looked = modes

    def begin(self, y: Tensor, noise: Tensor | None = None) -> Tensor:
        """The states (N, width) that a solve begins with: integrals are 0.

        y: (N, *shape).  noise: the probes, (K, N, *shape); left out, they are drawn by torch's own generator."""
        if not isinstance(y, Tensor) or not y.is_floating_point():
            raise InputError("states: a tensor of floating-point numbers is wanted, rows (N, …)")
        if y.shape[1:] != self.shape or y.dim() != 1 + len(self.shape):
            raise InputError(f"states of shape {tuple(y.shape)}: rows of {tuple(self.shape)} are wanted, (N, …)")
        self.check(0.5, y)
        if noise is not None and not isinstance(noise, Tensor):
            raise InputError(f"noise={noise!r}: a tensor is wanted, (probes, N, …)")
        if noise is not None and (not self.probes or noise.shape != (self.probes, *y.shape)):
            wanted = (
                f"({self.probes}, {', '.join(map(str, y.shape))})" if self.probes else "none, as the trace is exact"
            )
            raise InputError(f"noise of shape {tuple(noise.shape)}: wanted is {wanted}")
        parts = [y.flatten(1), y.new_zeros(len(y), len(self.quantities))]
        if self.probes:
            drawn = self.draw(y) if noise is None else noise.to(y)
            parts.append(drawn.transpose(0, 1).flatten(1))
        return torch.cat(parts, 1)

    def end(self, z: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The state y in z and the integral of each quantity, (N,)."""
        if not isinstance(z, Tensor) or z.dim() != 2 or z.shape[1] != self.width:
            got = tuple(z.shape) if isinstance(z, Tensor) else type(z).__name__
            raise InputError(f"states: {got}; rows of {self.width} numbers are wanted, of begin(y)")
        sums = z[:, self.numbers : self.numbers + len(self.quantities)]
        return z[:, : self.numbers].reshape(len(z), *self.shape), sums.unbind(1)

    def forward(self, t: float, z: Tensor) -> Tensor:
        """The slope of rows of `width` numbers, or, for rows of y alone, the field's."""
        if z.dim() != 2:
            raise InputError(f"states of shape {tuple(z.shape)}: rows (N, {self.width}) are wanted, of begin(y)")
        y = z[:, : self.numbers].reshape(len(z), *self.shape)
        if z.shape[1] == self.numbers:
            slope: Tensor = self.field(t, y)
            return slope.flatten(1)
        if z.shape[1] != self.width:
            raise InputError(f"states of {z.shape[1]} numbers a row: {self.width} are wanted, of begin(y)")
        noise = z[:, self.numbers + len(self.quantities) :]
        point = Point(self.field, t, y, self._probes(y, noise), 1 / max(1, self.probes))
        found = [_number(quantity(point), y, quantity) for quantity in self.quantities]
        return torch.cat([point.slope.flatten(1), *found, torch.zeros_like(noise)], 1)

    def _probes(self, y: Tensor, noise: Tensor) -> Tensor:
        if self.probes:
            return noise.reshape(len(noise), self.probes, *self.shape).transpose(0, 1)
        unit = torch.eye(self.numbers, dtype=y.dtype, device=y.device)
        return unit.view(self.numbers, 1, *self.shape).expand(-1, len(y), *self.shape)


def row_shape(shape: int | Sequence[int]) -> torch.Size:
    """The shape of a row. InputError where it is none."""
    sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if not sizes or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in sizes):
        raise InputError(f"shape={shape!r}: of a row, a whole number or several, at least 1")
    return torch.Size(sizes)


def _number(found: Tensor, y: Tensor, quantity: Quantity) -> Tensor:
    if not isinstance(found, Tensor) or found.shape != y.shape[:1]:
        got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise InputError(f"{name_of(quantity)}: it gave {got}; a quantity is a number for each row, ({len(y)},)")
    return found[:, None]


def name_of(quantity: Quantity) -> str:
    """What a quantity is called."""
    return getattr(quantity, "__name__", type(quantity).__name__)
