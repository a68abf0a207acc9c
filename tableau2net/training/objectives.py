"""What a network is trained by and judged by, task by task: the loss, and the measures of each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tableau2net.recipes.recipe import Recipe
from tableau2net.recipes.task import CLASSIFY, DENOISE, TaskKind, TaskSpec
from tableau2net.runs.run_spec import RunSpec
from tableau2net.training.similarity import psnr, similarity

Each = dict[str, Tensor]  # of N images, by the name that a file has it by


class Objective(Protocol):
    """What training and evaluation ask of a task. `said` is what the network answers, y what it should."""

    @property
    def task(self) -> TaskKind: ...

    def loss(self, said: Tensor, y: Tensor) -> Tensor:
        """The sum of the losses of images, a tensor ()."""

    def counted(self, said: Tensor, y: Tensor) -> Tensor:
        """The sum over images that `trained` makes a figure of, a tensor (). Nothing waits for the device."""

    def trained(self, total: float, count: int) -> float:
        """The main measure over `count` images, of what was counted."""

    def each(self, said: Tensor, y: Tensor) -> Each:
        """What is kept of images, (N,) each."""

    def figures(self, each: Mapping[str, Tensor]) -> dict[str, float]:
        """The measures of the task, by their names, over images of which this was kept."""


def told(model: nn.Module, beside: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What a network is told of images besides: with `takes_sigma`, the deviations of their noise, (B,), of 1."""
    return tuple(beside) if getattr(model, "takes_sigma", False) else ()


def per_cent_wrong(given: Tensor, true: Tensor) -> float:
    """Of labels (N,) those that are not the true ones."""
    return 100 * int((given != true).sum()) / len(true)


@dataclass(frozen=True)
class Labels:
    """Labels of images: scores a class, cross-entropy, per cent of wrong labels."""

    label_smoothing: float = 0.0
    task: TaskKind = CLASSIFY

    def loss(self, said: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy, summed."""
        return cross_entropy(said, y, label_smoothing=self.label_smoothing, reduction="sum")

    def counted(self, said: Tensor, y: Tensor) -> Tensor:
        """How many labels are wrong."""
        return (said.argmax(1) != y).sum()

    def trained(self, total: float, count: int) -> float:
        """Per cent of wrong labels."""
        return 100 * total / count

    def each(self, said: Tensor, y: Tensor) -> Each:
        """The labels that are given, and the true ones."""
        return {"test": said.argmax(1), "truth": y}

    def figures(self, each: Mapping[str, Tensor]) -> dict[str, float]:
        """The error, per cent."""
        return {"error": per_cent_wrong(each["test"], each["truth"])}


@dataclass(frozen=True)
class Values:
    """Images, or states, as they should be: the mean over all values of an image of the squares, or with "l1" of the
    sizes, of what is wrong.

    clamp: whether a restored image is put back into 0 to 1 before it is measured; the loss is of what it is.
    """

    criterion: str = "mse"
    clamp: bool = True
    task: TaskKind = DENOISE

    def loss(self, said: Tensor, y: Tensor) -> Tensor:
        """The mean over the values of an image, summed over images."""
        wrong = said - y  # in the wider of their types
        return (wrong.square() if self.criterion == "mse" else wrong.abs()).flatten(1).mean(1).sum()

    def counted(self, said: Tensor, y: Tensor) -> Tensor:
        """The sum of the main measure."""
        errors = self._wrong(said, y)
        return psnr(errors).sum() if self.task is DENOISE else errors.sum()

    def trained(self, total: float, count: int) -> float:
        """The mean over images."""
        return total / count

    def each(self, said: Tensor, y: Tensor) -> Each:
        """Every measure of each image, float64."""
        errors = self._wrong(said, y)
        if self.task is DENOISE:
            found = {"psnr": psnr(errors), "ssim": similarity(self._seen(said), y), "mse": errors}
        else:
            size = y.float().square().flatten(1).mean(1).clamp_min(torch.finfo(torch.float32).tiny)
            found = {"mse": errors, "relative": 100 * (errors / size).sqrt()}
        return {name: value.double() if value.device.type != "mps" else value for name, value in found.items()}

    def figures(self, each: Mapping[str, Tensor]) -> dict[str, float]:
        """The means over images."""
        return {measure.name: each[measure.name].double().mean().item() for measure in self.task.measures}

    def _seen(self, said: Tensor) -> Tensor:
        return said.clamp(0, 1) if self.clamp and self.task is DENOISE else said

    def _wrong(self, said: Tensor, y: Tensor) -> Tensor:
        return (self._seen(said) - y).square().flatten(1).mean(1)


LABELS = Labels()


def objective_for(task: TaskSpec, recipe: Recipe | None = None) -> Objective:
    """What a network is trained by and judged by, by a recipe where it is trained."""
    if task.kind is CLASSIFY:
        return LABELS if recipe is None else Labels(recipe.label_smoothing)
    return Values(task.loss or "mse", task.clamp, task.kind)


def objective_of(run: RunSpec) -> Objective:
    """That of a run."""
    return objective_for(run.task, run.recipe)
