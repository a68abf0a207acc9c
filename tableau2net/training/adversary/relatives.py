"""PGD, fast FGSM, TRADES and Free: the whole network for each step of the attack."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from tableau2net.data.data import Data
from tableau2net.data.feed import Feed
from tableau2net.runs.run_spec import RunSpec
from tableau2net.training.adversary.adversarial_update import AdversarialUpdate, Learnt
from tableau2net.training.adversary.climbing import climbed
from tableau2net.training.adversary.starts import normal
from tableau2net.training.evaluation import evaluating
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level

NEAR = 0.001  # deviation of a pixel where trades starts


class Pgd(AdversarialUpdate):
    """Projected gradient ascent, and a step there."""

    def _learn(self, x: Tensor, y: Tensor, size: int) -> Learnt:
        ball = self.ball(x)
        with evaluating(self.level.model):
            eta = climbed(ball, self.random_start(ball, size), self.loss_at(y, size), self.times)
        return super()._learn(ball.at(eta), y, size)


class Fgsm(AdversarialUpdate):
    """One large step from a random start, and a step there."""

    def _learn(self, x: Tensor, y: Tensor, size: int) -> Learnt:
        ball = self.ball(x)
        with self.still():
            eta = climbed(ball, self.random_start(ball, size), self.loss_at(y, size), 1)
        return super()._learn(ball.at(eta), y, size)


class Trades(AdversarialUpdate):
    """Images as they are, and those nearby of which most else is said."""

    def _learn(self, x: Tensor, y: Tensor, size: int) -> Learnt:
        ball, model = self.ball(x), self.level.model
        with evaluating(model):
            with torch.no_grad(), self.execution.computing():
                wanted = self.forward(x).float().log_softmax(1)
            drawn = normal(self.stream, self.places(size), tuple(x.shape[1:]))
            eta = ball.inside(NEAR * self.box.range * drawn)
            eta = climbed(ball, eta, lambda at: self._divergence(self._scores(at), wanted), self.times)
        with self.execution.computing():
            clean, changed = self.forward(x), self._scores(ball.at(eta))
            apart = self._divergence(changed, clean.float().log_softmax(1))
            loss = self.loss(clean, y, size) + (self.adversary.beta or 0.0) / size * apart
        self.level.optimiser.zero_grad(set_to_none=True)
        self.backward(loss, x, y, size)
        self.descend()
        return loss, changed

    def _scores(self, x: Tensor) -> Tensor:
        with self.execution.computing():
            return self.forward(x)

    @staticmethod
    def _divergence(scores: Tensor, wanted: Tensor) -> Tensor:
        """KL of what scores say from what is wanted (log-probabilities), the sum over the images."""
        return kl_div(scores.float().log_softmax(1), wanted, reduction="sum", log_target=True)


class Free(AdversarialUpdate):
    """Each gradient is used twice: for the weights, and for the change, which the next batch begins with."""

    def __init__(self, level: Level, feed: Feed, run: RunSpec, data: Data, execution: Execution) -> None:
        super().__init__(level, feed, run, data, execution)
        most = math.ceil(run.recipe.batch_size / self.ranks.count)
        self.eta = torch.zeros(most, *data.shape, device=self.device)

    def start(self, epoch: int, first: int = 0) -> None:
        """Have everything ready for an epoch, from its image number `first` on; it begins without a change."""
        super().start(epoch, first)
        if first == 0:
            self.eta.zero_()

    def _learn(self, x: Tensor, y: Tensor, size: int) -> Learnt:
        ball, own = self.ball(x), self.eta[: len(x)]
        eta = ball.inside(own)
        for _ in range(self.times):
            at = ball.at(eta).requires_grad_()
            scores, loss = self.scores_and_loss(at, y, size)
            self.level.optimiser.zero_grad(set_to_none=True)
            self.backward(loss, at.detach(), y, size)
            assert at.grad is not None
            eta = ball.moved(eta, at.grad)
            self.descend()
        own.copy_(eta)
        return loss, scores

    def carried(self) -> dict[str, Tensor]:
        """The change."""
        return {"adversary.eta": self.eta}
