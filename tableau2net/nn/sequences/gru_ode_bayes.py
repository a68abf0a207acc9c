"""GRU-ODE-Bayes (De Brouwer, Simm, Arany, Moreau: GRU-ODE-Bayes, continuous modeling of sporadically-observed time
series, NeurIPS 2019; the authors' code: github.com/edebrouwer/gru_ode_bayes)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Unpack

import torch
from torch import Tensor, nn

from tableau2net.codegen.compile_options import StepOptions
from tableau2net.errors import InputError
from tableau2net.nn.sequences.gaussian import divergence, log_density, product
from tableau2net.nn.sequences.gru_field import GRUField
from tableau2net.nn.sequences.jumping import Jumping, JumpPath, Times
from tableau2net.nn.sequences.motion import Motion
from tableau2net.nn.sequences.observed import Observed
from tableau2net.nn.sequences.told_sizes import finite, whole
from tableau2net.scheme import Scheme

Towards = Literal["observation", "bayes"]


class MotionOptions(StepOptions, total=False):
    """What a `Motion` takes beside its scheme and field."""

    steps: int | None
    longest: float | None
    rtol: float | None
    atol: float | None


class FedBack(nn.Module):
    """The field f(h, p(h)) of a driven field that reads what is read off the state itself."""

    def __init__(self, field: GRUField, read: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.field, self.read = field, read

    def forward(self, h: Tensor) -> Tensor:
        slope: Tensor = self.field(h, self.field.drive(self.read(h)))
        return slope


class BayesJump(nn.Module):
    """GRU-Bayes: the jump of a state at a sporadic observation, a GRU of what was seen beside what was expected.

    For each value that is there, of feature d: ReLU(W_d (x, μ, log σ², (x − μ)/σ) + b_d), `width` numbers, 0 for those
    that are missing; a `torch.nn.GRUCell` reads them all.

    read: gives (B, 2 D), means and log-variances, of a state (B, H).
    """

    def __init__(self, features: int, hidden_size: int, width: int, read: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.features = features
        self.weight = nn.Parameter(math.sqrt(2 / (4 + width)) * torch.randn(features, 4, width))
        self.bias = nn.Parameter(torch.full((features, width), 0.1))
        self.cell, self.read = nn.GRUCell(features * width, hidden_size), read

    def forward(self, h: Tensor, x: Tensor, mask: Tensor) -> Tensor:
        """h (B, H) behind the observation of x (B, D) where mask (B, D) is 1."""
        mean, logvar = self.read(h).chunk(2, -1)
        told = torch.stack((x, mean, logvar, (x - mean) * torch.exp(-0.5 * logvar)), -1)
        prepared = torch.relu(torch.einsum("bdk,dkw->bdw", told, self.weight) + self.bias) * mask[..., None]
        behind: Tensor = self.cell(prepared.flatten(1), h)
        return behind


@dataclass(frozen=True, eq=False)
class Losses:
    """Of each member (B,), sums over its observed values, in nats.

    before: the negative log-likelihood of what was seen, as expected ahead of the jump.
    behind: the divergence of what is expected behind it.
    """

    before: Tensor
    behind: Tensor


class GRUODEBayes(nn.Module):
    """A state that moves by GRU-ODE between observations and jumps by GRU-Bayes at them, and tells at any time a normal
    distribution of each of D features.

    features: D.  hidden_size: of the state.  read_width: of the layer between state and distribution.
    prepare_width: of what is made of each value that is seen.
    scheme, and how its steps are chosen (steps=, longest=, rtol=, …): of the motion, see `Motion`. The authors' is
        "euler" with steps of equal length, 0.05 or 0.1; ``longest=0.05`` here.
    impute: whether GRU-ODE reads the means and log-variances that the state itself tells; else, as in the authors'
        runs, it has no input.  minimal: see `GRUField`.
    covariates: numbers known of a member from the start, which its first state is made of by
        Linear–ReLU–Linear–tanh; with none the first state is learnt. dropout: of the layer that tells distributions.

    Raises InputError for what does not fit.
    """

    def __init__(
        self,
        features: int,
        hidden_size: int,
        scheme: Scheme | str | Path = "euler",
        *,
        read_width: int = 25,
        prepare_width: int = 10,
        impute: bool = False,
        minimal: bool = False,
        covariates: int = 0,
        dropout: float = 0.0,
        **options: Unpack[MotionOptions],
    ) -> None:
        super().__init__()
        sizes = {"features": features, "hidden_size": hidden_size, "read_width": read_width}
        whole(**sizes, prepare_width=prepare_width)
        whole(0, covariates=covariates)
        finite(0, dropout=dropout)
        if dropout > 1:
            raise InputError(f"dropout={dropout}: a probability, from 0 to 1")
        self.read = nn.Sequential(
            nn.Linear(hidden_size, read_width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(read_width, 2 * features)
        )
        field = GRUField(hidden_size, 2 * features if impute else 0, minimal=minimal)
        motion = Motion(scheme, FedBack(field, self.read) if impute else field, **options)
        self.jumping = Jumping(motion, BayesJump(features, hidden_size, prepare_width, self.read))
        self.first = nn.Parameter(torch.zeros(hidden_size))
        self.known: nn.Module | None = None
        if covariates:
            layers = (nn.Linear(covariates, hidden_size), nn.ReLU(), nn.Linear(hidden_size, hidden_size), nn.Tanh())
            self.known = nn.Sequential(*layers)

    def begin(self, seen: Observed, covariates: Tensor | None = None) -> Tensor:
        """The first states (B, H), of covariates (B, C) where there are any."""
        if (covariates is None) != (self.known is None):
            raise InputError("covariates: they are given where the network was made for some, and only there")
        if self.known is None:
            return self.first.expand(len(seen), -1)
        first: Tensor = self.known(covariates)
        return first

    def path(
        self,
        seen: Observed,
        covariates: Tensor | None = None,
        start: Times = 0.0,
        end: Times = None,
        at: Tensor | None = None,
    ) -> JumpPath:
        """What the state goes through, see `Jumping`; its last one is for a classifier, say."""
        found: JumpPath = self.jumping(seen, self.begin(seen, covariates), start, end, at)
        return found

    def forward(
        self, seen: Observed, at: Tensor, covariates: Tensor | None = None, start: Times = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Means and log-variances (B, K, D) at the times `at`, (K,) or (B, K), of what was seen until then."""
        mean, logvar = self.read(self.path(seen, covariates, start, at=at).at).chunk(2, -1)
        return mean, logvar

    def losses(
        self, seen: Observed, path: JumpPath, *, noise: float = 1e-2, towards: Towards = "observation"
    ) -> Losses:
        """What training makes small on a path through what was seen: ``losses.before + λ losses.behind``, with a λ of
        one's own (1e-4 in the authors' runs).

        noise: the standard deviation of what is observed.
        towards: "observation", D(p_behind ‖ N(x, noise²)), as the authors' code has it; "bayes",
            D(p_bayes ‖ p_behind), where p_bayes is proportional to p_before · N(x, noise²).
        """
        finite(0, open=True, noise=noise)
        if towards not in ("observation", "bayes"):
            raise InputError(f"towards={towards!r}: write 'observation' or 'bayes'")
        if seen.values.shape[:2] != path.before.shape[:2]:
            found = f"values {tuple(seen.values.shape)}, path.before {tuple(path.before.shape)}"
            raise InputError(f"{found}: the path is to be one through what was seen, of as many members and entries")
        x, mask = seen.values.to(path.before.dtype), seen.mask
        (mean, logvar), (new, new_logvar) = (self.read(h).chunk(2, -1) for h in (path.before, path.after))
        seen_logvar = torch.full_like(x, 2 * math.log(noise))
        if towards == "bayes":
            behind = divergence(*product(mean, logvar, x, seen_logvar), new, new_logvar)
        else:
            behind = divergence(new, new_logvar, x, seen_logvar)
        before = -log_density(x, mean, logvar)
        return Losses(*(torch.where(mask, each, 0).sum((1, 2)) for each in (before, behind)))
