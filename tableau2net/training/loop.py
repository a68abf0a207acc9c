"""A training run, from a scheme and data to a folder of results."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import torch
from torch import nn

from tableau2net.data.data import Data
from tableau2net.data.given import checked_data
from tableau2net.data.images import ImageData
from tableau2net.data.load import load_data
from tableau2net.errors import InputError
from tableau2net.multigrid import Plan
from tableau2net.nn.depth_parallel import check_depth
from tableau2net.nn.overview.summarise import layer_warnings
from tableau2net.recipes.recipe import Recipe
from tableau2net.recipes.task import CLASSIFY
from tableau2net.runs.result import RESULT, Result
from tableau2net.runs.run_folder import find_run
from tableau2net.runs.run_spec import SETTINGS, DataSpec, NetworkSpec, RunSpec
from tableau2net.scheme import Scheme
from tableau2net.training import environment, network
from tableau2net.training.adversary import check_adversary
from tableau2net.training.checkpoint import Progress, find_checkpoint, take_back
from tableau2net.training.execution import Execution, threads
from tableau2net.training.fits import check_network_fits
from tableau2net.training.level import Level, check_network
from tableau2net.training.parallel import joined
from tableau2net.training.progress import ProgressDisplay
from tableau2net.training.resumed import check_coefficients, check_progress, check_tensors
from tableau2net.training.run import TrainingRun
from tableau2net.training.stop import Stop
from tableau2net.training.train_options import TrainOptions

if TYPE_CHECKING:
    from tableau2net.training.tensorboard import Board


def train(
    scheme: str | Path | Scheme | RunSpec | None = None,
    *,
    out: str | Path,
    data: str | Path | Data = DataSpec.source,
    model: nn.Module | None = None,
    resume: bool = False,
    max_seconds: float | None = None,
    tensorboard: bool = False,
    quiet: bool = False,
    begun: Callable[[], None] | None = None,
    **asked: Unpack[TrainOptions],
) -> Result:
    """Train the network that `scheme` makes at `depth` on `data`, and leave all there is to know in `out`.

    What is asked for may be a `RunSpec` in the place of the scheme, as a result has it as `run`, or keywords: `depth`,
    `model_name`, `recipe`, `preset`, `seed`, `data_dir`, `validation`, `limit_train`, `size`, `workers`, `device`,
    `precision`, `engine`, `num_threads`, `layer_parallel`; of another task than labels `task`, `sigma`, `sigma_from`,
    `test_sigma`, `loss`, `clamp`, `test_data`, `patch`, `patches`, `grey` (see `TaskSpec`); and of training against an
    adversary and measuring by attacks `adversary`, `epsilon`, `attack_step`, `split`, `beta`, `ramp`, `evaluate`,
    `evaluate_step`, `evaluate_every`; see `RunSpec` and `AdversarySpec` for what each is by itself; all others are
    options of `create_model` (`coefficients` defaults to "learnable" where the scheme has parameters, else "fixed").

    `data` is a source (see `load_data`, which `data_dir`, `validation`, `limit_train`, `size` and `workers` go to),
    data loaded already, or any object with what `Data` asks for; `recipe` is that of the `preset` (see `PRESETS`, which
    may also give the network options) unless given, and the published one without either.
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

    Started by torchrun, the processes share each batch, or with `layer_parallel` the steps of blocks; the first of them
    writes, and all return the result.

    Raises InputError, one line, for data, options or a checkpoint that cannot be used, for a recipe that does not suit
    the network, for files that cannot be written, and for a loss that is no longer finite.
    """
    for name, value, kind in (("recipe", asked.get("recipe"), Recipe), ("model", model, nn.Module)):
        if not isinstance(value, kind | None):
            raise InputError(f"{name}: is a {type(value).__name__}; it must be a {kind.__name__}")
    run = scheme if isinstance(scheme, RunSpec) else _spec(scheme, data, asked)
    again = [*asked, *(["data"] if isinstance(data, str | Path) and data != DataSpec.source else [])]
    if run is scheme and again:
        raise InputError(f"{again[0]}: is said by the RunSpec already; change it there")
    if max_seconds is not None and not max_seconds > 0:
        raise InputError(f"--max-seconds {max_seconds}: must be positive")
    wanted, folder = run.execution, Path(out)
    with (
        Stop(max_seconds) as stop,  # from here on a signal waits for what can be kept
        threads(wanted.num_threads),
        joined(wanted.device) as ranks,
        torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=torch.backends.cudnn.deterministic),
    ):
        device = environment.choose_device(ranks.own_device(wanted.device))
        plan = None if wanted.layer_parallel is None else Plan.parse(wanted.layer_parallel)
        execution = Execution.of(device, wanted.precision, wanted.engine, ranks, plan)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            going = ranks.agreed(lambda: find_run(folder, resume=resume))
            if ranks.any(going) != going:
                raise InputError(f"{folder}: not all processes see its run; choose an --out that all machines share")
            if isinstance(data, str | Path):
                data = ranks.first_ahead(lambda: load_data(**run.request()))
            elif not isinstance(data, ImageData):
                data = checked_data(data, labelled=run.task.kind is CLASSIFY)
            made, run = _ready(run, model, data, execution)
            check_network(made.model, run.recipe)
            if plan is not None:
                check_depth(made.model, plan, ranks.count)
            check_adversary(run.adversary, made.model, data)
            about = _Folder(folder, going, resume, tensorboard, quiet, begun, stop)
            return about.train(run, made, data, execution)


def _spec(scheme: str | Path | Scheme | None, data: str | Path | Data, asked: Mapping[str, object]) -> RunSpec:
    """The run that the keywords of `train` ask for."""
    source = data if isinstance(data, str | Path) else None
    known = {name: name for name in SETTINGS} | {"model_name": "model", "recipe": "recipe"}
    settings = {known.get(name, f"options.{name}"): value for name, value in asked.items()}
    return RunSpec.of({"scheme": scheme, "data": source, **settings})


def _ready(
    run: RunSpec, model: nn.Module | None, data: Data, execution: Execution
) -> tuple[network.ReadyNetwork, RunSpec]:
    """The network of a run, and the run with nothing left open. Raises InputError where data, task and network do not
    belong together."""
    if bool(data.classes) != (run.task.kind is CLASSIFY):
        has = f"{data.classes} classes" if data.classes else "no classes"
        raise InputError(f"--task {run.task.task}: {data.name} has {has}; ask for another task, or give other data")
    if model is None:
        if data.classes and data.shape[0] != 3:
            raise InputError(f"data: images have {data.shape[0]} channels; a network by name takes 3, give a model")
        settled = run.network.settled()
        made = network.made(settled, network.said_by(data), run.seed)
        check_network_fits(made.model, data, made.facts["model"])
    else:
        check_network_fits(model, data)
        made = network.ReadyNetwork(model, network.own_facts(model), None)
        settled = NetworkSpec(model=type(model).__name__)
    said = {"classes": data.classes} if data.classes else {"channels": data.shape[0]}
    found = {**said, **data.counts(), "digest": data.digest()}
    return made, replace(
        run,
        network=settled,
        data=replace(run.data, source=data.name, found=found),
        execution=replace(run.execution, precision=execution.precision),
    )


@dataclass(frozen=True)
class _Folder:
    """The folder of a run, whether it is gone on with there, and how it is told of."""

    path: Path
    going: bool
    resume: bool
    tensorboard: bool
    quiet: bool
    begun: Callable[[], None] | None
    stop: Stop

    def train(self, asked: RunSpec, made: network.ReadyNetwork, data: Data, execution: Execution) -> Result:
        """What the run comes to, from its beginning or from its checkpoint on."""
        ranks, recipe = execution.ranks, asked.recipe
        level = Level.of(made.model, recipe, execution.device, ranks)
        checkpoint, doubt = ranks.agreed(lambda: find_checkpoint(self.path, asked)) if self.going else (None, None)
        count = data.counts()["train"]
        if checkpoint:
            check_progress(checkpoint, recipe, count)
            check_coefficients(checkpoint, 0, network.learnt(made.model), recipe)
            progress = replace(checkpoint.progress, run=asked, facts=made.facts)
            if len(progress.rows) == recipe.epochs and (result := _finished(self.path, asked)):
                return result
            for number in range(1, len(progress.refinements) + 1):
                level = level.refined(number, recipe, asked.seed, ranks)
                check_coefficients(checkpoint, number, network.learnt(level.model), recipe)
            check_tensors(checkpoint, level, ranks.sharing.count)
            checkpoint.put_into(level)
        else:
            progress = Progress(asked, network.learnt(made.model), rows=[], facts=made.facts)
        seen = len(progress.rows) * count + progress.seen
        quiet, tensorboard = self.quiet or not ranks.first, self.tensorboard and ranks.first
        with (
            ProgressDisplay(recipe.epochs, count, seen, quiet=quiet) as display,
            _board(self.path) if tensorboard else contextlib.nullcontext() as board,
        ):
            run = TrainingRun(
                self.path, asked, data.to(execution.device), execution, level, made, progress, display, board, self.stop
            )
            if checkpoint:
                if doubt:
                    display.note(f"{doubt.partition(';')[0]}; going on from the checkpoint before it")
                    run.write(lambda: take_back(self.path))
                display.note(f"{self.path}: going on after {run.come()}")
                checkpoint.put_into_epoch(run.update, ranks.sharing)
            else:
                if self.resume:
                    display.note(f"{self.path}: nothing to resume, a new run")
                run.keep()  # from here on there is something to resume
            if execution.plan is not None and not quiet:
                for text in layer_warnings(made.model, data.shape, execution.plan):
                    display.note(f"warning: {text}")
            if self.begun:
                self.begun()
            run.log()  # one that is ahead of the checkpoint is cut back
            run.train()
            return run.finish()


def _finished(folder: Path, asked: RunSpec) -> Result | None:
    """The result that is in a folder, unless it is missing, damaged, or not measured as is asked for now."""
    try:
        result = Result.read(folder / RESULT)
    except InputError:
        return None
    return result if result.measured_by(asked) else None


def _board(folder: Path) -> contextlib.AbstractContextManager[Board]:
    from tableau2net.training.tensorboard import Board  # TensorBoard is not everybody's

    return contextlib.closing(Board.of(folder))
