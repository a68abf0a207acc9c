"""The field whose step of forward Euler is a gated recurrent unit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.nn.sequences.told_sizes import whole


class GRUField(nn.Module):
    """f(h, x) = (1 − z) ⊙ (n − h) with z = σ(W_z x + U_z h + b_z), r = σ(W_r x + U_r h + b_r) and
    n = tanh(W x + U (r ⊙ h) + b): GRU-ODE (De Brouwer, Simm, Arany, Moreau 2019).

    h + f(h, x), a step of Euler with h = 1, is the GRU of Cho et al. 2014, whose reset gate acts on the state
    (torch.nn.GRU's acts on U h + b). Where |h| ≤ 1 the flow stays there, and so does Euler with steps up to 1.

    hidden_size: of h (…, H).  input_size: of x (…, D); 0 for f(h) alone, without W and b, as in the authors' code.
    minimal: z in the place of r, the authors' "minimal" GRU-ODE.
    It is a driven field for `tableau2net.nn.RNN`; W x + b of all inputs are made at once by `drive`.
    """

    def __init__(self, hidden_size: int, input_size: int = 0, *, minimal: bool = False) -> None:
        super().__init__()
        whole(hidden_size=hidden_size)
        whole(0, input_size=input_size)
        self.hidden_size, self.input_size, self.gates = hidden_size, input_size, 1 if minimal else 2
        self.input = nn.Linear(input_size, (self.gates + 1) * hidden_size) if input_size else None
        self.gate = nn.Linear(hidden_size, self.gates * hidden_size, bias=False)
        self.candidate = nn.Linear(hidden_size, hidden_size, bias=False)

    def drive(self, x: Tensor) -> Tensor:
        """W x + b of the gates z and r and of n, (…, 3 H) of x (…, D)."""
        if self.input is None:
            raise InputError("x: this GRUField has no input; say input_size=")
        driven: Tensor = self.input(x)
        return driven

    def forward(self, h: Tensor, driven: Tensor | None = None) -> Tensor:
        """The slope at h, where `driven` is what `drive` makes of x."""
        gates, split = self.gate(h), self.gates * self.hidden_size
        z, *rest = torch.sigmoid(gates if driven is None else gates + driven[..., :split]).chunk(self.gates, -1)
        inner = self.candidate((rest[0] if rest else z) * h)
        n = torch.tanh(inner if driven is None else inner + driven[..., split:])
        return (1 - z) * (n - h)
