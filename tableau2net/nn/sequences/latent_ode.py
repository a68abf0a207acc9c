"""ODE-RNN and Latent ODE (Rubanova, Chen, Duvenaud: Latent ordinary differential equations for irregularly-sampled time
series, NeurIPS 2019; the authors' code: github.com/YuliaRubanova/latent_ode)."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Unpack

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.nn.sequences.gaussian import divergence, log_density
from tableau2net.nn.sequences.gru_ode_bayes import MotionOptions
from tableau2net.nn.sequences.jumping import Jumping, Times
from tableau2net.nn.sequences.motion import Motion
from tableau2net.nn.sequences.observed import Observed
from tableau2net.nn.sequences.told_sizes import finite, whole
from tableau2net.scheme import Scheme


def tanh_field(size: int, units: int, layers: int = 1) -> nn.Sequential:
    """The field f(h) of the authors: linear layers of so many units with tanh between them, `layers` in the middle."""
    whole(size=size, units=units)
    whole(0, layers=layers)
    widths = [size, *[units] * (layers + 1)]
    inner = [m for a, b in pairwise(widths) for m in (nn.Linear(a, b), nn.Tanh())]
    return nn.Sequential(*inner, nn.Linear(units, size))


class GRUJump(nn.Module):
    """h⁺ = GRU(h, (x, mask)), a `torch.nn.GRUCell` of the values and of which of them are there."""

    def __init__(self, features: int, hidden_size: int) -> None:
        super().__init__()
        whole(features=features, hidden_size=hidden_size)
        self.features, self.cell = features, nn.GRUCell(2 * features, hidden_size)

    def forward(self, h: Tensor, x: Tensor, mask: Tensor) -> Tensor:
        """h (B, H) behind the observation of x (B, D)."""
        behind: Tensor = self.cell(torch.cat((x, mask), -1), h)
        return behind


class ODERNN(nn.Module):
    """ODE-RNN: the state of a recurrent network moves by h' = f(h) between observations and is a GRU's behind them.

    features: D.  hidden_size: H.  field: f(h), by default `tanh_field` of `units` units.
    scheme, and how its steps are chosen: of the motion, see `Motion`; the authors' is "euler".

    Gives the state (B, H) behind the last observation, or at `end`. The authors' jumps have gates of two layers and
    carry a standard deviation beside the state; ours is the paper's RNNCell. Raises InputError for what does not fit.
    """

    def __init__(
        self,
        features: int,
        hidden_size: int,
        scheme: Scheme | str | Path = "euler",
        *,
        field: nn.Module | None = None,
        units: int = 50,
        **options: Unpack[MotionOptions],
    ) -> None:
        super().__init__()
        whole(features=features, hidden_size=hidden_size)
        own = tanh_field(hidden_size, units) if field is None else field
        self.hidden_size = hidden_size
        self.jumping = Jumping(Motion(scheme, own, **options), GRUJump(features, hidden_size))

    def forward(self, seen: Observed, start: Times = None, end: Times = None, backwards: bool = False) -> Tensor:
        """The state at the end, which with `backwards` is before the first observation."""
        weight = next(self.parameters())
        state: Tensor = self.jumping(
            seen, weight.new_zeros(len(seen), self.hidden_size), start, end, None, backwards
        ).last
        return state


class LatentODE(nn.Module):
    """Latent ODE: an ODE-RNN reads what was seen backwards in time and gives a normal distribution of z_0; z' = f(z)
    goes through z_0, and what is seen at t is a linear function of z(t), in noise.

    features: D.  latent_size: of z.  hidden_size: of the encoder's state.  units: of both fields and of the layer that
        makes z_0's distribution.  layers: in the middle of z's field.
    scheme, and how its steps are chosen: of both motions, see `Motion`.
    noise: the standard deviation of what is observed; the authors' 0.01.

    Raises InputError for what does not fit.
    """

    def __init__(
        self,
        features: int,
        latent_size: int,
        hidden_size: int,
        scheme: Scheme | str | Path = "rk4",
        *,
        units: int = 50,
        layers: int = 1,
        noise: float = 0.01,
        **options: Unpack[MotionOptions],
    ) -> None:
        super().__init__()
        whole(features=features, latent_size=latent_size, hidden_size=hidden_size, units=units)
        finite(0, open=True, noise=noise)  # a standard deviation
        self.encoder = ODERNN(features, hidden_size, scheme, units=units, **options)
        self.posterior = nn.Sequential(nn.Linear(hidden_size, units), nn.Tanh(), nn.Linear(units, 2 * latent_size))
        self.solution = Jumping(Motion(scheme, tanh_field(latent_size, units, layers), **options), nn.Identity())
        self.decoder = nn.Linear(latent_size, features)
        self.noise = noise

    def encode(self, seen: Observed, start: Times = 0.0) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (B, Z) of z at the time `start`, which no observation is before."""
        mean, logvar = self.posterior(self.encoder(seen, end=start, backwards=True)).chunk(2, -1)
        return mean, logvar

    def decode(self, z0: Tensor, at: Tensor, start: Times = 0.0) -> Tensor:
        """What is expected (B, K, D) at the times `at`, (K,) or (B, K), of z_0 (B, Z)."""
        nothing = Observed(at.new_zeros(len(z0), 0), z0.new_zeros(len(z0), 0, 1))
        expected: Tensor = self.decoder(self.solution(nothing, z0, start, at=at).at)
        return expected

    def forward(self, seen: Observed, at: Tensor, start: Times = 0.0) -> Tensor:
        """What is expected (B, K, D) at the times `at`, from the mean of z_0."""
        return self.decode(self.encode(seen, start)[0], at, start)

    def elbo(
        self, seen: Observed, target: Observed, start: Times = 0.0, *, samples: int = 1, kl_weight: float = 1.0
    ) -> Tensor:
        """(B,): the evidence lower bound E_q log p(target | z_0) − D(q(z_0 | seen) ‖ N(0, 1)), in nats, by samples of
        z_0 with the gradient through them. kl_weight: of the divergence, which training may let grow to 1.

        The authors' code takes means over values and over the numbers of z where the bound has sums.
        """
        whole(samples=samples)
        if not isinstance(target, Observed):
            raise InputError(f"target: an Observed(times, values, mask) is wanted; got a {type(target).__name__}")
        if len(target) != len(seen) or target.values.shape[2] != self.decoder.out_features:
            raise InputError(
                f"target {tuple(target.values.shape)}: {len(seen)} members of {self.decoder.out_features} features each"
            )
        mean, logvar = self.encode(seen, start)
        z0 = mean + torch.exp(0.5 * logvar) * torch.randn(samples, *mean.shape, dtype=mean.dtype, device=mean.device)
        # entries that are no observation have no time; the start stands for it
        begun = torch.as_tensor(start, dtype=target.times.dtype, device=mean.device).expand(len(mean))
        at = torch.where(target.present, target.times, begun[:, None])
        start = begun.repeat(samples)
        expected = self.decode(z0.flatten(0, 1), at.repeat(samples, 1), start).view(samples, *target.values.shape)
        x = target.values.to(mean.dtype)
        density = log_density(x, expected, torch.full_like(x, 2 * math.log(self.noise)))
        likelihood = torch.where(target.mask, density, 0).sum((2, 3)).mean(0)
        zero = torch.zeros_like(mean)
        return likelihood - kl_weight * divergence(mean, logvar, zero, zero).sum(1)
