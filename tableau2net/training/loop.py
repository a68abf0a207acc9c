"""A training run, from a scheme and data to a folder of results."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from tableau2net.codegen.support.solve import ConvergenceError
from tableau2net.errors import InputError
from tableau2net.files import write_atomically
from tableau2net.plot.curves import draw_curves
from tableau2net.scheme import Scheme
from tableau2net.training import environment, network
from tableau2net.training.checkpoint import Progress, detached, read_checkpoint, write_checkpoint
from tableau2net.training.data import ImageData, load_data
from tableau2net.training.epoch import Epochs
from tableau2net.training.evaluation import compare_accuracy
from tableau2net.training.level import Level, check_network
from tableau2net.training.progress import ProgressDisplay
from tableau2net.training.recipe import Recipe
from tableau2net.training.results import RESULT, Result
from tableau2net.training.run_folder import CHECKPOINT, WEIGHTS, find_run


def train(
    scheme: str | Path | Scheme | None = None,
    *,
    out: str | Path,
    depth: int = 20,
    data: str | Path | ImageData = "glyphs",
    recipe: Recipe | None = None,
    seed: int = 0,
    device: str | None = None,
    data_dir: str | Path = "data",
    validation: int = 0,
    limit_train: int | None = None,
    resume: bool = False,
    model: nn.Module | None = None,
    model_name: str | None = None,
    quiet: bool = False,
    **options: Any,
) -> Result:
    """Train the network that `scheme` makes at `depth` on `data`, and leave all there is to know in `out`.

    `data` is a source (see `load_data`, which `data_dir`, `validation` and `limit_train` go to) or data loaded
    already; `recipe` defaults to the published one; `options` are those of `create_model` (`coefficients` defaults to
    "learnable" where the scheme has parameters, else "fixed"). `model_name`, a name for `create_model` ("revnet38",
    say), takes the place of a depth, and of the scheme ("adamnet-2" unless given) where it says which; `model`, a
    module, of both. Pictures stay on the device as bytes; a GPU computes in bfloat16 autocast, a CPU in float32.

    Where the recipe refines, a level's network is a new one: a `model` that was given stays what it was when the first
    level ended, and what came of it is in model.safetensors (see `load_network`).

    `out` receives checkpoint.safetensors and log.jsonl (a line an epoch) after each epoch, and at the end
    model.safetensors, curves.png and result.json. A run that was stopped goes on with `resume`, from the last
    epoch that was finished, and on a CPU ends with the same weights, bit for bit, as one that was not stopped.

    Raises InputError, one line, for data, options or a checkpoint that cannot be used, for a recipe that does not suit
    the network, for files that cannot be written, and for a loss that is no longer finite.
    """
    recipe = recipe or Recipe()
    if not 0 <= seed < 2**63:  # what torch takes
        raise InputError(f"--seed {seed}: must be at least 0" + (", below 2^63" if seed > 0 else ""))
    folder = Path(out)
    going = find_run(folder, resume=resume)
    place = environment.choose_device(device)
    if not isinstance(data, ImageData):
        data = load_data(data, data_dir=data_dir, validation=validation, limit_train=limit_train)
    about: dict[str, Any]
    text: str | None
    if model is None:
        made = network.made(scheme, depth, model_name, options, data.classes, seed)
        model, about, text = made.model, made.facts, made.text
    else:
        text = None
        about = {"model": type(model).__name__, "scheme": None, "order": None, "depth": None, "options": {}}
    check_network(model, recipe)
    about |= {"seed": seed, "recipe": asdict(recipe)}
    about["data"] = {"source": data.name, **data.counts(), "digest": data.digest()}
    about = json.loads(json.dumps(about))  # as a checkpoint gives it back
    level = Level.of(model, recipe, place)
    if going:
        checkpoint = read_checkpoint(folder / CHECKPOINT, about)
        progress = checkpoint.progress
        if len(progress.rows) == recipe.epochs and (folder / RESULT).exists():
            return Result.read(folder / RESULT)
        for number in range(1, len(_refinements(progress)) + 1):
            level = level.refined(number, recipe, place, seed)
        checkpoint.put_into(level.model, level.optimiser)
    else:
        progress = Progress(run=about, before=network.learnt(model), rows=[])
    run = _Run(folder, progress, level, recipe, seed, place, text)
    run.keep()  # from here on there is something to resume; a log that is ahead of the checkpoint is cut back
    with (
        ProgressDisplay(recipe.epochs, len(data.y_train), len(progress.rows), quiet=quiet) as display,
        torch.random.fork_rng(devices=[place] if place.type == "cuda" else []),
        torch.backends.cudnn.flags(enabled=True, benchmark=True),
    ):
        if resume:
            done = f"going on after epoch {len(progress.rows)}" if going else "nothing to resume, a new run"
            display.note(f"{folder}: {done}")
        run.epochs(data.to(place), display)
    return run.finish()


@dataclass
class _Run:
    """A run in its folder: the level that is trained, of a scheme with the given text, and how far it has come."""

    folder: Path
    progress: Progress
    level: Level
    recipe: Recipe
    seed: int
    place: torch.device
    text: str | None

    def keep(self) -> None:
        """Write the checkpoint, then the log, which follows from it."""
        write_checkpoint(self.folder / CHECKPOINT, self.progress, self.level.model, self.level.optimiser)
        write_atomically(self.folder / "log.jsonl", "".join(json.dumps(row) + "\n" for row in self.progress.rows))

    def epochs(self, data: ImageData, display: ProgressDisplay) -> None:
        """Train for all the epochs that are left, keeping each."""
        rows = self.progress.rows
        try:
            for epoch in range(len(rows), self.recipe.epochs):
                start = time.perf_counter()
                refinement = self.refine_before(epoch, data, display)
                level = self.level
                epochs = Epochs(level.model, level.optimiser, data, self.recipe, self.seed)
                row = epochs.train(epoch, display.advance)
                self.check(row, epoch)
                row |= epochs.errors()
                row |= {"seconds": time.perf_counter() - start, "coefficients": network.learnt(level.model) or None}
                rows.append(row | refinement)
                self.keep()
                display.epoch(row)
        except ConvergenceError as error:
            raise InputError(f"{self.folder}: in epoch {len(rows) + 1}, {error}") from None
        except KeyboardInterrupt:
            display.note(f"stopped after {len(rows)} epochs; go on with --resume --out {self.folder}")
            raise

    def refine_before(self, epoch: int, data: ImageData, display: ProgressDisplay) -> dict[str, Any]:
        """Go over to the next level where one begins with this epoch, and measure both networks.

        What was found is kept with the epoch's row, not before: a run that is stopped in that epoch refines again.
        """
        number = self.recipe.level_at(epoch)
        if number == len(_refinements(self.progress)):
            return {}
        refined = self.level.refined(number, self.recipe, self.place, self.seed)
        change = compare_accuracy(self.level.model, refined.model, data)
        found = {"epoch": epoch + 1, **asdict(change)}
        display.refinement(found, change)
        self.level = refined
        return {"refinement": found}

    def check(self, row: dict[str, Any], epoch: int) -> None:
        """Raises InputError for a loss, or a penalty, that is no longer finite."""
        for name, value in (("loss", row["train_loss"]), ("smoothness", row.get("smoothness", 0.0))):
            if not math.isfinite(value):
                raise InputError(
                    f"{self.folder}: the {name} became {value} in epoch {epoch + 1}, the checkpoint of "
                    f"epoch {epoch} is kept; start another run with a lower --lr than {self.recipe.lr:g}"
                )

    def finish(self) -> Result:
        """Write the weights, the curves and the result."""
        rows, run = self.progress.rows, dict(self.progress.run)
        trained = run["data"]["train"] * len(rows)
        # A scheme whose coefficients are all fixed has the same before and after: its own, exact.
        exact = run.pop("exact", {})
        result = Result(
            **run,
            parameters=sum(parameter.numel() for parameter in self.level.model.parameters()),
            epochs=len(rows),
            **{name: rows[-1][name] for name in ("train_loss", "train_error", "validation_error", "test_error")},
            images_per_second=trained / sum(run["data"]["train"] / row["images_per_second"] for row in rows),
            seconds=sum(row["seconds"] for row in rows),
            coefficients={
                "file": self.text,
                "scheme": exact,
                "before": self.progress.before or exact,
                "after": network.learnt(self.level.model) or exact,
            },
            versions=environment.versions(),
            device=environment.describe_device(self.place),
            commit=environment.commit(),
            date=environment.now(),
            refinements=_refinements(self.progress),
        )
        metadata = {"run": json.dumps(run), "refinements": str(len(result.refinements))}
        metadata |= {"scheme": self.text} if self.text else {}
        write_atomically(self.folder / WEIGHTS, save(detached(self.level.model.state_dict()), metadata))
        source = Path(run["data"]["source"]).name
        called = f"{run['model']} ({run['scheme']})" if run["scheme"] else run["model"]
        title = f"{called}, {source}, seed {run['seed']}"
        write_atomically(self.folder / "curves.png", draw_curves(rows, self.progress.before, title))
        write_atomically(self.folder / RESULT, result.to_json())
        return result


def _refinements(progress: Progress) -> list[dict[str, Any]]:
    """What was found at each refinement so far, in order."""
    return [row["refinement"] for row in progress.rows if "refinement" in row]
