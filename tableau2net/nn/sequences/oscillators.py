"""coRNN (Rusch & Mishra, ICLR 2021): coupled damped oscillators y'' = tanh(W y + 𝒲 y' + V x + b) − γ y − ε y'.

As a system y' = z, z' = … its state is both side by side. What is stiff and linear, z and the damping, is the implicit
part of an IMEX table and solved in closed form; the rest is the explicit part. By the IMEX Euler method (`ars-111`) it
is the published step, z first and y with the new z; by a longer table it is of that one's order.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tableau2net.codegen import CompileOptions
from tableau2net.errors import InputError
from tableau2net.nn.sequences.rnn import RNN, State
from tableau2net.nn.sequences.told_sizes import finite, whole
from tableau2net.scheme import AdditiveMultistep, AdditiveRungeKutta, Scheme, as_scheme


class CoupledForce(nn.Module):
    """The explicit part: (0, tanh(W y + 𝒲 z + V x + b) − γ y), of a state (y, z) side by side, (N, 2n).

    damping: ε, where it is explicit too (the authors' code), else 0 (the other form of the paper).
    Weights are drawn as those of one linear layer over x, z and y, as in the authors' code."""

    def __init__(self, input_size: int, hidden_size: int, gamma: float, damping: float) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.gamma, self.damping = input_size, 2 * hidden_size, gamma, damping
        bound = 1 / math.sqrt(input_size + 2 * hidden_size)
        self.input = nn.Linear(input_size, hidden_size)
        self.weight = nn.Parameter(torch.empty(hidden_size, 2 * hidden_size))
        for drawn in (self.weight, self.input.weight, self.input.bias):
            nn.init.uniform_(drawn, -bound, bound)

    def drive(self, x: Tensor) -> Tensor:
        """V x + b of all steps."""
        driven: Tensor = self.input(x)
        return driven

    def hoisted(self) -> tuple[Tensor, ...]:
        """(W, 𝒲)ᵀ."""
        return (self.weight.T.contiguous(),)

    def forward(self, state: Tensor, u: Tensor, transposed: Tensor) -> Tensor:
        y, z = state.chunk(2, -1)
        force = torch.tanh(torch.addmm(u, state, transposed)).sub(y, alpha=self.gamma)
        force = force.sub(z, alpha=self.damping) if self.damping else force
        return torch.cat([torch.zeros_like(y), force], -1)


class DampedMotion(nn.Module):
    """The implicit part, linear: (z, −ε z), with its resolvent."""

    def __init__(self, damping: float) -> None:
        super().__init__()
        self.damping = damping

    def forward(self, state: Tensor, x: Tensor) -> Tensor:
        _, z = state.chunk(2, -1)
        return torch.cat([z, -self.damping * z], -1)

    def resolvent(self, known: Tensor, c: float, x: Tensor) -> Tensor:
        """The state with state = known + c f(state)."""
        y, z = known.chunk(2, -1)
        z = z / (1 + c * self.damping)
        return torch.cat([y.add(z, alpha=c), z], -1)


class CoRNN(RNN):
    """The recurrent network of coupled oscillators, by any IMEX table of two fields; `out` is y, (T, N, n), and
    `last`, as h0, the whole state (1, N, 2n), y and z side by side.

    dt: the length of a step.  gamma, epsilon: frequency and damping; as trained on pixels of digits by the authors.
    implicit_damping: the paper's form with n̄ = n; else n̄ = n − 1, as in the authors' code.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        scheme: Scheme | str | Path = "ars-111",
        *,
        dt: float = 0.042,
        gamma: float = 2.7,
        epsilon: float = 4.7,
        implicit_damping: bool = False,
        batch_first: bool = False,
        carry: bool = False,
        **options: Unpack[CompileOptions],
    ) -> None:
        whole(input_size=input_size, hidden_size=hidden_size)
        finite(0, gamma=gamma, epsilon=epsilon)
        finite(0, open=True, dt=dt)
        if wrong := [key for key in ("h", "time_dependent") if key in options]:
            raise InputError(f"{wrong[0]}: the length of a step is dt=, and the field knows no time")
        taken = as_scheme(scheme)
        if not isinstance(taken, AdditiveRungeKutta | AdditiveMultistep):
            raise InputError(f"{taken.name or taken.family} is no IMEX table of two fields; write ars-222, say")
        options.setdefault("solver", "resolvent")
        explicit, implicit = (0.0, epsilon) if implicit_damping else (epsilon, 0.0)
        fields = [CoupledForce(input_size, hidden_size, gamma, explicit), DampedMotion(implicit)]
        super().__init__(taken, fields, h=dt, batch_first=batch_first, carry=carry, **options)
        self.width = hidden_size

    def forward(
        self, x: Tensor | PackedSequence, h0: State | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor | PackedSequence, State]:
        out, last = super().forward(x, h0, lengths)
        if isinstance(out, PackedSequence):
            return out._replace(data=out.data[..., : self.width]), last
        return out[..., : self.width], last
