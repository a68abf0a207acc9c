"""A run in its folder: epoch by epoch, each kept, up to its result."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from safetensors.torch import save
from torch import Tensor

from tableau2net.data.data import Data
from tableau2net.data.given import feed_of
from tableau2net.declared import plain
from tableau2net.errors import InputError
from tableau2net.files import write_atomically
from tableau2net.nn.overview import cost
from tableau2net.plot.runs.curves import draw_curves
from tableau2net.recipes.adversary import USUAL_OF
from tableau2net.recipes.recipe import Recipe
from tableau2net.recipes.task import CLASSIFY
from tableau2net.runs.finished import attacked_name
from tableau2net.runs.result import RESULT, Result, told
from tableau2net.runs.run_folder import CHECKPOINT, LOG, PREDICTIONS, WEIGHTS
from tableau2net.runs.run_spec import RunSpec
from tableau2net.runs.stored import detached
from tableau2net.runtime.reversible import ReversalError
from tableau2net.runtime.stage_solve import ConvergenceError
from tableau2net.training import environment, network
from tableau2net.training.adversary import Attacked, update_for
from tableau2net.training.capture import CapturedSteps, capture_cuda
from tableau2net.training.checkpoint import Progress, random_state, tensors_of, write_checkpoint
from tableau2net.training.evaluation import Evaluation, compare_accuracy
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level
from tableau2net.training.network import ReadyNetwork
from tableau2net.training.objectives import Objective, objective_of, per_cent_wrong
from tableau2net.training.progress import ProgressDisplay
from tableau2net.training.stop import Stop, Stopped
from tableau2net.training.update import Update
from tableau2net.words import counted

if TYPE_CHECKING:
    from tableau2net.training.tensorboard import Board

TOGETHER = 16  # steps after which many processes agree whether to go on


@dataclass
class TrainingRun:
    """A run in its folder: the level that is trained, of the network that was made for it, and how far it has come."""

    folder: Path
    asked: RunSpec
    data: Data
    execution: Execution
    level: Level
    made: ReadyNetwork
    progress: Progress
    display: ProgressDisplay
    board: Board | None
    stop: Stop
    update: Update = field(init=False)
    step: Callable[[int], None] = field(init=False)
    attacked: dict[str, Tensor] = field(default_factory=dict, init=False)  # labels of test images, by the attack

    def __post_init__(self) -> None:
        self._begin_level(self.level)

    @property
    def recipe(self) -> Recipe:
        """What it is trained by."""
        return self.asked.recipe

    @property
    def objective(self) -> Objective:
        """What it is trained by and judged by."""
        return objective_of(self.asked)

    @property
    def seed(self) -> int:
        """What chance follows from."""
        return self.asked.seed

    def keep(self, seen: int = 0, seconds: float = 0.0) -> None:
        """Write the checkpoint: of the end of an epoch, or with so many images of one seen in so many seconds."""
        self.progress = replace(self.progress, seen=seen, seconds=seconds)
        tensors = tensors_of(self.level)
        if seen:
            carried = {name: self.execution.ranks.gathered(own) for name, own in self.update.carried().items()}
            tensors |= {"sums": self.update.sums, **carried, **random_state(self.execution)}
        self.write(lambda: write_checkpoint(self.folder / CHECKPOINT, self.progress, tensors))

    def log(self) -> None:
        """Write the log, which follows from the checkpoint."""
        text = "".join(json.dumps(row) + "\n" for row in self.progress.rows)
        self.write(lambda: write_atomically(self.folder / LOG, text))

    def write(self, write: Callable[[], None]) -> None:
        """Let the first process write; where it cannot, none goes on."""
        self.execution.ranks.agreed(write if self.execution.ranks.first else lambda: None)

    def come(self) -> str:
        """How far the run has come, in words."""
        seen = self.progress.seen
        return counted(len(self.progress.rows), "epoch") + (f" and {seen:,} images" if seen else "")

    def train(self) -> None:
        """Train for all that is left, keeping each epoch. Raises Stopped, or KeyboardInterrupt, where it is stopped."""
        try:
            while len(self.progress.rows) < self.recipe.epochs:
                self._epoch(len(self.progress.rows))
        except (ConvergenceError, ReversalError) as error:
            raise InputError(f"{self.folder}: in epoch {len(self.progress.rows) + 1}, {error}") from None
        except KeyboardInterrupt:
            self.display.note(f"stopped after {self.come()}; go on with --resume --out {self.folder}")
            raise

    def _epoch(self, epoch: int) -> None:
        """Train for an epoch, from where it was left, and write down what came of it."""
        start = time.perf_counter() - self.progress.seconds
        if self.recipe.level_at(epoch) > len(self.progress.refinements):
            self._refine(epoch)
        row = {"epoch": epoch + 1, **self._images(epoch)}
        self._check(row, epoch)
        row |= self._evaluation().figures()
        if (residual := self._evaluation().residual()) is not None:
            row["residual"] = residual
        if robust := self._robust_errors(epoch):
            row["robust"] = robust
            self.display.robust(robust)
        row |= {"seconds": time.perf_counter() - start, "coefficients": network.learnt(self.level.measured) or None}
        if self.progress.refinement:
            row["refinement"] = self.progress.refinement
        self.progress = replace(self.progress, rows=[*self.progress.rows, row], refinement=None)
        self.keep()
        self.log()
        if self.board:
            self.board.row(row)
        self.display.epoch(row)

    def _robust_errors(self, epoch: int) -> dict[str, float]:
        """The test errors under attack behind an epoch, per cent, where they are wanted: behind the last at least."""
        spec = self.asked.adversary
        every = spec.evaluate_every or self.recipe.epochs
        if (epoch + 1) % every and epoch + 1 < self.recipe.epochs:
            return {}
        measured = Attacked(
            self.level.measured, self.data, self.execution.device, self.execution.precision, self.seed,
            self.recipe.batch_size,
        )  # fmt: skip
        errors = {}
        for attack in spec.attacks:
            given, true = measured.predictions(attack)
            self.attacked[str(attack)] = given
            errors[str(attack)] = per_cent_wrong(given, true)
        return errors

    def _evaluation(self) -> Evaluation:
        device, precision = self.execution.device, self.execution.precision
        return Evaluation(self.level.measured, self.data, device, precision, self.objective)

    def _images(self, epoch: int) -> dict[str, Any]:
        """Train on the images of an epoch that are left. Raises Stopped where that is asked for on the way."""
        update, seen = self.update, self.progress.seen
        count = update.feed.count
        began = time.perf_counter() - self.progress.seconds
        update.start(epoch, seen)
        while seen < count:
            if reason := self._reason(seen // self.recipe.batch_size):
                if seen:
                    self._check(update.row(), epoch)  # what has diverged is not worth keeping
                    self.keep(seen, time.perf_counter() - began)
                raise KeyboardInterrupt if reason == "SIGINT" else Stopped(self.folder, reason, f"after {self.come()}")
            size = min(self.recipe.batch_size, count - seen)
            update.feed.advance(size)
            self.step(size)
            seen += size
            self.display.advance(size)
        row = update.row()  # the device is waited for here
        return row | {"images_per_second": count / (time.perf_counter() - began)}

    def _reason(self, step: int) -> str | None:
        """Why to stop before a step of an epoch, or None. Many processes ask each other, and do so now and then."""
        ranks = self.execution.ranks
        if ranks.count == 1:
            return self.stop()
        if step % TOGETHER:
            return None
        reason = self.stop()
        return reason or "SIGTERM" if ranks.any(reason is not None) else None

    def _refine(self, epoch: int) -> None:
        """Go over to the next level, which begins with this epoch, and measure both networks.

        What was found is kept with the epoch, not before: a run that is killed in that epoch refines again."""
        number = self.recipe.level_at(epoch)
        refined = self.level.refined(number, self.recipe, self.seed, self.execution.ranks)
        change = compare_accuracy(self.level.model, refined.model, self.data, self.objective)
        found = {"epoch": epoch + 1, **change.to_dict()}
        self.display.refinement(found, change)
        self.progress = replace(self.progress, refinement=found)
        self._begin_level(refined)

    def _begin_level(self, level: Level) -> None:
        execution = self.execution
        self.level = level
        feed = feed_of(self.data, self.recipe, self.seed, execution.device, execution.ranks.sharing.share)
        self.update = update_for(level, feed, self.asked, self.data, execution)
        refused = None if execution.asked else self._refused
        self.step = CapturedSteps(self.update, capture_cuda, refused) if "graph" in execution.engine else self.update

    def _refused(self, reason: str) -> None:
        """A step cannot be captured, and nobody asked for that: it is called, and the result will say so."""
        self.execution = replace(
            self.execution, engine=self.execution.engine.removesuffix("graph").removesuffix("-") or "eager"
        )
        self.display.note(f"{reason}; goes on with --engine {self.execution.engine}")

    def _check(self, row: dict[str, Any], epoch: int) -> None:
        """Raises InputError for a loss, or a penalty, that is no longer finite."""
        for name, value in (("loss", row["train_loss"]), ("smoothness", row.get("smoothness", 0.0))):
            if not math.isfinite(value):
                beta = self.asked.adversary.beta or 0.0
                weight = f", or a lower --beta than {beta:g}" if beta > USUAL_OF["trades"]["beta"] else ""
                raise InputError(
                    f"{self.folder}: the {name} became {value} in epoch {epoch + 1}, the checkpoint of "
                    f"epoch {epoch} is kept; start another run with a lower --lr than {self.recipe.lr:g}{weight}"
                )

    def finish(self) -> Result:
        """Write the weights, the predictions for the test images, the curves and the result."""
        progress, model, execution = self.progress, self.level.measured, self.execution
        rows, facts = progress.rows, dict(self.made.facts)
        robust = rows[-1].get("robust", {}) if self.attacked else self._robust_errors(len(rows) - 1)
        # A scheme whose coefficients are all fixed has the same before and after: its own, exact.
        exact = facts.pop("exact", {})
        price = cost(model, self.data.shape)
        figures = {key: rows[-1][key] for key in self.asked.task.kind.keys}
        errors = {key: figures.pop(key, None) for key in CLASSIFY.keys}
        result = Result(
            **facts,
            **told(self.asked),
            run=self.asked,
            precision=execution.precision,
            engine=execution.engine,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            epochs=len(rows),
            train_loss=rows[-1]["train_loss"],
            **errors,
            figures=figures,
            images_per_second=median(row["images_per_second"] for row in rows),
            seconds=sum(row["seconds"] for row in rows),
            coefficients={
                "file": self.made.text,
                "scheme": exact,
                "before": progress.before or exact,
                "after": network.learnt(model) or exact,
            },
            versions=environment.versions(),
            device=environment.describe_device(execution.device),
            commit=environment.commit(),
            date=environment.now(),
            refinements=progress.refinements,
            flops=price.flops,
            evaluations=price.evaluations,
            processes=execution.ranks.count,
            robust=robust,
            residual=rows[-1].get("residual"),
        )
        each = self._evaluation().each("test") | {attacked_name(name): own for name, own in self.attacked.items()}
        kept = {name: own if own.is_floating_point() else own.int() for name, own in each.items()}
        self.write(lambda: self._results(result, kept))
        return result

    def _results(self, result: Result, predictions: dict[str, Tensor]) -> None:
        """The files that a finished run leaves, the result last."""
        model, rows = self.level.measured, self.progress.rows
        metadata = {"run": json.dumps(plain(self.asked)), "refinements": str(len(result.refinements))}
        metadata |= {"scheme": self.made.text} if self.made.text else {}
        write_atomically(self.folder / WEIGHTS, save(detached(model.state_dict()), metadata))
        write_atomically(self.folder / PREDICTIONS, save(detached(predictions)))
        called = f"{result.model} ({result.scheme})" if result.scheme else result.model
        title = f"{called}, {Path(self.asked.data.source).name}, seed {self.seed}"
        write_atomically(self.folder / "curves.png", draw_curves(rows, self.progress.before, title))
        write_atomically(self.folder / RESULT, result.to_json())
