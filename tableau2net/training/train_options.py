"""The keywords of `train` by name, for type checkers and editors."""

from __future__ import annotations

from pathlib import Path

from tableau2net.nn.model_options import ModelOptions
from tableau2net.recipes.recipe import Recipe


class TrainOptions(ModelOptions, total=False):
    """What is asked for of a run, each as it is by itself in `RunSpec`, and options of its network."""

    depth: int
    model_name: str | None
    data_dir: str | Path
    validation: int
    limit_train: int | None
    size: int
    workers: int | None
    recipe: Recipe | None
    preset: str | None
    task: str
    sigma: float | None
    sigma_from: float | None
    test_sigma: tuple[float, ...]
    loss: str | None
    clamp: bool
    test_data: str | Path | None
    patch: int
    patches: int | None
    grey: bool
    adversary: str | None
    epsilon: float | str
    attack_step: float | str | None
    split: int | None
    beta: float | None
    ramp: float
    evaluate: tuple[str, ...]
    evaluate_step: float | str | None
    evaluate_every: int
    seed: int
    device: str | None
    precision: str | None
    engine: str | None
    num_threads: int | None
    layer_parallel: str | None
