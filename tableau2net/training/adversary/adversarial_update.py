"""A training step on images that are changed: what all adversaries share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tableau2net.data.data import Data
from tableau2net.data.feed import Feed
from tableau2net.data.memory import fill
from tableau2net.runs.run_spec import RunSpec
from tableau2net.runtime.statistics import frozen_statistics
from tableau2net.training.adversary.pixels import EpsilonBall, PixelBox
from tableau2net.training.adversary.starts import stream, uniform
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level
from tableau2net.training.update import Update

PURPOSE = 3  # of the streams of chance that attacks start from in training

Learnt = tuple[Tensor, Tensor]  # a loss, and scores


class AdversarialUpdate(Update):
    """A training step on changed images; see the package for each kind."""

    def __init__(self, level: Level, feed: Feed, run: RunSpec, data: Data, execution: Execution) -> None:
        super().__init__(level, feed, run.recipe, run.seed, execution)
        self.adversary, self.box = run.adversary, PixelBox.of(data, level.rate.device)
        assert self.adversary.attack_step is not None  # it is settled
        self.attack_step = self.adversary.attack_step
        self.times = self.adversary.m
        self.parts = torch.ones(self.steps, device=self.device)  # of ε, as it rises
        self.stream = torch.zeros((), dtype=torch.int64, device=self.device)

    def start(self, epoch: int, first: int = 0) -> None:
        """Have everything ready for an epoch, from its image number `first` on."""
        super().start(epoch, first)
        ramp = self.adversary.ramp
        moments = [epoch + (step + 0.5) / self.steps for step in range(self.steps)]
        fill(self.parts, [min(1.0, moment / ramp) if ramp else 1.0 for moment in moments])
        self.stream.fill_(stream(self.seed, epoch, PURPOSE))

    def ball(self, x: Tensor) -> EpsilonBall:
        """What may be done to a batch now."""
        part = self._now(self.parts)
        return self.box.ball(x, self.adversary.epsilon * part, self.attack_step * part)

    def places(self, size: int) -> Tensor:
        """The places in the epoch of this process's part of a batch: with the epoch they say which images it has."""
        own = self.ranks.share(size)
        return torch.arange(own.start, own.stop, device=self.device) + self.step * self.recipe.batch_size

    def random_start(self, ball: EpsilonBall, size: int) -> Tensor:
        """U(−ε, ε), in range."""
        return ball.start(uniform(self.stream, self.places(size), tuple(ball.x.shape[1:])))

    def loss_at(self, y: Tensor, size: int) -> Callable[[Tensor], Tensor]:
        """The loss that is trained by, of images: what the adversary wants large."""
        return lambda x: self.scores_and_loss(x, y, size)[1]

    def still(self, *modules: nn.Module) -> contextlib.AbstractContextManager[None]:
        """Where running statistics stay as they are."""
        return frozen_statistics(modules or (self.level.model,))
