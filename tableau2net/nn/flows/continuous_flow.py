"""Continuous normalizing flows by any scheme: a base density carried to the data's by y' = f(t, y)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Unpack

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from tableau2net.codegen import CompiledBlock, compile
from tableau2net.codegen.compile_options import StepOptions
from tableau2net.errors import InputError
from tableau2net.integration import integrate
from tableau2net.integration.control import NormName
from tableau2net.integration.interface import one_step
from tableau2net.integration.start import starter
from tableau2net.nn.blocks import growth_told
from tableau2net.nn.flows import augmented_field as augmented_fields
from tableau2net.nn.flows.augmented_field import AugmentedField, Quantity, Trace, jacobian, kinetic, name_of, row_shape
from tableau2net.nn.flows.potential_field import hamilton_jacobi
from tableau2net.nn.invertible.undo import inverse
from tableau2net.nn.invertible.volume import log_det
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.step import lower

Of = Literal["flow", "steps"]
PENALTIES: dict[str, Quantity] = {"kinetic": kinetic, "jacobian": jacobian, "hamilton_jacobi": hamilton_jacobi}
FREE = 1e30  # an absolute tolerance that is always kept


class Carried(NamedTuple):
    """Where states have been carried to.

    y: (N, *shape), the states there.  log_det: (N,), log |det| of the map that took them there, of the flow: ∫ tr dt.
    sums: (N,) for each penalty by its name, ∫ q |dt| along the way.
    """

    y: Tensor
    log_det: Tensor
    sums: dict[str, Tensor]


class _Solves(NamedTuple):
    """A system, and with given steps the blocks that take it either way."""

    augmented: AugmentedField
    to_base: CompiledBlock | None
    to_data: CompiledBlock | None


class ContinuousFlow(nn.Module):
    """The density of x = y(0) where y' = f(t, y) and y(1) has a density that is known (Chen et al. 2018; FFJORD,
    Grathwohl et al. 2019): log p(x) = log p_base(y(1)) + ∫ tr ∂f/∂y dt.

    field: an nn.Module f(t, y), or f(y), of rows (N, *shape) that do not depend on each other.
    shape: of a row, 2 say.
    scheme: any of one state and one field.  rtol, atol, norm: steps as large as these allow, see `integrate`, for the
        errors of y and of the log density; penalties and probes count none.
    steps: so many equal ones, by the compiled block of the scheme.  options: of that block: backward="checkpoint", …
    times: where the data are, and where the base is. (1, 0) is the other convention, in which samples go forwards.
    trace: "exact", a product with the Jacobian for each number of a row; or Hutchinson's estimate by `probes` random
        "rademacher" or "gaussian" vectors, drawn once a solve.
    penalties: a weight, not negative, for each of what `loss` adds: "kinetic" ∫‖f‖², "jacobian" ∫‖∂f/∂y‖_F² (RNODE),
        "hamilton_jacobi" ∫|∂φ/∂t + ½|∇φ|²| of a `PotentialField` (OT-Flow), or a function of a `Point`.
    base: a torch.distributions.Distribution of rows; by default standard normal, in dtype and device of the module.

    With `steps` there are two densities. That of the flow, log p_base + ∫ tr dt by the scheme's own quadrature, is
    wrong by what the steps are wrong by, and its mass is 1 up to that. That of the steps (`of="steps"`) is exact for
    the network that they are, whatever their error: log |det| of their Jacobians, and samples by their inverse. They
    differ by O(h^p). Raises InputError for what does not fit.
    """

    def __init__(
        self,
        field: nn.Module,
        shape: int | Sequence[int],
        scheme: Scheme | str | Path = "dormand-prince-54",
        *,
        steps: int | None = None,
        rtol: float | None = None,
        atol: float | None = None,
        norm: NormName = "rms",
        times: tuple[float, float] = (0.0, 1.0),
        trace: Trace = "exact",
        probes: int = 1,
        penalties: Mapping[Any, float] | None = None,
        base: Distribution | None = None,
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__()
        self.scheme = as_scheme(scheme)
        self.steps, self.rtol, self.atol, self.norm = steps, rtol, atol, norm
        self.times, self.trace, self.probes = times, trace, probes
        self.options: StepOptions = options
        self._check()
        self.penalties = _weighted({} if penalties is None else penalties)
        self.evaluations = 0
        self.field, self.shape = field, row_shape(shape)
        self._systems: dict[tuple[Trace, bool], _Solves] = {}
        for penalised in (False, True):  # now, and not when a compiler looks on
            self._solves(trace, penalised)
        like = next((p for p in field.parameters() if p.is_floating_point()), torch.zeros(()))
        self.register_buffer("origin", like.new_zeros(self.shape).detach(), persistent=False)
        if base is not None:
            _check_base(base, self.shape)
        self._base = base

    @property
    def event_shape(self) -> torch.Size:
        """Of a row, as torch.distributions call it."""
        return self.shape

    @property
    def base(self) -> Distribution:
        """What y has at the other end."""
        if self._base is not None:
            return self._base
        origin = self.get_buffer("origin")
        normal = Normal(origin, torch.ones_like(origin), validate_args=False)
        return Independent(normal, len(self.shape), validate_args=False)

    @property
    def net(self) -> CompiledBlock:
        """The steps to the base as a block on flat rows (N, numbers), which `log_det` and `inverse` take. Raises
        InputError where steps are chosen by a tolerance: they are others for each batch."""
        block = self._solves(self.trace, False).to_base
        if block is None:
            raise InputError("of='steps': steps by a tolerance are another network for each batch; write steps=")
        return block

    def forward(self, value: Tensor) -> Carried:
        """`to_base`."""
        return self.to_base(value)

    def to_base(self, value: Tensor, *, trace: Trace | None = None, noise: Tensor | None = None) -> Carried:
        """Data (…, *shape) carried to the base, with penalties on the way.

        trace: another than the flow's.  noise: the probes of an estimate, (probes, N, *shape), N all rows of data; left
        out, they are drawn."""
        return self._carried_as(0, value, trace, noise)

    def to_data(self, value: Tensor, *, trace: Trace | None = None, noise: Tensor | None = None) -> Carried:
        """The same the other way: the density of the y that it gives is base.log_prob(value) − log_det."""
        return self._carried_as(1, value, trace, noise)

    def log_prob(
        self, value: Tensor, *, of: Of = "flow", trace: Trace | None = None, noise: Tensor | None = None
    ) -> Tensor:
        """The logarithm of the density at (…, *shape), which has the dimensions in front.

        of: "flow", or "steps" for the density of the network that the steps are.  trace, noise: see `to_base`.
        With random probes it is an estimate whose mean is that of the exact trace, at the same steps."""
        lead, rows = self._rows(value)
        if _known(of) == "steps":
            self._check_field(rows)
            if trace is not None or noise is not None:
                raise InputError("of='steps': its determinants are exact; leave trace and noise")
            y, change = self._steps(rows) if len(rows) else (rows, rows.flatten(1).sum(1))
        else:
            y, change, _ = self._carried(0, rows, trace, False, noise)
        return self._density(y, change).reshape(lead)

    def loss(self, value: Tensor, *, noise: Tensor | None = None) -> Tensor:
        """The mean of −log p of data (…, *shape), and of the penalties, each times its weight; by one solve."""
        found = self.to_base(value, noise=noise)
        total = -self._density(found.y, found.log_det).mean()
        for name, (_, weight) in self.penalties.items():
            total = total + weight * found.sums[name].mean()
        return total

    def sample(self, sample_shape: Sequence[int] = (), *, of: Of = "flow") -> Tensor:
        """Samples (*sample_shape, *shape), without gradients; of="steps" are those of that density, by the inverse."""
        with torch.no_grad():
            return self._sampled(self.base.sample(_sizes(sample_shape)), of)

    def rsample(self, sample_shape: Sequence[int] = (), *, of: Of = "flow") -> Tensor:
        """The same with gradients."""
        return self._sampled(self.base.rsample(_sizes(sample_shape)), of)

    def path(self, value: Tensor, times: Sequence[float]) -> Tensor:
        """The states at times between the data's and the base's, in that order: (len(times), N, *shape)."""
        lead, rows = self._rows(value)
        self._check_field(rows)
        solves = self._solves(self.trace, False)
        found: Tensor = integrate(
            self.scheme, solves.augmented, rows.flatten(1), *self.times, at=list(times), **self._ends()
        )
        return found.reshape(len(times), *lead, *self.shape)

    def _sampled(self, drawn: Tensor, of: Of) -> Tensor:
        lead, rows = self._rows(drawn)
        self._check_field(rows)
        if _known(of) == "steps":
            y = inverse(self.net)(rows.flatten(1)) if len(rows) else rows
        else:
            y = self._solved(1, rows.flatten(1), self._solves(self.trace, False))
        sampled: Tensor = y.reshape(*lead, *self.shape)
        return sampled

    def _density(self, y: Tensor, change: Tensor) -> Tensor:
        found: Tensor = change + self.base.log_prob(y) if y.numel() else change  # torch cannot reshape what is empty
        return found

    def _check_field(self, rows: Tensor) -> None:
        self._solves(self.trace, False).augmented.check(sum(self.times) / 2, rows)

    def _steps(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        found = log_det(self.net, rows.flatten(1))
        assert isinstance(found.states, Tensor)
        return found.states.reshape(rows.shape), found.log_det

    def _carried_as(self, way: int, value: Tensor, trace: Trace | None, noise: Tensor | None) -> Carried:
        """With penalties, and in the dimensions in front that the value has."""
        lead, rows = self._rows(value)
        y, change, sums = self._carried(way, rows, trace, True, noise)
        sums = {name: found.reshape(lead) for name, found in sums.items()}
        return Carried(y.reshape(value.shape), change.reshape(lead), sums)

    def _carried(self, way: int, value: Tensor, trace: Trace | None, penalised: bool, noise: Tensor | None) -> Carried:
        solves = self._solves(self.trace if trace is None else trace, penalised)
        solves.augmented.check(sum(self.times) / 2, value)
        y, (change, *sums) = solves.augmented.end(self._solved(way, solves.augmented.begin(value, noise), solves))
        sign = math.copysign(1.0, (self.times[1] - self.times[0]) * (1 - 2 * way))
        return Carried(y, change, {name: sign * found for name, found in zip(self.penalties, sums, strict=False)})

    def _solved(self, way: int, z: Tensor, solves: _Solves) -> Tensor:
        """What z becomes on the way to the base (0), or to the data (1)."""
        if not len(z):
            return z
        block = (solves.to_base, solves.to_data)[way]
        if block is not None:
            after: Tensor = block(z)
            return after
        plain = z.shape[1] == solves.augmented.numbers
        found = integrate(
            self.scheme,
            solves.augmented,
            z,
            *self.times[:: 1 - 2 * way],
            **(self._ends() if plain else self._tolerances(solves.augmented, z)),
            full=True,
        )
        self.evaluations = found.evaluations
        end: Tensor = found.y
        return end

    def _ends(self) -> dict[str, Any]:
        """Where steps of y alone end, for `integrate`."""
        if self.steps is not None:
            return {"steps": self.steps}
        return {"rtol": self.rtol, "atol": self.atol, "norm": self.norm}

    def _tolerances(self, augmented: AugmentedField, z: Tensor) -> dict[str, Any]:
        """Those by which y and the log density are controlled, and nothing else: as if it were not there."""
        atol = self.rtol if self.atol is None else self.atol
        rtol = atol if self.rtol is None else self.rtol
        assert rtol is not None
        assert atol is not None
        part = math.sqrt(augmented.controlled / augmented.width)
        each = z.new_full((augmented.width,), FREE)
        each[: augmented.controlled] = atol * part
        return {"rtol": rtol * part, "atol": each, "norm": self.norm}

    def _solves(self, trace: Trace, penalised: bool) -> _Solves:
        """The system for a trace, with the penalties or without, made once."""
        key = (trace, penalised and bool(self.penalties))
        if key not in self._systems:
            quantities = [augmented_fields.trace, *(q for q, _ in self.penalties.values() if key[1])]
            own = 1 if trace == "exact" and self.trace != "exact" else self.probes
            augmented = AugmentedField(self.field, self.shape, quantities, trace=trace, probes=own)
            blocks = [None if self.steps is None else self._block(augmented, self.steps, way) for way in (0, 1)]
            self._systems[key] = _Solves(augmented, *blocks)
        return self._systems[key]

    def _block(self, augmented: AugmentedField, steps: int, way: int) -> CompiledBlock:
        begin, end = self.times[:: 1 - 2 * way]
        options = dict(self.options)
        if not one_step(self.scheme):
            options.setdefault("start", starter(self.scheme, None))
        made = compile(
            self.scheme,
            step_weights="shared",
            time_dependent=True,
            statistics="shared",
            **options,  # type: ignore[arg-type]  # StepOptions, as a dict
        )
        with growth_told():
            return made(augmented, steps, (end - begin) / steps, begin)

    def _rows(self, value: Tensor) -> tuple[torch.Size, Tensor]:
        """The dimensions in front of a row's, and the rows (N, *shape)."""
        if not isinstance(value, Tensor) or not value.is_floating_point():
            got = value.dtype if isinstance(value, Tensor) else f"a {type(value).__name__}"
            raise InputError(f"value: {got}; a tensor of floating-point numbers is wanted")
        cut = value.dim() - len(self.event_shape)
        if cut < 0 or value.shape[cut:] != self.event_shape:
            raise InputError(f"value of shape {tuple(value.shape)}: it ends in {tuple(self.event_shape)}, a row's")
        return value.shape[:cut], value.reshape(value.shape[:cut].numel(), *self.event_shape)

    def _check(self) -> None:
        """InputError where the scheme, its steps or the times do not fit."""
        step, name = lower(self.scheme), self.scheme.name or self.scheme.family
        if len(step.states) > 1 or max(step.parts, step.fields) > 1 or step.derivative == 2:
            raise InputError(f"{name}: a flow's scheme has one state and one field")
        by_tolerance = self.rtol is not None or self.atol is not None
        if by_tolerance == (self.steps is not None):
            raise InputError("steps, rtol: give fixed steps or a tolerance, one of the two")
        if by_tolerance and self.options:
            raise InputError(f"{', '.join(sorted(self.options))}: steps by a tolerance take rtol, atol and norm alone")
        if by_tolerance and not one_step(self.scheme):
            raise InputError(f"{name} remembers earlier steps, so its steps are given: steps=")
        if unknown := [name for name in self.options if name not in StepOptions.__annotations__]:
            raise InputError(
                f"{unknown[0]}: no option of a flow's steps; known: {', '.join(StepOptions.__annotations__)}"
            )
        if self.steps is not None and (
            isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1
        ):
            raise InputError(f"steps={self.steps!r}: a whole number, at least 1")
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if value is not None and not (isinstance(value, (int, float)) and 0 <= value < math.inf):
                raise InputError(f"{name}={value!r}: a number that is not negative")
        numbers = isinstance(self.times, (tuple, list)) and all(isinstance(t, (int, float)) for t in self.times)
        if not numbers or len(self.times) != 2 or not all(map(math.isfinite, self.times)) or len(set(self.times)) < 2:
            raise InputError(f"times={self.times!r}: two that differ, where the data are and where the base is")


def _weighted(penalties: Mapping[Any, float]) -> dict[str, tuple[Quantity, float]]:
    """Penalties by their names, with their weights."""
    if not isinstance(penalties, Mapping):
        raise InputError(f"penalties={penalties!r}: a weight for each is wanted, {{'kinetic': 0.1}} say")
    found = [_penalty(*each) for each in penalties.items()]
    named = {name_of(quantity): (quantity, weight) for quantity, weight in found}
    if len(named) < len(found):
        raise InputError(f"penalties: two have one name, of {', '.join(name_of(q) for q, _ in found)}")
    return named


def _penalty(quantity: str | Quantity, weight: float) -> tuple[Quantity, float]:
    if isinstance(quantity, str) and quantity not in PENALTIES:
        raise InputError(f"penalties: {quantity!r} is none of {', '.join(PENALTIES)}, and no function of a Point")
    if not (isinstance(weight, (int, float)) and 0 <= weight < math.inf):
        name = quantity if isinstance(quantity, str) else name_of(quantity)
        raise InputError(f"penalties: {name}: {weight!r}; a weight is a number that is not negative")
    return (PENALTIES[quantity] if isinstance(quantity, str) else quantity), weight


def _known(of: str) -> str:
    if of not in ("flow", "steps"):
        raise InputError(f"of={of!r}: write 'flow' or 'steps'")
    return of


def _sizes(sample_shape: Sequence[int]) -> torch.Size:
    try:
        return torch.Size(sample_shape)
    except TypeError:
        raise InputError(f"sample_shape={sample_shape!r}: a tuple of sizes is wanted, (3,) say") from None


def _check_base(base: Distribution, shape: torch.Size) -> None:
    """InputError where it is no distribution of all rows of a shape."""
    if not isinstance(base, Distribution):
        raise InputError(f"base: a torch.distributions.Distribution is wanted, not a {type(base).__name__}")
    if tuple(base.event_shape) != shape:
        raise InputError(f"base: its rows are {tuple(base.event_shape)}, those of the flow {tuple(shape)}")
    like = base.sample()
    far = [torch.full_like(like, number) for number in (-1e3, 1e3)] if like.is_floating_point() else []
    support: Any = base.support
    if not far or not all(bool(support.check(y).all()) for y in far):
        raise InputError(
            "base: it is bounded or discrete, and a flow takes rows anywhere; take one of all real numbers"
        )
