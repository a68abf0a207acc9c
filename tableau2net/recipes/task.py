"""What a network learns: labels of images, clean images, or later states; and the numbers that it is judged by.

A `TaskKind` is data alone. Losses, measures and batches of it are where torch is: `tableau2net.training.objectives`,
`tableau2net.data`. A row of a log tells its task by its keys.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from tableau2net.declared import declared, hold_types, setting
from tableau2net.errors import InputError
from tableau2net.recipes.recipe import Recipe

PARTS = ("train", "validation", "test")
LOSSES = ("mse", "l1")
SIGMA = 25.0  # of noise, where none is said
MOST_SIGMA = 1000.0


@dataclass(frozen=True)
class Measure:
    """A number that networks are judged by: what it is called and its unit, whether more of it is better, and how it is
    written. name: in results and logs, behind "test_" and its like."""

    name: str
    title: str
    unit: str
    higher: bool = False
    form: str = ".2f"

    @property
    def axis(self) -> str:
        """Title and unit: "error, %"."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    def shown(self, value: float, width: int = 0) -> str:
        """A value with its unit: "8.75 %"."""
        return f"{format(value, self.form).rjust(width)}{self.unit and f' {self.unit}'}"

    def best(self, *values: float) -> float:
        """Of several values."""
        return max(values) if self.higher else min(values)


ERROR = Measure("error", "error", "%")
PSNR = Measure("psnr", "PSNR", "dB", higher=True)
SSIM = Measure("ssim", "SSIM", "", higher=True, form=".4f")
MSE = Measure("mse", "MSE", "", form=".3g")
RELATIVE = Measure("relative", "relative error", "%", form=".3g")


@dataclass(frozen=True)
class TaskKind:
    """A kind of task.

    measures: the first is what networks are ranked and tested by; it is told of training as well, the others of what is
        held out and of the test alone.
    alien: numbers of a recipe that mean nothing to it, each 0 by itself.  preset: its recipe where none is asked for.
    settings: of `TaskSpec`, those that are this task's.
    """

    name: str
    measures: tuple[Measure, ...]
    alien: tuple[str, ...] = ()
    preset: str | None = None
    settings: tuple[str, ...] = ()

    @property
    def main(self) -> Measure:
        """What networks are ranked by."""
        return self.measures[0]

    @property
    def keys(self) -> tuple[str, ...]:
        """Of a row of the log: "train_error", "validation_error", "test_error"."""
        held = [f"{part}_{measure.name}" for part in PARTS[1:] for measure in self.measures]
        return (f"train_{self.main.name}", *held)

    @property
    def needed(self) -> tuple[str, ...]:
        """Those of the keys that are never empty."""
        return tuple(key for key in self.keys if not key.startswith("validation"))


IMAGES = ("label_smoothing", "cutout", "mixup")
CLASSIFY = TaskKind("classify", (ERROR,))
DENOISE = TaskKind(
    "denoise",
    (PSNR, SSIM, MSE),
    IMAGES,
    "denoise",
    ("sigma", "sigma_from", "test_sigma", "loss", "clamp", "test_data", "patch", "patches", "grey"),
)
NEXT_STATE = TaskKind("next-state", (MSE, RELATIVE), IMAGES, "next-state", ("loss",))
TASKS = {task.name: task for task in (CLASSIFY, DENOISE, NEXT_STATE)}


def task_of_row(row: Mapping[str, Any]) -> TaskKind:
    """The task that a row of a log is of; the labels' where it does not say."""
    return next((task for task in TASKS.values() if f"test_{task.main.name}" in row), CLASSIFY)


@dataclass(frozen=True)
class TaskSpec:
    """What a network is to learn; what is left open is settled. Raises InputError, one line, for what cannot be.

    "classify": labels of images. "denoise": a clean image from x = y + σ n, n standard normal, σ in levels of 0 to 255,
    of each image drawn from `sigma_from` to `sigma`, or `sigma` itself; images are from 0 to 1 and noise may leave
    that. "next-state": a later state from a state, float arrays as they are.
    """

    task: str = setting(CLASSIFY.name, f"What is learnt: {', '.join(TASKS)}.")
    sigma: float | None = setting(None, "denoise: deviation of the noise, of 255.", usual=f"{SIGMA:g}")
    sigma_from: float | None = setting(
        None, "denoise: each image's deviation is drawn from this one to --sigma.", usual="--sigma"
    )
    test_sigma: tuple[float, ...] = setting(
        (), "denoise: deviation to measure at; repeatable.", metavar="LEVEL",
        usual="--sigma, --sigma-from and their middle",
    )  # fmt: skip
    loss: str | None = setting(None, "Of images and states: mse or l1, means over all values.", usual="mse")
    clamp: bool = setting(True, "denoise: put what is restored back into 0 to 1 before it is measured.")
    test_data: str | None = setting(None, "denoise: folder of images to test on.", usual="test/ or val/ in --data")
    patch: Annotated[int, Meta(ge=0, le=4096)] = setting(
        64, "denoise: side of the squares that are trained on, in pixels; 0: whole images.", ranged=True
    )
    patches: Annotated[int, Meta(ge=1, le=10**6)] | None = setting(
        None, "denoise: squares cut from an image in an epoch.", usual="as many as cover it", ranged=True
    )
    grey: bool = setting(False, "denoise: colour images are made grey.", switch=True)

    def __post_init__(self) -> None:
        hold_types(self, "task")
        if self.task not in TASKS:
            raise InputError(f"--task {self.task[:40]}: must be one of {', '.join(TASKS)}")
        usual = declared(TaskSpec)
        for name in usual.keys() - {"task"} - set(self.kind.settings):
            if getattr(self, name) != usual[name].default:
                of = " or ".join(f"--task {task.name}" for task in TASKS.values() if name in task.settings)
                raise InputError(f"--{name.replace('_', '-')}: is of {of}; leave it out")
        if self.kind is CLASSIFY:
            return
        if self.loss not in (None, *LOSSES):
            raise InputError(f"--loss {self.loss[:40]}: must be {' or '.join(LOSSES)}")
        object.__setattr__(self, "loss", self.loss or LOSSES[0])
        if self.kind is DENOISE:
            self._settle_noise()

    def _settle_noise(self) -> None:
        sigma = SIGMA if self.sigma is None else self.sigma
        low = sigma if self.sigma_from is None else self.sigma_from
        for option, value in (("sigma", sigma), ("sigma-from", low), *(("test-sigma", s) for s in self.test_sigma)):
            if not 0 <= value <= MOST_SIGMA or not math.isfinite(value):
                raise InputError(f"--{option} {value:g}: must be from 0 to {MOST_SIGMA:g}, of 255")
        if low > sigma:
            raise InputError(f"--sigma-from {low:g}: must be at most --sigma, {sigma:g}")
        if len(set(self.test_sigma)) < len(self.test_sigma):
            raise InputError(f"--test-sigma {', '.join(f'{s:g}' for s in self.test_sigma)}: one is named twice")
        levels = self.test_sigma or tuple(dict.fromkeys((low, (low + sigma) / 2, sigma)))
        settled: dict[str, Any] = {"sigma": sigma, "sigma_from": low, "test_sigma": levels}
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    @property
    def kind(self) -> TaskKind:
        """The kind of task that it is."""
        return TASKS[self.task]

    @property
    def told(self) -> str | None:
        """In a few words: "denoise 25", "denoise 15 to 50"; None of labels."""
        if self.kind is not DENOISE:
            return None if self.kind is CLASSIFY else self.task
        low = "" if self.sigma_from == self.sigma else f"{self.sigma_from:g} to "
        return f"{self.task} {low}{self.sigma:g}"

    def check_recipe(self, recipe: Recipe) -> None:
        """Raises InputError, one line, for a number of a recipe that means nothing to this task."""
        for name in self.kind.alien:
            if getattr(recipe, name):
                raise InputError(
                    f"recipe: {name} is {getattr(recipe, name):g}: it means nothing to --task {self.task}; leave it out"
                )
