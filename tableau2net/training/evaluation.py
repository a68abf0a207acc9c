"""How often a network is wrong, and two networks beside each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.nn.refinement import steps_of
from tableau2net.training.augment import Normalise
from tableau2net.training.data import ImageData

EVALUATION_BATCH = 500


class Evaluation:
    """Errors of `model` on `data`, both on one device already."""

    def __init__(self, model: nn.Module, data: ImageData) -> None:
        self.model, self.data = model, data
        self.device = data.x_train.device
        self.normalise = Normalise(data, self.device)

    @torch.inference_mode()
    def error(self, x: Tensor, y: Tensor) -> float:
        """Per cent of the pictures x, uint8 (N, 3, H, W), whose label is not y (N,)."""
        wrong = torch.zeros((), device=self.device)
        with evaluating(self.model):
            for pictures, labels in zip(
                torch.split(x, EVALUATION_BATCH), torch.split(y, EVALUATION_BATCH), strict=True
            ):
                with self.precision():
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

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """bfloat16 where a GPU has it, float32 on a CPU."""
        if self.device.type == "cuda":
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return contextlib.nullcontext()


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
    """Two networks on the same pictures. Errors are per cent of wrong answers.

    measured_on: "validation" where pictures are held out, so that no choice is made by the test pictures; else "test".
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


def compare_accuracy(before: nn.Module, after: nn.Module, data: ImageData) -> AccuracyChange:
    """What another grid has done to a network (`net.refine(…)`, `net.coarsen(…)`, `refine(net)`), measured on `data`.

    The networks are on the device of the data: `data.to(device)`. Nothing is trained, and statistics stay as they are.
    """
    held = data.x_validation is not None
    x, y = (data.x_validation, data.y_validation) if held else (data.x_test, data.y_test)
    assert x is not None
    assert y is not None
    first, second = (Evaluation(model, data).error(x, y) for model in (before, after))
    return AccuracyChange(
        "validation" if held else "test",
        steps_of(before),
        steps_of(after),
        _parameters(before),
        _parameters(after),
        first,
        second,
    )


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
