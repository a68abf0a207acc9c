"""How often a network is wrong, and two networks beside each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tableau2net.data.data import Data, Part
from tableau2net.nn.blocks import CompiledBlock
from tableau2net.nn.refinement import steps_of
from tableau2net.runtime.solve_residuals import residuals
from tableau2net.step import lower
from tableau2net.training.execution import computing


def per_cent_wrong(given: Tensor, true: Tensor) -> float:
    """Of labels (N,) those that are not the true ones."""
    return 100 * int((given != true).sum()) / len(true)


@dataclass(frozen=True)
class Evaluation:
    """Predictions of `model` for images of `data`, on the device that the model is on."""

    model: nn.Module
    data: Data
    device: torch.device
    precision: str = "float32"

    @torch.inference_mode()
    def predictions(self, part: Part) -> tuple[Tensor, Tensor]:
        """The labels that the model gives to the images of a part, in order, and the true ones; both int64 (N,)."""
        found = []
        with evaluating(self.model):
            for x, y in self.data.batches(part, self.device):
                with computing(self.device, self.precision):
                    found.append((self.model(x).argmax(1), y))
        given, true = (torch.cat(labels) for labels in zip(*found, strict=True))
        return given, true

    def error(self, part: Part) -> float | None:
        """Per cent of the images of a part whose label is another than the model's; None where there are none."""
        if not self.data.has(part):
            return None
        return per_cent_wrong(*self.predictions(part))

    def errors(self) -> dict[str, float | None]:
        """The validation error, or None where nothing is held out, and the test error, in per cent."""
        return {"validation_error": self.error("validation"), "test_error": self.error("test")}

    @torch.inference_mode()
    def residual(self) -> float | None:
        """What is left of implicit stages at the first test images, the most of all steps, in lengths of the step; None
        where none are searched for."""
        if not any(_searches(module) for module in self.model.modules()):
            return None
        x, _ = next(iter(self.data.batches("test", self.device)))
        with evaluating(self.model), residuals() as found, computing(self.device, self.precision):
            self.model(x)
        return max(found, default=None)


def _searches(module: nn.Module) -> bool:
    return isinstance(module, CompiledBlock) and not lower(module.made_of.scheme).explicit


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode for the while; each of its modules is then as it was."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@dataclass(frozen=True)
class AccuracyChange:
    """Two networks on the same images. Errors are per cent of wrong predictions.

    measured_on: "validation" where images are held out, so that no choice is made by the test images; else "test".
    """

    measured_on: str
    steps_before: int
    steps: int
    parameters_before: int
    parameters: int
    error_before: float
    error_after: float

    def __str__(self) -> str:
        return (
            f"{self.steps_before} → {self.steps} steps, {self.parameters_before:,} → {self.parameters:,} parameters, "
            f"{self.measured_on} error {self.error_before:.2f} % → {self.error_after:.2f} %"
        )


def compare_accuracy(before: nn.Module, after: nn.Module, data: Data) -> AccuracyChange:
    """What another grid has done to a network (`net.refine(…)`, `net.coarsen(…)`, `refine(net)`), measured on `data`.

    Nothing is trained, and statistics stay as they are.
    """
    part: Part = "validation" if data.has("validation") else "test"
    device = next(before.parameters()).device
    first, second = (Evaluation(model, data, device).error(part) for model in (before, after))
    assert first is not None
    assert second is not None
    return AccuracyChange(
        part, steps_of(before), steps_of(after), _parameters(before), _parameters(after), first, second
    )


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
