"""The recipe: every number that decides how a network is trained, and nothing about the network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tableau2net.declared import changed, hold_types, setting
from tableau2net.errors import InputError

MAX_REFINEMENTS = 6  # 64 times the steps
MOST_EPOCHS, MOST_IMAGES = 1_000_000, 1_000_000_000
OPTIMISERS = ("sgd", "adamw")
SCHEDULES = ("steps", "cosine", "one-cycle", "constant")


@dataclass(frozen=True)
class Recipe:
    """SGD as the residual networks were published with: 0.1, divided by ten at half and three quarters.

    The rate rises from 0 for `warmup` epochs, along a straight line, and then goes as `schedule` says: "steps", each
    fraction of the epochs in `milestones` that is reached multiplies it by `factor`; "cosine", down to 0 along half a
    cosine; "one-cycle", down to 0 along a straight line (Smith 2018, without the cycle of the momentum); "constant".

    `optimiser` is "sgd", with `momentum` (and `nesterov`), or "adamw", with `betas`. Weight decay spares the learnt
    coefficients of a scheme. The last batch of an epoch may be smaller than `batch_size`; it is kept.

    `augment` turns on the crop of the padded image, and the flip where the data allow it; `cutout` is the side in
    pixels of a square that is cut out of each image (DeVries and Taylor 2017), 0 for none; `mixup` the α of the
    Beta(α, α) that images of a batch are mixed by (Zhang et al. 2018), 0 for none; `label_smoothing` the share of a
    label that goes to all classes alike. `ema` is the decay a step of an average of the weights, which then is the
    network that is measured and kept; 0 for none.

    `refine` are fractions of the epochs too, increasing: at each, every step of the network becomes two of half the
    length, and a new level begins: the optimiser starts anew, and so does the schedule, whose milestones are then
    fractions of the epochs of a level. (Chang et al. 2018 restart theirs, a cosine, at each refinement.)

    `smoothness` is the weight in the loss of what a dynamic network's θ(t) varies, `clip` the bounds that its weights
    are put back into after each update, (of convolutions, of the head and of normalisation): Onken et al. 2019.

    Raises InputError naming a value that cannot be used.
    """

    epochs: int = setting(160, "Times through the data.")
    batch_size: int = setting(128, "Images per step.")
    lr: float = setting(0.1, "The highest learning rate; AdamW wants about 0.001.")
    momentum: float = setting(0.9, "Momentum of SGD.")
    weight_decay: float = setting(1e-4, "Weight decay; none on learnt coefficients.")
    milestones: tuple[float, ...] = setting(
        (0.5, 0.75), "Fraction of the epochs where the rate falls to a tenth; repeatable.", option="milestone"
    )
    factor: float = setting(0.1, "What the rate is multiplied by at each milestone.")
    augment: bool = setting(True, "Shift images, and mirror them where that keeps their label.")
    refine: tuple[float, ...] = setting(
        (),
        "Fraction of the epochs where each step becomes two, and the schedule restarts; repeatable.",
        option="refine_at",
    )
    smoothness: float = setting(0.0, "Weight of a dynamic network's change of weights in time.")
    clip: tuple[float, float] | None = setting(
        None, "A dynamic network's weights stay within: 0.5,1.5.", metavar="KERNELS,SCALINGS"
    )
    optimiser: str = setting("sgd", "sgd or adamw.")
    nesterov: bool = setting(False, "Nesterov's momentum.")
    betas: tuple[float, float] = setting((0.9, 0.999), "Decays a step of AdamW's averages.", metavar="FIRST,SECOND")
    schedule: str = setting("steps", "What the rate does: steps (falls at milestones), cosine, one-cycle or constant.")
    warmup: float = setting(0.0, "Epochs in which the rate rises from 0.")
    label_smoothing: float = setting(0.0, "Share of a label that goes to all classes alike.")
    cutout: int = setting(0, "Side in pixels of a square cut out of each image.")
    mixup: float = setting(0.0, "Images are mixed by Beta(ALPHA, ALPHA).", metavar="ALPHA")
    ema: float = setting(0.0, "Decay a step of an average of the weights, which is measured.")

    def __post_init__(self) -> None:
        hold_types(self, "recipe")
        few = len(self.refine) <= MAX_REFINEMENTS
        fractions = few and all(0 < r < 1 for r in self.refine)
        levels = fractions and all(self.level_epochs(level) for level in range(len(self.refine) + 1))
        shortest = min(len(self.level_epochs(level)) for level in range(len(self.refine) + 1)) if levels else 0
        bounds = self.clip or (1.0, 1.0)
        rules = (
            ("epochs", 1 <= self.epochs <= MOST_EPOCHS, f"from 1 to {MOST_EPOCHS:,}"),
            ("batch_size", 1 <= self.batch_size <= MOST_IMAGES, f"from 1 to {MOST_IMAGES:,}"),
            ("lr", 0 < self.lr < math.inf, "positive and finite"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and below 1"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite"),
            ("milestones", all(0 <= m <= 1 for m in self.milestones), "fractions of the epochs, 0 to 1"),
            ("factor", 0 < self.factor < math.inf, "positive and finite"),
            ("refine", few, f"at most {MAX_REFINEMENTS} fractions of the epochs"),
            ("refine", fractions, "fractions of the epochs, between 0 and 1"),
            (
                "refine",
                levels,
                f"increasing, with at least one of the {self.epochs} epochs before, between and behind them",
            ),
            ("smoothness", 0 <= self.smoothness < math.inf, "at least 0 and finite"),
            (
                "clip",
                len(bounds) == 2 and all(0 < b < math.inf for b in bounds),
                "two bounds, positive and finite: of convolutions, and of the head and normalisation",
            ),
            ("optimiser", self.optimiser in OPTIMISERS, " or ".join(OPTIMISERS)),
            (
                "nesterov",
                not self.nesterov or (self.optimiser == "sgd" and self.momentum > 0),
                "off but for SGD with momentum",
            ),
            ("betas", len(self.betas) == 2 and all(0 <= b < 1 for b in self.betas), "two numbers from 0, below 1"),
            ("schedule", self.schedule in SCHEDULES, ", ".join(SCHEDULES)),
            ("warmup", 0 <= self.warmup < shortest, f"epochs, from 0 to less than the {shortest} that there are"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "at least 0 and below 1"),
            ("cutout", self.cutout >= 0, "pixels, at least 0"),
            ("mixup", 0 <= self.mixup < math.inf, "at least 0 and finite"),
            ("ema", 0 <= self.ema < 1, "at least 0 and below 1"),
        )
        for name, holds, wanted in rules:
            if not holds:
                raise InputError(f"recipe: {name} is {str(getattr(self, name))[:40]}; it must be {wanted}")

    def changed(self, changes: Mapping[str, Any]) -> Recipe:
        """This recipe with some of its numbers changed, as a file or a command line gives them.

        Raises InputError for a name that is none of a recipe's, a value of another type, or one that cannot be used.
        """
        return replace(self, **changed(self, changes, "recipe"))

    def level_epochs(self, level: int) -> range:
        """The epochs, counted from 0, of a level: of the network that has been refined so often."""
        ends = (*self._starts, self.epochs)
        return range(ends[level], ends[level + 1])

    def level_at(self, epoch: float) -> int:
        """How often the network that is trained at a moment has been refined; the first epoch goes from 0 to 1."""
        return sum(epoch >= start for start in self._starts) - 1

    def lr_at(self, epoch: float) -> float:
        """The learning rate at a moment, the first epoch going from 0 to 1."""
        own = self.level_epochs(self.level_at(epoch))
        passed = epoch - own.start
        if passed < self.warmup:
            return float(self.lr * passed / self.warmup)
        left = 1 - (passed - self.warmup) / (len(own) - self.warmup)  # 1 behind the warm-up, 0 at the end
        match self.schedule:
            case "steps":
                drops = sum(passed >= _reached(m, len(own)) for m in self.milestones)
                return float(self.lr * self.factor**drops)
            case "cosine":
                return self.lr * (1 - math.cos(math.pi * left)) / 2
            case "one-cycle":
                return self.lr * left
            case _:
                return self.lr

    def rates(self, epoch: int, steps: int) -> list[float]:
        """The learning rates of the steps of an epoch, the first epoch being 0: each as in the middle of its step."""
        return [self.lr_at(epoch + (step + 0.5) / steps) for step in range(steps)]

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        """The first epoch of each level."""
        return (0, *(_reached(r, self.epochs) for r in self.refine))


def _reached(fraction: float, epochs: int) -> int:
    """The first of so many epochs that has the fraction behind it; a fraction of a float's last digits is none."""
    return math.ceil(fraction * epochs - 1e-9)
