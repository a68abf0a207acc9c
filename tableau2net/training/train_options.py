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
    seed: int
    device: str | None
    precision: str | None
    engine: str | None
    num_threads: int | None
    layer_parallel: str | None
