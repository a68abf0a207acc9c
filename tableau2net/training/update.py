"""One step of training, as the device sees it: memory that stays where it is, and nothing that waits."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from tableau2net.data.feed import Feed
from tableau2net.data.memory import fill
from tableau2net.nn.depth_parallel import DepthParallel
from tableau2net.recipes.recipe import Recipe
from tableau2net.training import network
from tableau2net.training.average import weights_at
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level
from tableau2net.training.objectives import Labels, Objective, told
from tableau2net.training.parallel import total_gradients

Forward = TypeVar("Forward", bound=Callable[..., Any])


class Update:
    """Takes a batch from a feed and makes one step of an optimiser with it; counts losses and wrong predictions, or
    what the objective counts.

    A batch is what the network is given, what it should say of it, and what a network is told besides that asks for it
    (`takes_sigma`).

    All that changes from step to step (which images, the learning rate, sums) is in tensors of its own on the device,
    so that what a step launches there is the same each time: it can be captured and replayed.
    """

    def __init__(
        self, level: Level, feed: Feed, recipe: Recipe, seed: int, execution: Execution,
        objective: Objective | None = None,
    ) -> None:  # fmt: skip
        self.objective = objective or Labels(recipe.label_smoothing)
        self.beside: tuple[Tensor, ...] = ()
        self.level, self.feed, self.recipe, self.seed = level, feed, recipe, seed
        self.execution, self.ranks = execution, execution.ranks.sharing
        plan = execution.plan
        model: Callable[..., Tensor] = DepthParallel(level.model, plan) if plan else level.model
        engine = compiled if "compile" in execution.engine else _as_it_is
        self.forward = engine(model)
        beside: Callable[[Tensor], Any] | None = getattr(level.model, "auxiliary_scores", None)
        self.auxiliary = engine(beside) if beside else None
        self.steps = math.ceil(feed.count / recipe.batch_size)
        self.device = level.rate.device
        self.step = torch.zeros(1, dtype=torch.int64, device=self.device)
        self.sums = torch.zeros(2, device=self.device)  # of losses, and of wrong predictions or the like
        self.rates, self.mix, self.weights = (torch.zeros(self.steps, device=self.device) for _ in range(3))
        self.arrangement = 0  # how often the network's blocks have come into another order: another step to capture
        self.last_rate = recipe.lr  # of an epoch, as it is told
        self.smooths: Callable[[], Tensor] | None = cast(Any, level.model).smoothness if recipe.smoothness else None

    def start(self, epoch: int, first: int = 0) -> None:
        """Have everything ready for an epoch, from its image number `first` on."""
        seed = self.feed.start(epoch, first)
        recipe, step = self.recipe, first // self.recipe.batch_size
        before = (epoch - recipe.level_epochs(recipe.level_at(epoch)).start) * self.steps
        rates = recipe.rates(epoch, self.steps)
        self.last_rate = rates[-1]
        fill(self.rates, rates)
        fill(self.weights, weights_at(recipe.ema, before, self.steps))
        if recipe.mixup:
            random = np.random.default_rng([self.seed, epoch, 2])
            fill(self.mix, random.beta(recipe.mixup, recipe.mixup, self.steps))
        self.step.fill_(step)
        if first == 0:
            self.sums.zero_()
            self.arrangement += network.settled(self.level.model)
            if self.level.average:
                network.settled(self.level.average.network)
            torch.manual_seed(seed + self.ranks.rank)
        self.level.model.train()

    def __call__(self, size: int) -> None:
        """One step with the next `size` images."""
        level = self.level
        level.set_rate(self._now(self.rates))
        x, y, *beside = self.feed.take(size)
        self.beside = told(level.model, beside)
        if level.layout == torch.contiguous_format:
            x = x.contiguous()
        if self.recipe.mixup:  # with the image that is as far from the end
            x = x.flip(0).lerp(x, self._now(self.mix))
        loss, scores = self._learn(x, y, size)
        if level.average:
            level.average.update(self._now(self.weights))
        counted = self.objective.counted(scores.detach(), y)
        self.sums += self.ranks.total(torch.stack([loss.detach() * size, counted]))
        self.step += 1

    def _learn(self, x: Tensor, y: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Learn from a batch, this process's part of `size` images: the loss there, and the scores."""
        scores, loss = self.scores_and_loss(x, y, size)
        self.level.optimiser.zero_grad(set_to_none=True)
        self.backward(loss, x, y, size)
        self.descend()
        return loss, scores

    def backward(self, loss: Tensor, x: Tensor, y: Tensor, size: int) -> None:
        """Add to the gradient of the weights that of a loss at images, and of what the network and the recipe want
        small besides: the losses of its auxiliary scores, and how its weights vary."""
        target = loss
        if self.auxiliary:
            with self.execution.computing():
                for weight, others in self.auxiliary(x):
                    target = target + weight * self.loss(others, y, size)
        if self.smooths:
            target = target + self.recipe.smoothness / self.ranks.count * self.smooths()
        target.backward()  # type: ignore[no-untyped-call]

    def descend(self) -> None:
        """A step of the optimiser by the gradients of all processes."""
        recipe, level = self.recipe, self.level
        total_gradients(level.model.parameters(), self.ranks)
        level.optimiser.step()
        if recipe.clip:
            level.model.clip_(*recipe.clip)  # type: ignore[operator]

    def _now(self, values: Tensor) -> Tensor:
        """What a step has of the values of all; indexing with a tensor () would wait for it to be known."""
        return values.index_select(0, self.step).squeeze(0)

    def scores_and_loss(self, x: Tensor, y: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """What the network says of images, and this process's part of the mean loss of `size` of them."""
        with self.execution.computing():
            scores = self.forward(x, *self.beside)
            return scores, self.loss(scores, y, size)

    def loss(self, scores: Tensor, y: Tensor, size: int) -> Tensor:
        """This process's part of the mean loss of `size` images, which have been mixed where the recipe says so."""
        loss = self.objective.loss(scores, y)
        if self.recipe.mixup:
            other = self.objective.loss(scores, y.flip(0))
            loss = other.lerp(loss, self._now(self.mix))
        return loss / size

    def row(self) -> dict[str, Any]:
        """What the epoch has come to, for the log. The device is waited for here."""
        count = self.feed.count
        loss, total = self.sums.tolist()
        name = f"train_{self.objective.task.main.name}"
        found = {"lr": self.last_rate, "train_loss": loss / count, name: self.objective.trained(total, count)}
        return found | ({"smoothness": self.smooths().item()} if self.smooths else {})

    def tensors(self) -> Iterator[Tensor]:
        """Every tensor that a step changes."""
        level = self.level
        yield from (self.step, self.sums, level.rate, *self.feed.state)
        yield from level.model.state_dict().values()
        for state in level.optimiser.state.values():
            yield from (value for value in state.values() if isinstance(value, Tensor))
        if level.average:
            yield from level.average.network.state_dict().values()
        yield from self.carried().values()

    def carried(self) -> dict[str, Tensor]:
        """What goes from batch to batch besides, and is this process's own; by the name that a checkpoint has it by."""
        return {}


def _as_it_is(forward: Forward) -> Forward:
    return forward


def compiled(forward: Forward) -> Forward:
    """A network, or what it does, through torch.compile, which finds on disk what it has compiled before, in other runs
    too.

    In memory it keeps a few networks and batch sizes only (`recompile_limit`), and calls any other as Python does: what
    was compiled for the levels and the runs before this one is forgotten."""
    torch.compiler.reset()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(cache) / "tableau2net" / "inductor"))
    return cast(Forward, torch.compile(forward, dynamic=False))
