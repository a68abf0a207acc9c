"""Learning to stop: of the answers behind each step the one that a policy takes, learnt from what the best would be.

Chen, Dai, Li, Gao, Song 2020, "Learning to stop while learning to predict", ICML, arXiv 2006.05082, and
github.com/xinshi-chen/l2stop. With losses ℓ_t of the answers behind step t, t = 1 … T, the best distribution of the
step at which to stop, which knows the truth, is q*(t) ∝ exp(−ℓ_t/β) (their oracle posterior); networks learn by the
marginal likelihood Σ_t exp(−ℓ_t/β) first, then a policy that does not know the truth by its divergence from q*.
Everything here is of losses (T, N) and of scores (T − 1, N), the log-odds of going on behind each step but the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.errors import InputError
from tableau2net.nn.around.gates import Gate

Divergence = Literal["forward", "reverse"]
WIDTH = 64  # of the policy


def oracle_posterior(losses: Tensor, beta: float = 1.0) -> Tensor:
    """q*(t), (T, N), of losses (T, N): where to stop if the truth were known."""
    return (-losses / _positive(beta)).softmax(0)


def _positive(beta: float) -> float:
    if not (isinstance(beta, int | float) and 0 < beta < math.inf):
        raise InputError(f"beta = {beta!r}: a positive number is expected")
    return beta


def marginal_loss(losses: Tensor, beta: float = 1.0) -> Tensor:
    """−β log of the mean over t of exp(−ℓ_t/β), (N,): what the steps themselves are trained by."""
    return -_positive(beta) * ((-losses / beta).logsumexp(0) - math.log(len(losses)))


def log_stopping(scores: Tensor) -> Tensor:
    """log q(t), (T, N), of a policy: it goes on t − 1 times, and then stops, or is at the end."""
    on, off = functional.logsigmoid(scores), functional.logsigmoid(-scores)
    before = functional.pad(on.cumsum(0), (0, 0, 1, 0))  # log of having come so far
    return before + functional.pad(off, (0, 0, 0, 1))


def stopping_loss(scores: Tensor, losses: Tensor, beta: float = 1.0, divergence: Divergence = "reverse") -> Tensor:
    """How far a policy is from the oracle, a mean over N: KL(q* ‖ q) ("forward") or KL(q ‖ q*) ("reverse"); the losses
    count as constants."""
    if divergence not in ("forward", "reverse"):
        raise InputError(f"divergence={divergence!r}: write 'forward' or 'reverse'")
    best, log_q = (-losses.detach() / _positive(beta)).log_softmax(0), log_stopping(scores)
    one, other = (best, log_q) if divergence == "forward" else (log_q, best)
    return (one.exp() * (one - other)).sum(0).mean()


def ends_of(scores: Tensor) -> Tensor:
    """At which step each stops, (N,), counted from 0: the first where going on is less likely than not."""
    off = functional.pad(scores <= 0, (0, 0, 0, 1), value=True)
    return off.to(torch.uint8).argmax(0)


# ---------------------------------------------------------------------- a classifier with an exit behind each step


class Policy(nn.Module):
    """The log-odds of going on, (N,), by an exit's scores and which exit it is; that is all it sees. As it is made, it
    goes on."""

    def __init__(self, num_classes: int, exits: int) -> None:
        super().__init__()
        self.exits = exits
        self.hidden = nn.Linear(num_classes + 2 + exits, WIDTH)
        self.score = nn.Linear(WIDTH, 1)
        nn.init.zeros_(self.score.weight)
        nn.init.ones_(self.score.bias)

    def forward(self, scores: Tensor, exit_: int) -> Tensor:
        log_p = scores.log_softmax(1)
        p = log_p.exp()
        place = torch.zeros(len(scores), self.exits, device=scores.device, dtype=scores.dtype)
        place[:, exit_] = 1
        facts = torch.cat((p.sort(1).values, p.amax(1, keepdim=True), -(p * log_p).sum(1, keepdim=True), place), 1)
        found: Tensor = self.score(functional.relu(self.hidden(facts)))
        return found.squeeze(1)


class ExitGate(Gate):
    """The decision behind a step, as a gate of all that follows: `share` is the part of all images that do not end
    here."""

    of_steps = False

    def __init__(self, policy: Policy, place: int) -> None:
        super().__init__()
        self._policy = (policy,)  # in a tuple: it is the network's
        self.place = place

    def forward(self, *states: Tensor) -> Tensor:
        """p of going on, of an exit's scores."""
        scores: Tensor = self._policy[0](states[0], self.place)
        return scores.sigmoid()


class Stopping(nn.Module):
    """A classifier that answers behind each of its steps, and of each image the answer at which its policy stops.

    network: opening, steps, end.  pieces: its steps, functions of the states and what is remembered.
    heads: of the first state behind each step but the last: (N, num_classes).

    In training it gives the logarithm of the exits' mean probabilities, whose cross-entropy is `marginal_loss` at
    β = 1; the policy learns by `policy_loss`, after that. In evaluation an image that has stopped is in no later step
    (where no gradient is wanted).
    """

    def __init__(
        self,
        network: nn.Module,
        pieces: Sequence[Callable[..., tuple[Tensor, ...]]],
        heads: Sequence[nn.Module],
        num_classes: int,
    ) -> None:
        super().__init__()
        self.network = network
        self._pieces = tuple(pieces)
        self.heads = nn.ModuleList(heads)
        self.policy = Policy(num_classes, len(pieces))
        self.exits = nn.ModuleList(ExitGate(self.policy, t) for t in range(len(heads)))

    def answers(self, x: Tensor) -> Tensor:
        """The scores of every exit, (T, N, num_classes)."""
        states, found = self.network.begin(x), []  # type: ignore[operator]
        for piece, head in zip(self._pieces, self.heads, strict=False):
            states = piece(*states)
            found.append(head(states[0]))
        return torch.stack([*found, self.network.finish(self._pieces[-1](*states))])  # type: ignore[operator]

    def scores(self, answers: Tensor) -> Tensor:
        """The policy's, (T − 1, N), of the answers."""
        return torch.stack([self.policy(each, t) for t, each in enumerate(answers[:-1])])

    def policy_loss(self, x: Tensor, labels: Tensor, beta: float = 1.0, divergence: Divergence = "reverse") -> Tensor:
        """`stopping_loss` of the policy on images; nothing else gets a gradient. It keeps how often images end where.

        The steps are in evaluation mode for the while."""
        _positive(beta)
        training = self.training
        with torch.no_grad():
            answers = self.eval().answers(x)
        self.train(training)
        losses = torch.stack([functional.cross_entropy(each, labels, reduction="none") for each in answers])
        scores = self.scores(answers)
        ends = ends_of(scores.detach())
        for t, exit_ in enumerate(self.exits):
            assert isinstance(exit_, ExitGate)
            exit_.keep((ends != t).to(exit_.share.dtype).mean())
        return stopping_loss(scores, losses, beta, divergence)

    def ends(self, x: Tensor) -> Tensor:
        """At which exit each image ends, (N,), counted from 0."""
        return ends_of(self.scores(self.answers(x)))

    def forward(self, x: Tensor) -> Tensor:
        if all(exit_.forced for exit_ in self.exits):  # for a count: the network as it is, without its exits
            whole: Tensor = self.network(x)
            return whole
        if self.training:
            return self.answers(x).log_softmax(2).logsumexp(0) - math.log(len(self._pieces))
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            answers = self.answers(x)
            return answers[ends_of(self.scores(answers)), torch.arange(len(x), device=x.device)]
        return self._stopped(x)

    def _stopped(self, x: Tensor) -> Tensor:
        """The answers in evaluation, of images that are there as long as they go on."""
        states, left = self.network.begin(x), torch.arange(len(x), device=x.device)  # type: ignore[operator]
        found: list[tuple[Tensor, Tensor]] = []
        for piece, head, exit_ in zip(self._pieces, self.heads, self.exits, strict=False):
            states = piece(*states)
            scores = head(states[0])
            assert isinstance(exit_, ExitGate)
            on = exit_(scores) > 0.5 if exit_.forced is None else torch.full_like(left, exit_.forced, dtype=torch.bool)
            if not on.all():
                found.append((left[~on], scores[~on]))
                states, left = tuple(y[on] for y in states), left[on]
            if not len(left):
                break
        else:
            found.append((left, self.network.finish(self._pieces[-1](*states))))  # type: ignore[operator]
        order = torch.cat([rows for rows, _ in found]).argsort()
        return torch.cat([scores for _, scores in found])[order]
