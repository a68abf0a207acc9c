"""A training run, from a scheme and data to a folder of results."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tableau2net.data.given import checked_data
from tableau2net.data.load import Data, ImageData, load_data
from tableau2net.errors import InputError
from tableau2net.recipes.presets import find_preset
from tableau2net.recipes.recipe import Recipe
from tableau2net.runs.result import RESULT, Result
from tableau2net.runs.run_folder import find_run
from tableau2net.scheme import Scheme
from tableau2net.training import environment, network
from tableau2net.training.checkpoint import Progress, find_checkpoint, take_back
from tableau2net.training.execution import Execution
from tableau2net.training.fits import check_network_fits
from tableau2net.training.level import Level, check_network
from tableau2net.training.parallel import joined
from tableau2net.training.progress import ProgressDisplay
from tableau2net.training.resumed import check_coefficients, check_progress, check_tensors
from tableau2net.training.run import TrainingRun
from tableau2net.training.stop import Stop

if TYPE_CHECKING:
    from tableau2net.training.tensorboard import Board


def train(
    scheme: str | Path | Scheme | None = None,
    *,
    out: str | Path,
    depth: int = 20,
    data: str | Path | Data = "glyphs",
    recipe: Recipe | None = None,
    preset: str | None = None,
    seed: int = 0,
    device: str | None = None,
    precision: str | None = None,
    engine: str | None = None,
    data_dir: str | Path = "data",
    validation: int = 0,
    limit_train: int | None = None,
    size: int = 224,
    workers: int | None = None,
    resume: bool = False,
    max_seconds: float | None = None,
    model: nn.Module | None = None,
    model_name: str | None = None,
    tensorboard: bool = False,
    quiet: bool = False,
    begun: Callable[[], None] | None = None,
    **options: Any,
) -> Result:
    """Train the network that `scheme` makes at `depth` on `data`, and leave all there is to know in `out`.

    `data` is a source (see `load_data`, which `data_dir`, `validation`, `limit_train`, `size` and `workers` go to),
    data loaded already, or any object with what `Data` asks for; `recipe` is that of the `preset` (see `PRESETS`, which
    may also give the network options) unless given, and the published one without either; `options` are those of
    `create_model` (`coefficients` defaults to "learnable" where the scheme has parameters, else "fixed").
    `model_name`, a name for `create_model` ("revnet38", say), takes the place of a depth, and of the scheme
    ("adamnet-2" unless given) where it says which; `model`, a module, of both.

    Images stay on the device as bytes. `precision` is what the forward pass computes in, "bfloat16" (by default on a
    GPU) or "float32" (on a CPU); `engine` is how a step is run, see `choose_engine`.

    Where the recipe refines, a level's network is a new one: a `model` that was given stays what it was when the first
    level ended, and what came of it is in model.safetensors (see `load_network`).

    `out` receives checkpoint.safetensors and log.jsonl (a line an epoch) after each epoch, with `tensorboard` events
    for it, and at the end model.safetensors, predictions.safetensors, curves.png and result.json. After `max_seconds`,
    and at SIGTERM or SIGINT, the step that is being made is finished and kept, and Stopped (at SIGINT,
    KeyboardInterrupt) is raised. A run that was stopped goes on with `resume` from there, one that was killed from the
    last epoch that was finished, and on a CPU ends with the same weights, bit for bit, as one that was not stopped.

    `begun` is called when all that was asked for has been found sound, before the first step.

    Started by torchrun, the processes share each batch; the first of them writes, and all return the result.

    Raises InputError, one line, for data, options or a checkpoint that cannot be used, for a recipe that does not suit
    the network, for files that cannot be written, and for a loss that is no longer finite.
    """
    chosen = find_preset(preset) if preset else None
    recipe = recipe or (chosen.recipe if chosen else Recipe())
    options = {**(chosen.options if chosen else {}), **options}
    for name, value, kind in (("recipe", recipe, Recipe), ("model", model, nn.Module)):
        if not isinstance(value, kind | None):
            raise InputError(f"{name}: is a {type(value).__name__}; it must be a {kind.__name__}")
    if not 0 <= seed < 2**63:  # what torch takes
        raise InputError(f"--seed {seed}: must be at least 0" + (", below 2^63" if seed > 0 else ""))
    if max_seconds is not None and not max_seconds > 0:
        raise InputError(f"--max-seconds {max_seconds}: must be positive")
    folder = Path(out)
    with (
        Stop(max_seconds) as stop,  # from here on a signal waits for what can be kept
        joined(device) as ranks,
        torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=torch.backends.cudnn.deterministic),
    ):
        execution = Execution.of(environment.choose_device(ranks.own_device(device)), precision, engine, ranks)
        with torch.random.fork_rng(devices=[execution.device] if execution.device.type == "cuda" else []):
            going = ranks.agreed(lambda: find_run(folder, resume=resume))
            if ranks.any(going) != going:
                raise InputError(f"{folder}: not all processes see its run; choose an --out that all machines share")
            if isinstance(data, str | Path):
                named: str | Path = data
                data = ranks.first_ahead(
                    lambda: load_data(
                        named, data_dir=data_dir, validation=validation, limit_train=limit_train, size=size,
                        workers=workers,
                    )
                )  # fmt: skip
            elif not isinstance(data, ImageData):
                data = checked_data(data)
            if model is None:
                if data.shape[0] != 3:
                    raise InputError(
                        f"data: images have {data.shape[0]} channels; a network by name takes 3, give a model"
                    )
                made = network.made(scheme, depth, model_name, options, data.classes, seed)
            else:
                check_network_fits(model, data)
                made = network.ReadyNetwork(model, network.own_facts(model), None)
            check_network(made.model, recipe)
            about = made.facts | {
                "seed": seed,
                "preset": preset,
                "recipe": asdict(recipe),
                "precision": execution.precision,
            }
            about["data"] = {"source": data.name, "classes": data.classes, **data.counts(), "digest": data.digest()}
            about = json.loads(json.dumps(about))  # as a checkpoint gives it back
            return _run(folder, about, made, data, recipe, execution, stop, going, resume, tensorboard, quiet, begun)


def _run(
    folder: Path,
    about: dict[str, Any],
    made: network.ReadyNetwork,
    data: Data,
    recipe: Recipe,
    execution: Execution,
    stop: Stop,
    going: bool,
    resume: bool,
    tensorboard: bool,
    quiet: bool,
    begun: Callable[[], None] | None,
) -> Result:
    """What a run comes to that is described by `about`, from its beginning or from its checkpoint on."""
    ranks, seed = execution.ranks, about["seed"]
    level = Level.of(made.model, recipe, execution.device, ranks)
    checkpoint, doubt = ranks.agreed(lambda: find_checkpoint(folder, about)) if going else (None, None)
    count = data.counts()["train"]
    if checkpoint:
        check_progress(checkpoint, recipe, count)
        check_coefficients(checkpoint, 0, network.learnt(made.model), recipe)
        progress = checkpoint.progress
        if len(progress.rows) == recipe.epochs and (result := _finished(folder)):
            return result
        for number in range(1, len(progress.refinements) + 1):
            level = level.refined(number, recipe, seed, ranks)
            check_coefficients(checkpoint, number, network.learnt(level.model), recipe)
        check_tensors(checkpoint, level, ranks.count)
        checkpoint.put_into(level)
    else:
        progress = Progress(run=about, before=network.learnt(made.model), rows=[])
    seen = len(progress.rows) * count + progress.seen
    with (
        ProgressDisplay(recipe.epochs, count, seen, quiet=quiet or not ranks.first) as display,
        _board(folder) if tensorboard and ranks.first else contextlib.nullcontext() as board,
    ):
        run = TrainingRun(
            folder, data.to(execution.device), recipe, seed, execution, level, made.text, progress, display, board, stop
        )
        if checkpoint:
            if doubt:
                display.note(f"{doubt.partition(';')[0]}; going on from the checkpoint before it")
                run.write(lambda: take_back(folder))
            display.note(f"{folder}: going on after {run.come()}")
            checkpoint.put_into_epoch(run.update, ranks)
        else:
            if resume:
                display.note(f"{folder}: nothing to resume, a new run")
            run.keep()  # from here on there is something to resume
        if begun:
            begun()
        run.log()  # one that is ahead of the checkpoint is cut back
        run.train()
        return run.finish()


def _finished(folder: Path) -> Result | None:
    """The result that is in a folder, unless it is missing or damaged."""
    try:
        return Result.read(folder / RESULT)
    except InputError:
        return None


def _board(folder: Path) -> contextlib.AbstractContextManager[Board]:
    from tableau2net.training.tensorboard import Board  # TensorBoard is not everybody's

    return contextlib.closing(Board.of(folder))
