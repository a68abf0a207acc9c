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
from torch.optim import SGD

from tableau2net.codegen.support.solve import ConvergenceError
from tableau2net.errors import InputError
from tableau2net.files import write_atomically
from tableau2net.plot.curves import draw_curves
from tableau2net.scheme import Scheme
from tableau2net.training import environment, network
from tableau2net.training.checkpoint import Progress, detached, read_checkpoint, write_checkpoint
from tableau2net.training.data import ImageData, load_data
from tableau2net.training.epoch import Epochs
from tableau2net.training.progress import ProgressDisplay
from tableau2net.training.recipe import Recipe
from tableau2net.training.results import RESULT, Result
from tableau2net.training.run_folder import CHECKPOINT, find_run


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

    `out` receives checkpoint.safetensors and log.jsonl (a line an epoch) after each epoch, and at the end
    model.safetensors, curves.png and result.json. A run that was stopped goes on with `resume`, from the last
    epoch that was finished, and on a CPU ends with the same weights, bit for bit, as one that was not stopped.

    Raises InputError, one line, for data, options or a checkpoint that cannot be used, for files that cannot be
    written, and for a loss that is no longer finite.
    """
    recipe = recipe or Recipe()
    if seed < 0:
        raise InputError(f"--seed {seed}: must be at least 0")
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
    model.to(place).to(memory_format=torch.channels_last)
    optimiser = SGD(network.groups(model, recipe.weight_decay), lr=recipe.lr, momentum=recipe.momentum)
    about |= {"seed": seed, "recipe": asdict(recipe)}
    about["data"] = {"source": data.name, **data.counts(), "digest": data.digest()}
    about = json.loads(json.dumps(about))  # as a checkpoint gives it back
    if going:
        progress = read_checkpoint(folder / CHECKPOINT, about, model, optimiser)
        if len(progress.rows) == recipe.epochs and (folder / RESULT).exists():
            return Result.read(folder / RESULT)
    else:
        progress = Progress(run=about, before=network.learnt(model), rows=[])
    run = _Run(folder, progress, model, optimiser, recipe, place, text)
    run.keep()  # from here on there is something to resume; a log that is ahead of the checkpoint is cut back
    with (
        ProgressDisplay(recipe.epochs, len(data.y_train), len(progress.rows), quiet=quiet) as display,
        torch.random.fork_rng(devices=[place] if place.type == "cuda" else []),
        torch.backends.cudnn.flags(enabled=True, benchmark=True),
    ):
        if resume:
            done = f"going on after epoch {len(progress.rows)}" if going else "nothing to resume, a new run"
            display.note(f"{folder}: {done}")
        run.epochs(Epochs(model, optimiser, data.to(place), recipe, seed), display)
    return run.finish()


@dataclass(frozen=True)
class _Run:
    """A run in its folder: what is trained, of a scheme with the given text, and how far it has come."""

    folder: Path
    progress: Progress
    model: nn.Module
    optimiser: SGD
    recipe: Recipe
    place: torch.device
    text: str | None

    def keep(self) -> None:
        """Write the checkpoint, then the log, which follows from it."""
        write_checkpoint(self.folder / CHECKPOINT, self.progress, self.model, self.optimiser)
        write_atomically(self.folder / "log.jsonl", "".join(json.dumps(row) + "\n" for row in self.progress.rows))

    def epochs(self, epochs: Epochs, display: ProgressDisplay) -> None:
        """Train for all the epochs that are left, keeping each."""
        rows = self.progress.rows
        try:
            for epoch in range(len(rows), self.recipe.epochs):
                start = time.perf_counter()
                row = epochs.train(epoch, display.advance)
                if not math.isfinite(row["train_loss"]):
                    raise InputError(
                        f"{self.folder}: the loss became {row['train_loss']} in epoch {epoch + 1}, the checkpoint of "
                        f"epoch {epoch} is kept; start another run with a lower --lr than {self.recipe.lr:g}"
                    )
                row |= epochs.errors()
                row |= {"seconds": time.perf_counter() - start, "coefficients": network.learnt(self.model) or None}
                rows.append(row)
                self.keep()
                display.epoch(row)
        except ConvergenceError as error:
            raise InputError(f"{self.folder}: in epoch {len(rows) + 1}, {error}") from None
        except KeyboardInterrupt:
            display.note(f"stopped after {len(rows)} epochs; go on with --resume --out {self.folder}")
            raise

    def finish(self) -> Result:
        """Write the weights, the curves and the result."""
        rows, run = self.progress.rows, dict(self.progress.run)
        trained = run["data"]["train"] * len(rows)
        # A scheme whose coefficients are all fixed has the same before and after: its own, exact.
        exact = run.pop("exact", {})
        result = Result(
            **run,
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            epochs=len(rows),
            **{name: rows[-1][name] for name in ("train_loss", "train_error", "validation_error", "test_error")},
            images_per_second=trained / sum(run["data"]["train"] / row["images_per_second"] for row in rows),
            seconds=sum(row["seconds"] for row in rows),
            coefficients={
                "file": self.text,
                "scheme": exact,
                "before": self.progress.before or exact,
                "after": network.learnt(self.model) or exact,
            },
            versions=environment.versions(),
            device=environment.describe_device(self.place),
            commit=environment.commit(),
            date=environment.now(),
        )
        metadata = {"run": json.dumps(run)} | ({"scheme": self.text} if self.text else {})
        write_atomically(self.folder / "model.safetensors", save(detached(self.model.state_dict()), metadata))
        source = Path(run["data"]["source"]).name
        called = f"{run['model']} ({run['scheme']})" if run["scheme"] else run["model"]
        title = f"{called}, {source}, seed {run['seed']}"
        write_atomically(self.folder / "curves.png", draw_curves(rows, self.progress.before, title))
        write_atomically(self.folder / RESULT, result.to_json())
        return result
