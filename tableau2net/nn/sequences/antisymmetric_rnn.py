"""AntisymmetricRNN (Chang, Chen, Haber, Chi, ICLR 2019): y' = tanh((W − Wᵀ − γI) y + V x + b), and with a gate.

The Jacobian of the plain field is D (M − γI), M antisymmetric and D = diag(tanh') between 0 and 1. Its eigenvalues are
those of D^½ M D^½ − γD: at γ = 0 on the imaginary axis, not above ‖M‖. There Euler's method grows at any step, which is
what γ is for in the paper; a scheme that is stable on an interval of that axis needs none while h‖M‖ stays within it.

That is of one D, frozen: near a state at rest. Along a trajectory D changes from step to step, and products of steps
each of which is stable may grow, of the equation itself too; nothing bounds them, and `gradient_growth` measures them.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Literal, Unpack

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tableau2net.analysis.stability import stability
from tableau2net.codegen import CompileOptions
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.nn.sequences.rnn import RNN, Interpolation, State
from tableau2net.nn.sequences.sequence_batch import Sequences
from tableau2net.nn.sequences.told_sizes import finite, whole
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.step import lower
from tableau2net.step.amplification import amplification

Unstable = Literal["refuse", "warn", "allow"]


class AntisymmetricField(nn.Module):
    """tanh((M − γI) y + V x + b), M = W − Wᵀ; gated: times sigmoid((M − γI) y + V_z x + b_z).

    What is learnt of M is what is above its diagonal, n(n − 1)/2 numbers. As the paper draws them: W from N(0, σ²/n),
    of which M is made, V from N(0, 1/m), b = 0.

    With a gate the Jacobian is again D (M − γI), D diagonal and not above 1, but D may have entries below 0: then
    eigenvalues leave the axis, and nothing is proved of them.
    """

    upper: Tensor

    def __init__(
        self, input_size: int, hidden_size: int, *, gamma: float = 0.01, gated: bool = False, sigma: float = 1.0
    ) -> None:
        super().__init__()
        whole(input_size=input_size, hidden_size=hidden_size)
        finite(0, gamma=gamma, sigma=sigma)
        self.input_size, self.hidden_size, self.gamma, self.gated = input_size, hidden_size, gamma, gated
        w = torch.randn(hidden_size, hidden_size) * (sigma / math.sqrt(hidden_size))
        rows, columns = torch.triu_indices(hidden_size, hidden_size, 1)
        self.upper = nn.Parameter((w - w.T)[rows, columns])
        self.input = nn.Linear(input_size, hidden_size * (1 + gated))
        nn.init.normal_(self.input.weight, 0.0, 1 / math.sqrt(input_size))
        nn.init.zeros_(self.input.bias)

    def rotation(self) -> Tensor:
        """M, (n, n)."""
        n = self.hidden_size
        rows, columns = torch.triu_indices(n, n, 1, device=self.upper.device)
        above = self.upper.new_zeros(n, n).index_put((rows, columns), self.upper)
        return above - above.T

    def drive(self, x: Tensor) -> Tensor:
        """V x + b of all steps; of the gate too."""
        driven: Tensor = self.input(x)
        return driven

    def hoisted(self) -> tuple[Tensor, ...]:
        """(M − γI)ᵀ."""
        m = self.rotation()
        return ((-m - self.gamma * torch.eye(len(m), dtype=m.dtype, device=m.device)),)

    def forward(self, y: Tensor, u: Tensor, transposed: Tensor) -> Tensor:
        if not self.gated:
            return torch.tanh(torch.addmm(u, y, transposed))
        own, gate = u.chunk(2, -1)
        turned = y @ transposed
        return torch.sigmoid(turned + gate) * torch.tanh(turned + own)


class AntisymmetricRNN(RNN):
    """The recurrent network of `AntisymmetricField`, by any scheme of one state for y' = f; called as `RNN`.

    epsilon: the length of a step, 0.01, 0.1 or 1 in the paper.  gamma: of the diffusion; 0 where the scheme allows it.
    sigma: of the weights that are drawn.  unstable: what becomes of γ = 0 where ε‖M‖ is not within the imaginary
    stability interval of the scheme, as it is proved: "refuse" (InputError), "warn" or "allow".
    `check` looks again, and `penalty` keeps training inside. The interval is of a step at rest of the plain form: over
    a sequence gradients may grow within it, and `gradient_growth` says by how much. It is proved of the table as it is
    declared, so coefficients are fixed ones.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        scheme: Scheme | str | Path = "euler",
        *,
        epsilon: float = 0.1,
        gamma: float = 0.01,
        gated: bool = False,
        sigma: float = 1.0,
        unstable: Unstable = "refuse",
        batch_first: bool = False,
        interpolation: Interpolation = "hold",
        carry: bool = False,
        **options: Unpack[CompileOptions],
    ) -> None:
        if unstable not in ("refuse", "warn", "allow"):
            raise InputError(f"unstable={unstable!r}: write 'refuse', 'warn' or 'allow'")
        finite(0, open=True, epsilon=epsilon)
        if wrong := [key for key in ("h", "time_dependent") if key in options]:
            raise InputError(f"{wrong[0]}: the length of a step is epsilon=, and the field knows no time")
        if options.get("coefficients", "fixed") != "fixed":
            raise InputError(
                f"coefficients={options['coefficients']!r}: the imaginary stability interval is proved of the table; "
                "write 'fixed', or t2n.RNN(scheme, AntisymmetricField(…)), of which nothing is proved"
            )
        field = AntisymmetricField(input_size, hidden_size, gamma=gamma, gated=gated, sigma=sigma)
        taken = as_scheme(scheme)
        if lower(taken).derivative == 2:
            raise InputError(f"{taken.name or taken.family} is a scheme for y'' = f, and this is y' = f; take another")
        super().__init__(
            taken, field, h=epsilon, batch_first=batch_first, interpolation=interpolation, carry=carry, **options
        )
        found = stability(taken.at_defaults()).imaginary_interval
        self.interval: float | None = (
            None if found is None else math.inf if found.is_infinite else float(float_of(found))
        )
        self.unstable = unstable
        self.check()

    def rotating(self) -> AntisymmetricField:
        """Its field."""
        (field,) = self.fields()
        assert isinstance(field, AntisymmetricField)
        return field

    def reach(self) -> Tensor:
        """ε‖M‖, the spectral norm exactly: how far up the imaginary axis a step is asked to be stable."""
        norm: Tensor = torch.linalg.matrix_norm(self.rotating().rotation(), 2)
        return abs(self.h) * norm

    def check(self) -> float:
        """ε‖M‖ at these weights. With γ = 0 it refuses, or warns, where that is not in the scheme's interval, but for
        the rounding of the norm."""
        norm, name = self.reach().detach(), self.scheme.name or self.scheme.family
        reach, rounding = float(norm), max(1e-9, 4 * torch.finfo(norm.dtype).eps)
        inside = self.interval is None or (
            reach <= self.interval * (1 + rounding) and (self.interval > 0 or reach == 0)
        )
        if self.rotating().gamma > 0 or inside or self.unstable == "allow":
            return reach
        told = (
            f"gamma=0: epsilon·‖W − Wᵀ‖ = {reach:.4g} is beyond the imaginary stability interval of {name}, "
            f"{self.interval:.4g}; write gamma > 0, a smaller epsilon, or a scheme with a longer one, rk4 (2.828) say"
        )
        if self.unstable == "refuse":
            raise InputError(told)
        warnings.warn(told, stacklevel=2)
        return reach

    def penalty(self) -> Tensor:
        """The square of how far ε‖M‖ is beyond the interval, 0 within: to be added to a loss, times a weight."""
        if self.interval is None or math.isinf(self.interval):
            return self.rotating().upper.new_zeros(())
        return torch.relu(self.reach() - self.interval).square()

    @torch.no_grad()
    def growth(self) -> float:
        """The largest |R(z)| over the z = ε(iω − γ) of the eigenvalues iω of M: by how much a step multiplies an error
        at rest, where tanh' = 1 and stays so. It is no bound along a trajectory, see `gradient_growth`. Raises
        InputError for the gated form, of whose Jacobian it says nothing."""
        if self.rotating().gated:
            raise InputError("gated=True: its Jacobian is not M − γI at rest; measure it by gradient_growth(x, h0)")
        m = self.rotating().rotation().double()
        omega = torch.linalg.eigvalsh(1j * m.to(torch.complex128)).cpu().numpy()
        z = abs(self.h) * (1j * omega - self.rotating().gamma)
        return float(np.max(amplification(self.scheme, z)))

    @torch.enable_grad()
    def gradient_growth(self, x: Tensor | PackedSequence, h0: State | None = None) -> Tensor:
        """(N,): the largest singular value of ∂h_T/∂h_0 of each sequence, by how much a gradient may have grown on its
        way back from the last state to the first. Measured, at these weights and this input, by as many backward
        passes as h has numbers."""
        told = Sequences.of(x, None, self.batch_first)
        given = h0[0] if isinstance(h0, tuple) else h0
        zeros = told.x.new_zeros(*(() if told.alone else (1,)), told.count, self.rotating().hidden_size)
        begun = (zeros if given is None else given).detach().requires_grad_()
        last = self(x, begun)[1]
        last = last[0] if isinstance(last, tuple) else last
        rows = [torch.autograd.grad(each.sum(), begun, retain_graph=True)[0] for each in last.unbind(-1)]
        found: Tensor = torch.linalg.matrix_norm(torch.stack(rows, -2), 2)
        return found.flatten()
