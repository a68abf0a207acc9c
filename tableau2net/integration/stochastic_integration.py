"""Solutions of dX = f dt + Σ_k g^k dW_k in equal steps of a stochastic scheme, and paths that they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from tableau2net.codegen import compile_stochastic
from tableau2net.errors import InputError
from tableau2net.integration.own_rows import check_modes, drawing_nothing
from tableau2net.integration.stochastic_adjoint import EquationInRows, SchemeSolver, adjoint_states
from tableau2net.runtime.increments import increments
from tableau2net.scheme import StochasticRungeKutta, as_table

Field = Callable[[float, Tensor], Tensor]
Noise = Callable[[int, Tensor], Sequence[Tensor]]


def sdeint(
    scheme: StochasticRungeKutta | str | Path,
    drift: Field,
    diffusion: Field | Sequence[Field],
    y0: Tensor | Sequence[float],
    t0: float,
    t1: float,
    *,
    steps: int,
    key: int = 0,
    path: BrownianPath | None = None,
    every: bool = False,
    backward: Literal["store", "adjoint"] = "store",
) -> Tensor:
    """The state at t1 after so many equal steps; with every=True all states, (steps + 1, …).

    drift, diffusion: functions of (t, y) that give a tensor of y's shape. One diffusion is multiplied by a noise of its
    own for each entry (diagonal or additive noise; of a scheme for one noise, for each sample), several by one each for
    each sample, dimension 0. y0: a tensor, or numbers in float64. key: what the noise is drawn from, the same for the
    same key. path: in its place, a path that solutions with other steps share.

    backward: "store", gradients are those of the steps, through the loop; "adjoint", those of the equation, by
    torchsde: see `stochastic_adjoint`. No step is kept for them, and they come near those of small steps; of Itô's
    equations there are no second ones. Dropout and BatchNorm in training mode are refused then.

    Raises InputError for a scheme that does not fit: for additive noise it is asked whether a diffusion changes with y,
    at y0 and beside it."""
    if not (_is_number(t0) and _is_number(t1) and t0 < t1):
        raise InputError(f"t0={t0!r}, t1={t1!r}: finite times are expected, t0 before t1: noise runs forward in time")
    _whole("steps", steps, 1)
    _whole("key", key)
    noises = [diffusion] if callable(diffusion) else list(diffusion or ())
    if not (callable(drift) and noises and all(map(callable, noises))):
        raise InputError("drift and diffusion: functions of (t, y) are expected, of diffusions one or a list")
    y = _state(y0)
    table = as_table(scheme, StochasticRungeKutta)
    if table.noise == "additive":
        _check_additive(table, noises, t0, y)
    if path is not None and not isinstance(path, BrownianPath):
        raise InputError(f"path={path!r}: a BrownianPath is expected")
    if path is not None:
        path.check_shape(y, sample=table.noise == "scalar")
    if backward not in ("store", "adjoint"):
        raise InputError(f"backward={backward!r}: write 'store' or 'adjoint'")
    if backward == "adjoint" and table.law != "gaussian":
        raise InputError(f"backward='adjoint': {table.name or 'the scheme'} draws no Gaussian noise; take 'store'")
    block = compile_stochastic(table, noises=len(noises), step_weights="shared", time_dependent=True)(
        list(map(_Function, (drift, *noises))), steps, (t1 - t0) / steps, t0
    )
    noise = None if path is None else path.seen(steps, block.variables)  # type: ignore[arg-type]

    def taken(n: int, state: Tensor) -> Tensor:
        found: Tensor = block.taken(*block.field, n, state, key, noise)  # type: ignore[operator, misc]
        return found

    if backward == "adjoint":
        for function in block.field:  # type: ignore[union-attr]  # each is evaluated once more on the way back
            check_modes(function, "drift and diffusion")
            with torch.no_grad(), drawing_nothing(y, "drift and diffusion"):
                function(t0, y.detach())
        times = torch.linspace(t0, t1, steps + 1, dtype=torch.float64)
        sample = len(noises) > 1 or table.noise == "scalar"
        equation = EquationInRows(list(block.field), table.calculus, sample, y.shape)  # type: ignore[arg-type]
        drawn = _brownian(block, y, key, noise)
        found = adjoint_states(equation, SchemeSolver(taken, steps, every), drawn, times, y)
        return found if every else found[-1]
    states = [y]
    for n in range(steps):
        states = [*(states if every else ()), taken(n, states[-1])]
    return torch.stack(states) if every else states[-1]


def _brownian(block: nn.Module, y: Tensor, key: int, noise: Noise | None) -> Callable[[int], Tensor]:
    """ΔW/√h of a step, (…, noises)."""
    names: Sequence[str] = block.variables  # type: ignore[assignment]
    shape = y.detach()

    def drawn(n: int) -> Tensor:
        values = block.drawn(n, shape, key, noise)  # type: ignore[operator]
        return torch.stack([value for name, value in zip(names, values, strict=True) if name[0] == "W"], -1)

    return drawn


def _state(y0: Tensor | Sequence[float]) -> Tensor:
    try:
        y = y0 if isinstance(y0, Tensor) else torch.tensor(y0, dtype=torch.float64)
    except (TypeError, ValueError):
        raise InputError(f"y0: a tensor or numbers are expected, got a {type(y0).__name__}") from None
    if not y.is_floating_point():
        raise InputError(f"y0: it is of {y.dtype}; floating-point numbers are expected, y0.double() say")
    return y


def _whole(name: str, value: object, least: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
        raise InputError(f"{name}={value!r}: it is a whole number{'' if least is None else f', at least {least}'}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


@torch.no_grad()
def _check_additive(scheme: StochasticRungeKutta, noises: Sequence[Field], t: float, y: Tensor) -> None:
    for g in map(_Function, noises):
        here, beside = (g(t, x).expand_as(y) for x in (y, 1.5 * y + 1))
        if not torch.allclose(here, beside, equal_nan=True):
            told = f"{scheme.name or 'the scheme'} is for additive noise, and this diffusion changes with y"
            raise InputError(f"{told}; take a scheme for diagonal or general noise, sriw1 or ri1 say")


class _Function(nn.Module):
    """A function of (t, y) as a field. Raises InputError where it gives no tensor, or none that goes with y."""

    def __init__(self, function: Field) -> None:
        super().__init__()
        self.function = function

    def forward(self, t: float, y: Tensor) -> Tensor:
        found = self.function(t, y)
        if not isinstance(found, Tensor):
            raise InputError(f"drift and diffusion: tensors are expected of them; got a {type(found).__name__}")
        if found.shape != y.shape and not _fits(found, y):
            told = f"a tensor of the shape of y, {tuple(y.shape)}, is expected"
            raise InputError(f"drift and diffusion: {told}; got one of {tuple(found.shape)}")
        return found


def _fits(found: Tensor, y: Tensor) -> bool:
    """Whether it can be added to y without making that larger."""
    sizes = zip(reversed(found.shape), reversed(y.shape), strict=False)
    return found.dim() <= y.dim() and all(n in (1, m) for n, m in sizes)


class BrownianPath:
    """One path of Brownian motion and of its integral in time over so many fine steps, seen by coarser ones: so the
    solutions of two step sizes are compared on the same noise. Of W and H of one noise, in the shape of `like`."""

    def __init__(self, fine: int, like: Tensor, key: int = 0, *, sample: bool = False) -> None:
        _whole("fine", fine, 1)
        _whole("key", key)
        if not isinstance(like, Tensor) or not like.is_floating_point():
            raise InputError("like: a tensor of floating-point numbers is expected, whose shape the path has")
        drawn = [increments(key, n, like, ("W", "H"), "gaussian", sample) for n in range(fine)]
        self.fine = fine
        self.w, self.h = (torch.stack(each) for each in zip(*drawn, strict=True))

    def check_shape(self, y: Tensor, sample: bool) -> None:
        """Raise InputError where it is no path of a state: one for each entry, or for each `sample`."""
        shapes = [y.shape[:1] + (1,) * (y.dim() - 1), *([] if sample else [y.shape])]
        if self.w.shape[1:] not in shapes:
            wanted = " or ".join(str(tuple(s)) for s in dict.fromkeys(shapes))
            told = "; BrownianPath(…, sample=True) has one for each sample" if sample else ""
            raise InputError(f"path: it is of shape {tuple(self.w.shape[1:])}, and {wanted} is expected{told}")

    def seen(self, steps: int, variables: Sequence[str]) -> Noise:
        """What a scheme of so many steps draws. Raises InputError where the fine steps are no multiple, or where other
        variables than W and H are asked for."""
        if self.fine % steps:
            raise InputError(f"path: {self.fine} fine steps are no multiple of {steps}")
        if stray := [v for v in variables if v not in ("W", "H")]:
            raise InputError(f"path: {', '.join(stray)} of a scheme is not of one Gaussian noise; draw by a key")
        many = self.fine // steps
        w = self.w.reshape(steps, many, *self.w.shape[1:]) / math.sqrt(many)  # over √h, h that of a coarse step
        h = self.h.reshape(w.shape) / many**1.5
        before = torch.cumsum(w, 1) - w
        total = w.sum(1)
        inside = (before / many + w / (2 * many) + h).sum(1) - total / 2
        given = {"W": total, "H": inside}
        return lambda n, y: tuple(given[v][n] for v in variables)
