"""One epoch of training and one evaluation, neither of which waits for the device before its end."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from tableau2net.training.augment import EpochDraw, Normalise, crop_and_flip
from tableau2net.training.data import ImageData
from tableau2net.training.recipe import Recipe

EVALUATION_BATCH = 500


class Epochs:
    """Trains and evaluates `model` on `data`, both on `device` already."""

    def __init__(self, model: nn.Module, optimiser: SGD, data: ImageData, recipe: Recipe, seed: int) -> None:
        self.model, self.optimiser, self.data, self.recipe, self.seed = model, optimiser, data, recipe, seed
        self.device = data.x_train.device
        self.normalise = Normalise(data, self.device)

    def train(self, epoch: int, advance: Callable[[int], None]) -> dict[str, Any]:
        """Train for epoch number `epoch` (the first is 0); returns its row of the log, test errors aside.

        `advance` is told the size of each batch. The last, smaller batch is kept."""
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
            with self._precision():
                scores = self.model(x)
                loss = cross_entropy(scores, y)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            loss_sum += loss.detach() * len(index)
            wrong += (scores.detach().argmax(1) != y).sum()
            advance(len(index))
        train_loss, train_error = loss_sum.item() / count, 100 * wrong.item() / count  # the device is waited for here
        seconds = time.perf_counter() - start
        return {
            "epoch": epoch + 1,
            "lr": lr,
            "train_loss": train_loss,
            "train_error": train_error,
            "images_per_second": count / seconds,
        }

    @torch.inference_mode()
    def error(self, x: Tensor, y: Tensor) -> float:
        """Per cent of the pictures x, uint8 (N, 3, H, W), whose label is not y (N,)."""
        self.model.eval()
        wrong = torch.zeros((), device=self.device)
        for pictures, labels in zip(torch.split(x, EVALUATION_BATCH), torch.split(y, EVALUATION_BATCH), strict=True):
            with self._precision():
                scores = self.model(self.normalise(pictures))
            wrong += (scores.argmax(1) != labels).sum()
        return 100 * wrong.item() / len(y)

    def errors(self) -> dict[str, float | None]:
        """The test error, and the validation error or None where nothing is held out, in per cent."""
        data = self.data
        held = None
        if data.x_validation is not None and data.y_validation is not None:
            held = self.error(data.x_validation, data.y_validation)
        return {"validation_error": held, "test_error": self.error(data.x_test, data.y_test)}

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        """bfloat16 where a GPU has it, float32 on a CPU."""
        if self.device.type == "cuda":
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return contextlib.nullcontext()
