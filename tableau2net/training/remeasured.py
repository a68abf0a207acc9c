"""A finished run of a task without labels, measured again: at other deviations of noise, or on other images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from tableau2net.data.load import load_data
from tableau2net.errors import InputError
from tableau2net.recipes.task import CLASSIFY, DENOISE
from tableau2net.runs.finished import read_result
from tableau2net.runs.result import RESULT
from tableau2net.runs.stored import load_network
from tableau2net.training.environment import choose_device
from tableau2net.training.evaluation import Evaluation
from tableau2net.training.objectives import objective_of


def measure_again(
    folder: Path,
    sigmas: tuple[float, ...] = (),
    *,
    data: str | None = None,
    test_data: str | None = None,
    data_dir: Path = Path("data"),
    device: str | None = None,
) -> dict[str, dict[str, float]]:
    """The figures of a finished run's network on its test images, for each deviation of noise: "25" → "psnr", "ssim";
    of next states there is "test" alone.

    sigmas: deviations, of 255; the run's unless given.  data, test_data: where its images are now, or others to test
        on. The folder stays as it is. Raises InputError, one line, for a folder that is no such run, and, where neither
        deviations nor images to test on are named, for others than it was tested on.
    """
    result = read_result(folder / RESULT)
    asked = result.asked
    if asked.task.kind is CLASSIFY or (sigmas and asked.task.kind is not DENOISE):
        raise InputError(f"{folder}: is of --task {asked.task.task}; deviations of noise are of --task {DENOISE.name}")
    task = replace(asked.task, test_sigma=sigmas or asked.task.test_sigma, test_data=test_data or asked.task.test_data)
    source = {"source": data} if data is not None else {}
    pairs = load_data(**{**asked.data.request(), "data_dir": data_dir, "seed": 0, "task": task, **source})
    if task == asked.task and result.data.get("digest") not in (None, pairs.digest()):
        others = f"{pairs.name}{f' and --test-data {task.test_data}' if task.test_data else ''}"
        where = "--data and --test-data" if task.test_data else "--data"
        raise InputError(f"{folder}: was trained and tested on others than {others} has; name them by {where}")
    place = choose_device(device)
    model, objective = load_network(folder).to(place), objective_of(replace(asked, task=task))
    each = Evaluation(model, pairs, place, result.precision, objective).each("test")
    names = [f"{sigma:g}" for sigma in task.test_sigma] or ["test"]
    parts = zip(*(torch.chunk(values, len(names)) for values in each.values()), strict=True)
    return {
        name: objective.figures(dict(zip(each, part, strict=True))) for name, part in zip(names, parts, strict=True)
    }
