"""iRNN (Kag, Zhang, Saligrama, ICLR 2020): the state is the increment that an equation makes on its way to rest.

From u = y_n the equation u' = F(u; x_n) = tanh(U u + W x_n + b) − α u is followed, and what is handed on is
y_{n+1} = u − y_n. At rest that is y_{n+1} = u*(x_n) − y_n, and ∂y_{n+1}/∂y_n = −I whatever the weights: gradients
neither vanish nor grow. The published network takes K steps of Euler's method on the way; a step of backward Euler,
solved, reaches rest with its length. Either is a general linear method whose external value is the increment: V = 0.
"""

from __future__ import annotations

import math
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from tableau2net.codegen import CompileOptions
from tableau2net.errors import InputError
from tableau2net.nn.sequences.rnn import RNN
from tableau2net.nn.sequences.told_sizes import finite, whole
from tableau2net.scheme import GeneralLinear, Parameter


class RestingField(nn.Module):
    """tanh(U y + W x + b) − α y."""

    def __init__(self, input_size: int, hidden_size: int, alpha: float = 1.0) -> None:
        super().__init__()
        whole(input_size=input_size, hidden_size=hidden_size)
        finite(0, open=True, alpha=alpha)  # or the equation never rests
        self.input_size, self.hidden_size, self.alpha = input_size, hidden_size, alpha
        self.input = nn.Linear(input_size, hidden_size)
        self.weight = nn.Parameter(torch.randn(hidden_size, hidden_size) * (0.5 * alpha / math.sqrt(hidden_size)))

    def drive(self, x: Tensor) -> Tensor:
        """W x + b of all steps."""
        driven: Tensor = self.input(x)
        return driven

    def hoisted(self) -> tuple[Tensor, ...]:
        """Uᵀ."""
        return (self.weight.T.contiguous(),)

    def forward(self, y: Tensor, u: Tensor, transposed: Tensor) -> Tensor:
        return torch.tanh(torch.addmm(u, y, transposed)).sub(y, alpha=self.alpha)


def incremental(steps: int | None) -> GeneralLinear:
    """The increment of so many steps of Euler's method, each of its own length η_i (learnt, or 1/K); None: of a step of
    backward Euler."""
    if steps is None:
        return GeneralLinear(name="increment-backward-euler", A=[[1]], U=[[1]], B=[[1]], V=[[0]])
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= 64:
        raise InputError(f"inner={steps!r}: a whole number of Euler steps from 1 to 64, or 'solved'")
    lengths = [f"eta{i}" for i in range(1, steps + 1)]
    rows: list[list[Any]] = [[*lengths[:i], *[0] * (steps - i)] for i in range(steps)]
    own = tuple(Parameter(name=name, value=f"1/{steps}") for name in lengths)
    ones: list[list[Any]] = [[1]] * steps
    return GeneralLinear(name=f"increment-euler-{steps}", A=rows, U=ones, B=[[*lengths]], V=[[0]], parameters=own)


class IncrementalRNN(RNN):
    """The recurrent network of increments; called as `RNN`.

    inner: K, how many Euler steps are taken towards rest, 1 to 5 in the paper, of lengths h·η_i, learnt ones
    (coefficients="fixed": h/K each); or "solved": a step of backward Euler of length h, of which
    ∂y_{n+1}/∂y_n = z/(1 − z), near −1 where h is large against the time that rest takes.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        inner: int | str = 1,
        *,
        h: float = 1.0,
        alpha: float = 1.0,
        batch_first: bool = False,
        **options: Unpack[CompileOptions],
    ) -> None:
        if isinstance(inner, str) and inner != "solved":
            raise InputError(f"inner={inner!r}: a whole number of Euler steps, or 'solved'")
        scheme = incremental(None if isinstance(inner, str) else inner)
        if scheme.parameters:
            options.setdefault("coefficients", "learnable")
        field = RestingField(input_size, hidden_size, alpha)
        super().__init__(scheme, field, h=h, batch_first=batch_first, **options)
