"""How often a network is wrong, or how near it comes, and two networks beside each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import nn

from tableau2net.data.data import Data, Part
from tableau2net.data.given import EVALUATED
from tableau2net.nn.blocks import CompiledBlock
from tableau2net.nn.refinement import steps_of
from tableau2net.recipes.task import ERROR, Measure
from tableau2net.runtime.solve_residuals import residuals
from tableau2net.step import lower
from tableau2net.training.execution import computing
from tableau2net.training.objectives import LABELS, Each, Objective, told


@dataclass(frozen=True)
class Evaluation:
    """What `model` says of images of `data`, on the device that the model is on, by an objective: of labels unless
    another is given."""

    model: nn.Module
    data: Data
    device: torch.device
    precision: str = "float32"
    objective: Objective = LABELS

    @torch.inference_mode()
    def each(self, part: Part) -> Each:
        """What is kept of the images of a part, in order, (N,) each: labels that are given and true ones, say."""
        found = []
        with evaluating(self.model):
            for x, y, *beside in self.data.batches(part, self.device):
                with computing(self.device, self.precision):
                    said = self.model(x, *told(self.model, beside))
                found.append(self.objective.each(said, y))
        return {name: torch.cat([each[name] for each in found]) for name in found[0]}

    def figures(self) -> dict[str, float | None]:
        """What the validation, None where nothing is held out, and the test come to: "test_error", say."""
        found: dict[str, float | None] = {}
        for part in EVALUATED:
            known = self.objective.figures(self.each(part)) if self.data.has(part) else {}
            found |= {f"{part}_{m.name}": known.get(m.name) for m in self.objective.task.measures}
        return found

    def main(self, part: Part) -> float:
        """What a part comes to by the main measure: the error, per cent, say."""
        return self.objective.figures(self.each(part))[self.objective.task.main.name]

    @torch.inference_mode()
    def residual(self) -> float | None:
        """What is left of implicit stages at the first test images, the most of all steps, in lengths of the step; None
        where none are searched for."""
        if not any(_searches(module) for module in self.model.modules()):
            return None
        x, _, *beside = next(iter(self.data.batches("test", self.device)))
        with evaluating(self.model), residuals() as found, computing(self.device, self.precision):
            self.model(x, *told(self.model, beside))
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
    """Two networks on the same images. Errors are per cent of wrong predictions; of another task, its main measure.

    measured_on: "validation" where images are held out, so that no choice is made by the test images; else "test".
    """

    measured_on: str
    steps_before: int
    steps: int
    parameters_before: int
    parameters: int
    error_before: float
    error_after: float
    measure: Measure = ERROR

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, by the keys of `change_keys`."""
        return dict(zip(change_keys(self.measure), asdict(self).values(), strict=False))

    def __str__(self) -> str:
        first, second = (self.measure.shown(value) for value in (self.error_before, self.error_after))
        return (
            f"{self.steps_before} → {self.steps} steps, {self.parameters_before:,} → {self.parameters:,} parameters, "
            f"{self.measured_on} {self.measure.title} {first} → {second}"
        )


def change_keys(measure: Measure) -> list[str]:
    """What a change is written down by: "error_before" and "error_after", or "psnr_before", by the measure."""
    return [own.name.replace("error", measure.name) for own in fields(AccuracyChange) if own.name != "measure"]


def compare_accuracy(before: nn.Module, after: nn.Module, data: Data, objective: Objective = LABELS) -> AccuracyChange:
    """What another grid has done to a network (`net.refine(…)`, `net.coarsen(…)`, `refine(net)`), measured on `data`.

    Nothing is trained, and statistics stay as they are.
    """
    part: Part = "validation" if data.has("validation") else "test"
    device = next(before.parameters()).device
    first, second = (Evaluation(model, data, device, objective=objective).main(part) for model in (before, after))
    return AccuracyChange(
        part, steps_of(before), steps_of(after), _parameters(before), _parameters(after), first, second,
        objective.task.main,
    )  # fmt: skip


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
