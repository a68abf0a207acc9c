"""Whether what a checkpoint says can be what it is said to be of: a file is anybody's until that is known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from tableau2net.recipes.recipe import Recipe
from tableau2net.recipes.task import Measure
from tableau2net.training.checkpoint import Checkpoint, Progress, tensors_of
from tableau2net.training.evaluation import change_keys
from tableau2net.training.level import Level

NUMBERS = ("lr", "train_loss", "images_per_second", "seconds")  # and the figures of the task
OPTIONAL = ("smoothness", "residual")
MOMENTS = ("exp_avg", "exp_avg_sq")  # of AdamW, which has none before its first step


def check_progress(checkpoint: Checkpoint, recipe: Recipe, count: int) -> None:
    """Raises InputError where no run by this recipe, with so many images an epoch, can have come so far."""
    said = next(_impossible(checkpoint.progress, recipe, count), None)
    if said:
        raise checkpoint.unfit(f"cannot be one of this run: {said}")


def check_coefficients(checkpoint: Checkpoint, level: int, learnt: Any, recipe: Recipe) -> None:
    """Raises InputError where the coefficients that are written down of a level are not such as its network has."""
    progress = checkpoint.progress
    written = [row["coefficients"] for row in progress.rows if recipe.level_at(row["epoch"] - 1) == level]
    wanted = _shape(learnt or None)
    if any(_shape(value or None) != wanted for value in [*written, *([progress.before] if level == 0 else [])]):
        raise checkpoint.unfit("cannot be one of this run: it has other learnt coefficients")


def check_tensors(checkpoint: Checkpoint, level: Level, processes: int) -> None:
    """Raises InputError where the tensors are not such as this level has."""
    given = checkpoint.tensors
    wanted = {name: _kind(value) for name, value in tensors_of(level).items()}
    if any(key.endswith(MOMENTS) for key in given) and not any(name.startswith("optimiser.") for name in wanted):
        for name, parameter in level.model.named_parameters():
            if parameter.requires_grad:
                wanted |= {f"optimiser.{name}.{key}": _kind(parameter) for key in MOMENTS}
                wanted |= {f"optimiser.{name}.step": _kind(torch.zeros(()))}
    seen = bool(checkpoint.progress.seen)
    wanted |= {"sums": _kind(torch.zeros(2))} if seen else {}
    others = {name for name in given if seen and name.startswith(("random.", "adversary."))}
    for name in [*wanted, *(name for name in given if name not in wanted and name not in others)]:
        here = _kind(given[name]) if name in given else "not there"
        if here != wanted.get(name, "nothing"):
            raise checkpoint.unfit(
                f"does not fit this network ({name} is {here}, it should be {wanted.get(name, 'nothing')})"
            )
    if seen and not _is_random(given.get("random.cpu"), processes):
        raise checkpoint.unfit("is damaged (it does not say where chance is at)")


def _impossible(progress: Progress, recipe: Recipe, count: int) -> Iterator[str]:
    """What cannot be, the first of it before the next is looked at."""
    done, seen, task = len(progress.rows), progress.seen, progress.run.task.kind
    if done > recipe.epochs:
        yield f"it has {done} epochs of {recipe.epochs}"
    if seen and not (done < recipe.epochs and 0 < seen < count and seen % recipe.batch_size == 0):
        yield f"it stopped after {seen} of {count} images"
    if not (_finite(progress.seconds) and progress.seconds >= 0):
        yield f"it took {progress.seconds} seconds"
    for i, row in enumerate(progress.rows):
        if row.get("epoch") != i + 1 or not all(_finite(row.get(key)) for key in (*NUMBERS, *task.needed)):
            yield f"its epoch {i + 1} is not written down"
        if not all(_finite(row.get(key, 0) or 0) for key in (*OPTIONAL, *task.keys)) or not isinstance(
            row.get("coefficients"), dict | None
        ):
            yield f"its epoch {i + 1} is not written down"
        if ("refinement" in row) != _begins(recipe, i):
            yield f"it was not refined where the recipe says, in epoch {i + 1}"
    if (progress.refinement is not None) != bool(seen and _begins(recipe, done)):
        yield f"it was not refined where the recipe says, in epoch {done + 1}"
    if not all(_is_refinement(found, task.main) for found in progress.refinements):
        yield "what a refinement did is not written down"


def _begins(recipe: Recipe, epoch: int) -> bool:
    """Whether a level begins with this epoch, the first being 0, that is not the first level."""
    return 0 < epoch < recipe.epochs and recipe.level_at(epoch) > recipe.level_at(epoch - 1)


def _is_refinement(found: Any, measure: Measure) -> bool:
    if not isinstance(found, Mapping) or found.keys() != {"epoch", *change_keys(measure)}:
        return False
    return all(isinstance(value, str) if key == "measured_on" else _finite(value) for key, value in found.items())


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _shape(value: Any) -> str:
    """The form of learnt coefficients, numbers put aside."""
    if isinstance(value, Mapping):
        return json.dumps({key: _shape(own) for key, own in value.items()}, sort_keys=True)
    if isinstance(value, list):
        return f"[{', '.join(map(_shape, value))}]"
    return "number" if _finite(value) else f"a {type(value).__name__}"


def _kind(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def _is_random(state: Tensor | None, processes: int) -> bool:
    """Whether these are states of chance, a row for each process; of another number of processes they are not used."""
    if state is None or state.dtype != torch.uint8 or state.dim() != 2:
        return False
    try:
        for row in state if len(state) == processes else ():
            torch.Generator().set_state(row)
    except RuntimeError:
        return False
    return True
