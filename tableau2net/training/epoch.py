"""One epoch of training, which does not wait for the device before its end."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from tableau2net.training.augment import EpochDraw, crop_and_flip
from tableau2net.training.data import ImageData
from tableau2net.training.evaluation import Evaluation
from tableau2net.training.recipe import Recipe


class Epochs(Evaluation):
    """Trains and evaluates `model` on `data`, both on `device` already."""

    def __init__(self, model: nn.Module, optimiser: SGD, data: ImageData, recipe: Recipe, seed: int) -> None:
        super().__init__(model, data)
        self.optimiser, self.recipe, self.seed = optimiser, recipe, seed

    def train(self, epoch: int, advance: Callable[[int], None]) -> dict[str, Any]:
        """Train for epoch number `epoch` (the first is 0); returns its row of the log, test errors aside.

        `advance` is told the size of each batch. The last, smaller batch is kept. The loss that is told is that of the
        pictures; a penalty is told by itself, without its weight, as it is at the end."""
        start = time.perf_counter()
        recipe, data = self.recipe, self.data
        lr = recipe.lr_at(epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        count = len(data.y_train)
        draw = EpochDraw.of(count, seed=self.seed, epoch=epoch, flip=data.flip, device=self.device)
        torch.manual_seed(draw.seed)
        loss_sum, wrong = (torch.zeros((), device=self.device) for _ in range(2))
        self.model.train()
        for first in range(0, count, recipe.batch_size):
            batch = slice(first, first + recipe.batch_size)
            index = draw.order[batch]
            x, y = self.normalise(data.x_train[index]), data.y_train[index]
            if recipe.augment:
                x = crop_and_flip(x, draw.shift[batch], draw.mirror[batch])
            with self.precision():
                scores = self.model(x)
                loss = cross_entropy(scores, y)
            self._update(loss)
            loss_sum += loss.detach() * len(index)
            wrong += (scores.detach().argmax(1) != y).sum()
            advance(len(index))
        train_loss, train_error = loss_sum.item() / count, 100 * wrong.item() / count  # the device is waited for here
        seconds = time.perf_counter() - start
        row = {
            "epoch": epoch + 1,
            "lr": lr,
            "train_loss": train_loss,
            "train_error": train_error,
            "images_per_second": count / seconds,
        }
        return row | ({"smoothness": self._smoothness().item()} if recipe.smoothness else {})

    def _update(self, loss: Tensor) -> None:
        """One step down the gradient of the loss and its penalty, and the weights back into their bounds."""
        if self.recipe.smoothness:
            loss = loss + self.recipe.smoothness * self._smoothness()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        if self.recipe.clip:
            self.model.clip_(*self.recipe.clip)  # type: ignore[operator]

    def _smoothness(self) -> Tensor:
        found: Tensor = self.model.smoothness()  # type: ignore[operator]
        return found
