"""The stochastic adjoint (Li, Wong, Chen and Duvenaud 2020, AISTATS), by torchsde: gradients of a solution of which no
step is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.integration.captured import leaves_below


class EquationInRows(nn.Module):
    """Drift and diffusions, modules of (t, y), as torchsde asks for them: of states in rows.

    sample: whether a noise is one for each sample, dimension 0, and not for each entry."""

    def __init__(self, functions: Sequence[nn.Module], calculus: str, sample: bool, shape: torch.Size) -> None:
        super().__init__()
        self.functions, self.shape, self.sample = nn.ModuleList(functions), shape, sample
        self.sde_type, self.noise_type = calculus, "general" if sample else "diagonal"

    @property
    def path_shape(self) -> tuple[int, int]:
        """Of an increment: rows, and numbers in each."""
        rows = self.shape[0] if self.sample else 1
        return rows, len(self.functions) - 1 if self.sample else self.shape.numel()

    def rows(self, y: Tensor) -> Tensor:
        """A state as torchsde has it."""
        return y.reshape(self.path_shape[0], -1)

    def f(self, t: Tensor, rows: Tensor) -> Tensor:
        """The drift."""
        return self._of(self.functions[0], t, rows)

    def g(self, t: Tensor, rows: Tensor) -> Tensor:
        """The diffusions, (rows, numbers), or (rows, numbers, noises)."""
        each = [self._of(function, t, rows) for function in self.functions[1:]]
        return torch.stack(each, -1) if self.sample else each[0]

    def _of(self, function: nn.Module, t: Tensor, rows: Tensor) -> Tensor:
        found: Tensor = function(float(t), rows.reshape(self.shape))
        return self.rows(found.expand(self.shape))

    def made_of(self, t: float, y: Tensor) -> list[Tensor]:
        """What wants a gradient: parameters, and what the functions are seen to depend on at t."""
        own = [p for p in self.parameters() if p.requires_grad]
        with torch.enable_grad():
            values = [function(t, y.detach().clone()) for function in self.functions]
        return [*own, *leaves_below(values, own)]


@dataclass(frozen=True)
class SchemeSolver:
    """The steps of a scheme as a solver of torchsde's; `taken` gives the state after step n."""

    taken: Callable[[int, Tensor], Tensor]
    steps: int
    every: bool

    def integrate(self, y: Tensor, ends: Tensor, extra: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All states, or the first and the last."""
        states = [y]
        for n in range(self.steps):
            states = [*(states if self.every else states[:1]), self.taken(n, states[-1])]
        return torch.stack(states), ()


def adjoint_states(
    equation: EquationInRows, steps: SchemeSolver, drawn: Callable[[int], Tensor], times: Tensor, y0: Tensor
) -> Tensor:
    """The states at t0 and t1, or at all times of steps, whose gradient is that of the equation.

    From the last state the state, its adjoint and the gradients of parameters are integrated back by torchsde on the
    same path, in steps as long: in Itô's sense by Milstein's method where each entry has a noise, else by Euler's, in
    Stratonovich's by the midpoint method. With every state kept each is where a stretch back begins.

    drawn: ΔW/√h of a step, (…, noises). Raises ImportError where torchsde is not installed."""
    core = _torchsde()
    sde = core.base_sde.ForwardSDE(equation)
    rows, size = equation.rows, float(times[-1] - times[0]) / steps.steps
    path = _Path.of(equation, drawn, times, y0)
    method = core._select_default_adjoint_method(sde, "", None)
    in_rows = SchemeSolver(lambda n, y: rows(steps.taken(n, y.reshape(y0.shape))), steps.steps, steps.every)
    states, *_ = core._SdeintAdjointMethod.apply(
        sde, times if steps.every else times[[0, -1]], size, path, in_rows, "", method, False, 0.0, 0.0, 0.0, {}, 0,
        rows(y0), *equation.made_of(float(times[0]), y0),
    )  # fmt: skip
    found: Tensor = states.reshape(-1, *y0.shape)
    return found


def _torchsde() -> Any:
    try:
        from torchsde._core import adjoint
    except ImportError:
        raise ImportError("backward='adjoint' needs torchsde: install tableau2net[adjoint]") from None
    return adjoint


@dataclass(frozen=True)
class _Path:
    """The path of the steps as torchsde's Brownian motion, drawn again where it is asked for; linear within a step."""

    drawn: Callable[[int], Tensor]
    begin: float
    size: float
    steps: int
    shape: tuple[int, int]
    like: Tensor

    levy_area_approximation = "none"

    @classmethod
    def of(cls, equation: EquationInRows, drawn: Callable[[int], Tensor], times: Tensor, y0: Tensor) -> Any:
        steps, begin = len(times) - 1, float(times[0])
        return cls(drawn, begin, (float(times[-1]) - begin) / steps, steps, equation.path_shape, y0.detach())

    @property
    def dtype(self) -> torch.dtype:
        return self.like.dtype

    @property
    def device(self) -> torch.device:
        return self.like.device

    def __call__(self, ta: Any, tb: Any, return_U: bool = False, return_A: bool = False) -> Tensor:
        """W(tb) − W(ta)."""
        low, high = ((float(t) - self.begin) / self.size for t in (ta, tb))
        total = self.like.new_zeros(self.shape)
        for n in range(max(0, int(low)), min(self.steps, int(high) + 1)):
            if (share := min(high, n + 1) - max(low, n)) > 0:
                total = total + share * self.size**0.5 * self.drawn(n).reshape(self.shape)
        return total
